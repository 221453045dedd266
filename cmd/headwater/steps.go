package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
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
	now     atomic.Pointer[standing]
	bars    *mpb.Progress
	bar     *mpb.Bar
	stop    chan struct{} // ends the lines that stand in for a bar
	lines   sync.WaitGroup
	quiet   bool // print nothing: the output is a document
}

// standing is where a step is: so many of total are what, such as "read".
type standing struct {
	n, total int64
	what     string
}

// quietLines is how often a step says where it is when there is no terminal.
const quietLines = 10 * time.Second

// begin shows that a step began. total is how much there is to do, 0 when that
// is not known.
func begin(name string, total int64) *step {
	s := &step{name: name, started: time.Now()}
	s.now.Store(&standing{total: total})
	if !isTerminal(os.Stdout) {
		s.stop = make(chan struct{})
		out := os.Stdout
		s.lines.Go(func() { s.say(out) })
		return s
	}
	s.bars = mpb.New(mpb.WithOutput(os.Stdout), mpb.WithWidth(30))
	prefix := mpb.PrependDecorators(decor.Name("  "+name+" ", decor.WCSyncSpaceR))
	if total == 0 {
		s.bar = s.bars.New(0, mpb.SpinnerStyle(), prefix, mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	} else {
		counts := decor.Any(func(decor.Statistics) string { return s.now.Load().words("/") })
		s.bar = s.bars.AddBar(total, prefix, mpb.AppendDecorators(counts), mpb.BarRemoveOnComplete())
	}
	return s
}

// at shows that n of total are what, a participle that may be empty.
func (s *step) at(n, total int64, what string) {
	s.now.Store(&standing{n, total, what})
	if s.bar != nil {
		s.bar.SetTotal(total, false)
		s.bar.SetCurrent(n)
	}
}

func (s *standing) words(of string) string {
	return strings.TrimSpace(fmt.Sprintf("%d%s%d %s", s.n, of, s.total, s.what))
}

// say prints where the step is, every now and then until it is cleared.
func (s *step) say(out *os.File) {
	ticker := time.NewTicker(quietLines)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		text := fmt.Sprintf("  %s: %.0f s", s.name, time.Since(s.started).Seconds())
		if now := s.now.Load(); now.total > 1 {
			text += ", " + now.words(" of ")
		}
		fmt.Fprintln(out, text)
	}
}

// warn prints a warning without taking the bar away.
func (s *step) warn(text string) {
	if s.bar != nil && isTerminal(os.Stderr) {
		_, _ = fmt.Fprintln(s.bars, text) // above the bar
		return
	}
	fmt.Fprintln(os.Stderr, text)
}

// done takes the bar away and prints how the step ended.
func (s *step) done(format string, args ...any) {
	s.clear()
	if s.quiet {
		return
	}
	fmt.Printf("  %-12s %s (%.1fs)\n", s.name, fmt.Sprintf(format, args...), time.Since(s.started).Seconds())
}

// clear takes the bar away.
func (s *step) clear() {
	if s.bar != nil {
		s.bar.Abort(true)
		s.bars.Wait()
		s.bar = nil
	}
	if s.stop != nil {
		close(s.stop)
		s.lines.Wait()
		s.stop = nil
	}
}
