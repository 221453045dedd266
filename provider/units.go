package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unlimited is how a retention without end is written.
const unlimited = "unlimited"

// unit is a suffix and what one of it is worth.
type unit struct {
	suffix string
	worth  float64
}

// durationUnits are in milliseconds, largest first.
var durationUnits = []unit{
	{"w", 7 * 24 * 3600 * 1000},
	{"d", 24 * 3600 * 1000},
	{"h", 3600 * 1000},
	{"m", 60 * 1000},
	{"s", 1000},
	{"ms", 1},
}

// byteUnits hold the decimal units as disks are sold by and the binary ones as
// memory is.
var byteUnits = []unit{
	{"B", 1},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
}

// parseDuration reads a duration such as "30d", "1.5h" or "1d12h" in
// milliseconds.
func parseDuration(s string) (ms int64, err error) {
	total, rest := 0.0, s
	for rest != "" {
		amount, suffix, tail, err := splitAmount(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration: %w; write one such as 30d, 12h, 90m, 1d12h or 500ms", s, err)
		}
		worth, ok := worthOf(suffix, durationUnits)
		if !ok {
			return 0, fmt.Errorf("%q is not a duration: %q is not one of the units w, d, h, m, s and ms", s, suffix)
		}
		total, rest = total+amount*worth, tail
	}
	if s == "" {
		return 0, errors.New("a duration must not be empty: write one such as 30d")
	}
	return whole(s, total)
}

// parseBytes reads a size such as "1.5GiB", "10MB" or "1048576" in bytes.
func parseBytes(s string) (int64, error) {
	amount, suffix, tail, err := splitAmount(s)
	if err != nil || tail != "" {
		return 0, fmt.Errorf("%q is not a size: write one such as 1048576, 10MB or 1.5GiB", s)
	}
	if suffix == "" {
		suffix = "B"
	}
	worth, ok := worthOf(suffix, byteUnits)
	if !ok {
		return 0, fmt.Errorf("%q is not a size: %q is not one of the units B, kB, MB, GB, TB, KiB, MiB, GiB and TiB", s, suffix)
	}
	return whole(s, amount*worth)
}

// formatDuration writes milliseconds in the largest unit that leaves nothing
// over; weeks are left out, since retentions are spoken of in days.
func formatDuration(ms int64) string {
	for _, u := range durationUnits[1:] {
		if worth := int64(u.worth); ms != 0 && ms%worth == 0 {
			return strconv.FormatInt(ms/worth, 10) + u.suffix
		}
	}
	return "0ms"
}

// formatBytes writes a size for people, in binary units.
func formatBytes(n int64) string {
	for _, u := range []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if float64(n) >= u.worth {
			return strconv.FormatFloat(float64(n)/u.worth, 'f', 1, 64) + " " + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}

// splitAmount cuts the first number and its unit off.
func splitAmount(s string) (amount float64, suffix, tail string, err error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789."))
	if digits == 0 {
		return 0, "", "", errors.New("it must begin with a number that is not negative")
	}
	amount, err = strconv.ParseFloat(s[:digits], 64)
	if err != nil {
		return 0, "", "", fmt.Errorf("%q is not a number", s[:digits])
	}
	letters := len(s[digits:]) - len(strings.TrimLeft(s[digits:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if letters == 0 && digits < len(s) {
		return 0, "", "", fmt.Errorf("%q is neither a number nor a unit", s[digits:])
	}
	return amount, s[digits : digits+letters], s[digits+letters:], nil
}

func worthOf(suffix string, units []unit) (float64, bool) {
	for _, u := range units {
		if u.suffix == suffix {
			return u.worth, true
		}
	}
	return 0, false
}

func whole(s string, n float64) (int64, error) {
	if n != math.Trunc(n) || n >= math.MaxInt64 {
		return 0, fmt.Errorf("%q does not come to a whole number that fits in 64 bits", s)
	}
	return int64(n), nil
}

// parseRetention reads a retention in milliseconds: a duration, or -1 for
// "unlimited".
func parseRetention(s string) (int64, error) {
	if s == unlimited {
		return -1, nil
	}
	ms, err := parseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%w; for no end write %q", err, unlimited)
	}
	return ms, nil
}

// formatRetention is the reverse of parseRetention.
func formatRetention(ms int64) string {
	if ms == -1 {
		return unlimited
	}
	return formatDuration(ms)
}
