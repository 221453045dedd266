package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How resources that write at the same time share a request. Terraform works on
// ten at once by default, and starts the next ten when it has seen these end: a
// batch goes out once nobody has joined it for a moment.
const (
	batchQuiet   = 4 * time.Millisecond
	batchLongest = 25 * time.Millisecond
	batchMost    = 500 // calls in one request
)

// errNoAnswer is the outcome of a call that its request did not answer.
var errNoAnswer = errors.New("the brokers' answer leaves it out")

// outcome is what one call of a batch came to.
type outcome[A any] struct {
	value A
	err   error
}

// batch sends what several resources ask for at about the same time in one
// request. The zero value is not usable, see [newBatch].
type batch[Q, A any] struct {
	timeout time.Duration
	// send answers the calls in their order, or fails for all of them.
	send func(context.Context, []Q) ([]outcome[A], error)

	mu      sync.Mutex
	waiting []*batchCall[Q, A]
	joined  time.Time // when the last one joined
}

type batchCall[Q, A any] struct {
	ask    Q
	answer outcome[A]
	done   chan struct{}
}

// newBatch makes a batch whose requests are bounded by timeout each.
func newBatch[Q, A any](timeout time.Duration, send func(context.Context, []Q) ([]outcome[A], error)) *batch[Q, A] {
	return &batch[Q, A]{timeout: timeout, send: send}
}

// do joins the next request and waits for its outcome. A call that is cancelled
// waits all the same, since its request may be on its way: what it did must be
// known.
func (b *batch[Q, A]) do(ctx context.Context, ask Q) (A, error) {
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
	for begun := time.Now(); ; {
		time.Sleep(batchQuiet)
		b.mu.Lock()
		if time.Since(b.joined) >= batchQuiet || time.Since(begun) >= batchLongest || len(b.waiting) >= batchMost {
			break
		}
		b.mu.Unlock()
	}
	calls := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	for len(calls) > 0 {
		n := min(len(calls), batchMost)
		b.flush(ctx, calls[:n])
		calls = calls[n:]
	}
}

func (b *batch[Q, A]) flush(ctx context.Context, calls []*batchCall[Q, A]) {
	asks := make([]Q, len(calls))
	for i, call := range calls {
		asks[i] = call.ask
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	answers, err := b.send(ctx, asks)
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
