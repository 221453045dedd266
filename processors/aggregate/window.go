package main

import (
	"time"

	eventtime "headwater.internal/platform/processors/internal/window"
	"headwater.internal/platform/schemas/aggregates"
)

// window is a length of time to count in, in UTC.
type window byte

const (
	minute window = iota
	hour
	day
	allTime
)

var windows = [...]window{minute, hour, day, allTime}

// start is the first instant of the window that t lies in.
func (w window) start(t time.Time) time.Time {
	return time.UnixMilli(w.startMillis(t.UnixMilli())).UTC()
}

func (w window) startMillis(at int64) int64 {
	if w == allTime {
		return 0
	}
	return eventtime.Tumbling(w.length()).Start(at)
}

// end is the first instant after the window that t lies in. All time has none.
func (w window) end(t time.Time) time.Time { return w.start(t).Add(w.length()) }

func (w window) length() time.Duration {
	switch w {
	case minute:
		return time.Minute
	case hour:
		return time.Hour
	default:
		return 24 * time.Hour
	}
}

func (w window) name() aggregates.Window {
	return [...]aggregates.Window{aggregates.WindowMinute, aggregates.WindowHour, aggregates.WindowDay, aggregates.WindowAllTime}[w]
}

func (w window) lower() string { return [...]string{"minute", "hour", "day", "all_time"}[w] }
