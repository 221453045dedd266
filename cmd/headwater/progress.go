package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how an import comes on, on standard error: a bar on a terminal,
// else a line every ten seconds.
type progress struct {
	bytes   atomic.Int64 // read of the file, as it is stored
	counted atomic.Int64 // by refine
	tally   *tally
	bars    *mpb.Progress
	bar     *mpb.Bar
	stop    chan struct{}
	done    chan struct{}
}

// isTerminal says whether f is a terminal, roughly: a character device.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// startProgress begins showing. size is the file's length in bytes, 0 when it is
// unknown.
func startProgress(t *tally, size int64) *progress {
	p := &progress{tally: t, stop: make(chan struct{}), done: make(chan struct{})}
	period := 10 * time.Second
	if isTerminal(os.Stderr) {
		period = 150 * time.Millisecond
		p.bars = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40))
		p.bar = p.bars.AddBar(size,
			mpb.PrependDecorators(decor.Name("importing ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return p.words() })),
			mpb.BarRemoveOnComplete(),
		)
	}
	go p.run(period)
	return p
}

func (p *progress) run(period time.Duration) {
	defer close(p.done)
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		if p.bar == nil {
			_, _ = fmt.Fprintln(os.Stderr, "importing:"+p.words())
			continue
		}
		p.bar.SetCurrent(p.bytes.Load())
	}
}

func (p *progress) words() string {
	lines, sent, last := p.tally.counts()
	text := fmt.Sprintf("  %d lines, %d accepted, %d counted", lines, sent, p.counted.Load())
	if last != nil {
		text += fmt.Sprintf("  (sending again: %.80s)", last)
	}
	return text
}

// end takes the bar away.
func (p *progress) end() {
	close(p.stop)
	<-p.done
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

// reader counts what is read from r.
func (p *progress) reader(r io.Reader) io.Reader { return countingReader{r, &p.bytes} }

type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (c countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
