package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// How resources that write at the same time share a request. Brokers answer the
// requests of a connection one after the other, and take as long for a write of one
// as of ten: the time in which controllers commit. Terraform works on ten at once by
// default and starts the next as each of them ends. So a batch waits until the one before
// it is answered, and then goes out once everybody is there (see [crowd]), or else
// when nobody has joined for a while.
const (
	batchLook    = time.Millisecond
	batchQuiet   = 15 * time.Millisecond
	batchLongest = 60 * time.Millisecond
	batchMost    = 500 // calls in one request
)

// errNoAnswer is the outcome of a call that its request did not answer.
var errNoAnswer = errors.New("the brokers' answer leaves it out")

// crowd counts the calls that wait in the batches of one instance. The most there
// have been at once is how many resources Terraform works on, which nobody tells a
// provider: when as many wait, no other can come, and waiting longer is in vain.
type crowd struct {
	mu        sync.Mutex
	now, most int
	grown     time.Time // when there were more than ever
}

func (c *crowd) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	if c.now > c.most {
		c.most, c.grown = c.now, time.Now()
	}
}

func (c *crowd) leave(answered int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now -= answered
}

// whole reports whether nobody else can come: as many are here as ever were, for a
// while by now.
func (c *crowd) whole() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now == c.most && time.Since(c.grown) > batchLongest
}

// outcome is what one call of a batch came to.
type outcome[A any] struct {
	value A
	err   error
}

// batch sends what several resources ask for at about the same time in one
// request. The zero value is not usable, see [newBatch].
type batch[Q, A any] struct {
	crowd   *crowd
	timeout time.Duration
	// send answers the calls in their order, or fails for all of them.
	send func(context.Context, []Q) ([]outcome[A], error)

	mu      sync.Mutex
	waiting []*batchCall[Q, A]
	joined  time.Time // when the last one joined
	sending bool      // a request is not answered yet
}

type batchCall[Q, A any] struct {
	ask    Q
	answer outcome[A]
	done   chan struct{}
}

// newBatch makes a batch among those that share a crowd. Its requests are bounded
// by timeout each.
func newBatch[Q, A any](c *crowd, timeout time.Duration, send func(context.Context, []Q) ([]outcome[A], error)) *batch[Q, A] {
	return &batch[Q, A]{crowd: c, timeout: timeout, send: send}
}

// do joins the next request and waits for its outcome. A call that is cancelled
// waits all the same, since its request may be on its way: what it did must be
// known.
func (b *batch[Q, A]) do(ctx context.Context, ask Q) (A, error) {
	b.crowd.enter()
	call := &batchCall[Q, A]{ask: ask, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, call)
	b.joined = time.Now()
	first := len(b.waiting) == 1
	b.mu.Unlock()
	if first {
		go b.gather(context.WithoutCancel(ctx))
	}
	<-call.done
	return call.answer.value, call.answer.err
}

// gather waits until nobody joins any more and sends what is there.
func (b *batch[Q, A]) gather(ctx context.Context) {
	begun := time.Now()
	b.mu.Lock()
	for b.sending || !b.due(begun) {
		if b.sending { // whoever it serves comes back when it is answered
			begun, b.joined = time.Now(), time.Now()
		}
		b.mu.Unlock()
		time.Sleep(batchLook)
		b.mu.Lock()
	}
	calls := b.waiting
	b.waiting, b.sending = nil, true
	b.mu.Unlock()
	for chunk := range slices.Chunk(calls, batchMost) {
		b.flush(ctx, chunk)
	}
	b.mu.Lock()
	b.sending = false
	b.mu.Unlock()
}

// due reports whether waiting longer is in vain. The caller holds the lock.
func (b *batch[Q, A]) due(begun time.Time) bool {
	return time.Since(b.joined) >= batchQuiet || time.Since(begun) >= batchLongest || len(b.waiting) >= batchMost || b.crowd.whole()
}

func (b *batch[Q, A]) flush(ctx context.Context, calls []*batchCall[Q, A]) {
	asks := make([]Q, len(calls))
	for i, call := range calls {
		asks[i] = call.ask
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	answers, err := b.send(ctx, asks)
	b.crowd.leave(len(calls)) // all, before the first of them makes room for another
	for i, call := range calls {
		switch {
		case err != nil:
			call.answer.err = err
		case i < len(answers):
			call.answer = answers[i]
		default:
			call.answer.err = errNoAnswer
		}
		close(call.done)
	}
}
