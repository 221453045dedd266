package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"headwater.internal/platform/internal/kafka"
)

// newRestorer is the task's, with the warm copies that it is to keep.
func (t *task) newRestorer(cfg kafka.Config, env environment) (*restorer, error) {
	waker, _ := t.rule.(Waker)
	disk := waitingDisk(cmp.Or(env.disk, vfs.Default), env.stateDir, t.halts, t.log)
	r := &restorer{
		cfg: cfg, admin: t.admin, spec: t.spec, waker: waker, rule: t.rule, disk: disk, dir: env.stateDir, task: env.task, metrics: t.metrics, log: t.log,
	}
	var err error
	if t.copies > 0 {
		if t.standbys, err = newStandbys(*r, t.copies, t.protocol); err != nil {
			return nil, err
		}
		r.warm = t.standbys
	}
	return r, nil
}

// lockPatience is how long another task of the deployment may take to let go of
// a directory after its partition was taken from it.
const lockPatience = 3 * time.Second

func (r *restorer) place(number int32) string { return filepath.Join(r.dir, strconv.Itoa(int(number))) }

// prepare opens the partition's directory, or makes it anew where it cannot be
// caught up.
func (r *restorer) prepare(ctx context.Context, number int32, log changelog, locked time.Time) (*restored, error) {
	s, err := r.choose(ctx, number, locked)
	if err != nil {
		return nil, err
	}
	if err := s.fits(log.topicID, log.start, log.end, time.Now()); err != nil {
		r.log.Warn("drop state and restore it", "partition", number, "dir", s.dir, "err", err)
		if s, err = r.reopen(s); err != nil {
			return nil, err
		}
	}
	s.local.topicID = log.topicID
	return &restored{number: number, store: s, next: max(s.local.next, log.start), end: log.end}, nil
}

// open opens the partition's directory. Where another live task has not let go of
// it at the given time, one for all partitions that were assigned together, this
// task takes a directory of its own and restores it in full.
func (r *restorer) open(ctx context.Context, number int32, locked time.Time) (*store, error) {
	dir := r.place(number)
	own := filepath.Join(r.dir, fmt.Sprintf("%d.task-%s", number, r.task))
	for {
		if err := r.disk.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("make state directory: %w", err)
		}
		s, err := openStore(r.disk, dir)
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, errUnusable):
			r.log.Warn("drop state and restore it", "partition", number, "dir", dir, "err", err)
			if err := r.disk.RemoveAll(dir); err != nil {
				return nil, fmt.Errorf("drop state: %w", err)
			}
		case time.Now().After(locked) && dir == own:
			return nil, err
		case time.Now().After(locked):
			dir, locked = own, time.Now().Add(lockPatience)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (r *restorer) reopen(s *store) (*store, error) {
	freed := s.freed // it stays in use
	s.freed = nil
	if err := s.close(); err != nil {
		return nil, err
	}
	if err := r.disk.RemoveAll(s.dir); err != nil {
		return nil, fmt.Errorf("drop state: %w", err)
	}
	anew, err := openStore(r.disk, s.dir)
	if err == nil {
		anew.freed = freed
	}
	return anew, err
}

// choose takes the directory or the warm copy that this task keeps, whichever
// misses less of the changelog. With a copy at hand no lock is waited for.
func (r *restorer) choose(ctx context.Context, number int32, locked time.Time) (*store, error) {
	warm := r.warm.take(number)
	if warm == nil {
		return r.open(ctx, number, locked)
	}
	s, err := openStore(r.disk, r.place(number))
	if err != nil {
		return warm, nil //nolint:nilerr // a sleeper's, or unusable: the copy is as good
	}
	best, other := warm, s
	if s.local.topicID == warm.local.topicID && s.local.next >= warm.local.next {
		best, other = s, warm
	}
	if err := other.close(); err != nil {
		return nil, errors.Join(err, best.close())
	}
	return best, nil
}
