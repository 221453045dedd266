package main

import (
	"fmt"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// step shows one step of a command: a bar on a terminal while it works, a line
// when it is done. Without a terminal a line every ten seconds shows that it
// still works.
type step struct {
	name    string
	started time.Time
	bars    *mpb.Progress
	bar     *mpb.Bar
	said    time.Time // when the last line about the work was printed
}

// quietLines is how often a step says where it is when there is no terminal.
const quietLines = 10 * time.Second

// begin shows that a step began. total is how much there is to do, 0 when that
// is not known.
func begin(name string, total int64) *step {
	s := &step{name: name, started: time.Now(), said: time.Now()}
	if !isTerminal(os.Stdout) {
		return s
	}
	s.bars = mpb.New(mpb.WithOutput(os.Stdout), mpb.WithWidth(30))
	prefix := mpb.PrependDecorators(decor.Name("  "+name+" ", decor.WCSyncSpaceR))
	if total == 0 {
		s.bar = s.bars.New(0, mpb.SpinnerStyle(), prefix, mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	} else {
		s.bar = s.bars.AddBar(total, prefix, mpb.AppendDecorators(decor.CountersNoUnit("%d/%d")), mpb.BarRemoveOnComplete())
	}
	return s
}

// at shows that n of total is done.
func (s *step) at(n, total int64) {
	if s.bar != nil {
		s.bar.SetTotal(total, false)
		s.bar.SetCurrent(n)
		return
	}
	if time.Since(s.said) >= quietLines {
		s.said = time.Now()
		fmt.Printf("  %s: %d of %d\n", s.name, n, total)
	}
}

// done takes the bar away and prints how the step ended.
func (s *step) done(format string, args ...any) {
	s.clear()
	fmt.Printf("  %-12s %s (%.1fs)\n", s.name, fmt.Sprintf(format, args...), time.Since(s.started).Seconds())
}

// clear takes the bar away.
func (s *step) clear() {
	if s.bar != nil {
		s.bar.Abort(true)
		s.bars.Wait()
		s.bar = nil
	}
}
