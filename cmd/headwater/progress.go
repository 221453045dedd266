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
	bytes   *atomic.Int64 // read of the file, as it is stored
	size    int64         // of the file; 0 when unknown
	counted atomic.Int64  // by refine
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

// newProgress is to show how much of size bytes was read, 0 when that is unknown.
func newProgress(t *tally, size int64, read *atomic.Int64) *progress {
	return &progress{tally: t, bytes: read, size: size, stop: make(chan struct{}), done: make(chan struct{})}
}

// start begins showing.
func (p *progress) start() {
	period := 10 * time.Second
	if isTerminal(os.Stderr) {
		period = 150 * time.Millisecond
		p.bars = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40))
		p.bar = p.bars.AddBar(p.size,
			mpb.PrependDecorators(decor.Name("importing ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return p.words() })),
			mpb.BarRemoveOnComplete(),
		)
	}
	go p.run(period)
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

// countingReader counts the bytes that are read.
type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (c countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
