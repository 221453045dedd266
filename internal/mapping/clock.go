package mapping

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones of mappings must be known on every machine

	"go.yaml.in/yaml/v3"
)

// clock says how times are written.
type clock struct {
	layouts []string // as in the mapping; tried in their order
	zone    string   // for layouts that name none
	year    int      // for layouts that name none

	forms    []form
	location *time.Location
}

// form is one layout, ready to parse with.
type form struct {
	layout string        // of package time; "" when unit is set
	unit   time.Duration // of a number counted from 1970 UTC
}

var epochs = map[string]time.Duration{
	"unix": time.Second, "unix_ms": time.Millisecond, "unix_us": time.Microsecond, "unix_ns": time.Nanosecond,
}

// finishClock turns layouts and zone into what parse needs and refuses layouts
// that would be read wrongly: with no day, no year or no zone.
func (d *document) finishClock(n *yaml.Node, path string, c *clock) {
	c.location = time.UTC
	if len(c.layouts) == 0 {
		d.errorf(n, "%s needs a layout: rfc3339, unix, unix_ms, unix_us, unix_ns, a strptime layout such as \"%%d/%%b/%%Y:%%H:%%M:%%S %%z\", or a Go layout such as \"02/Jan/2006:15:04:05 -0700\"", path)
		return
	}
	if c.zone != "" {
		location, err := loadZone(c.zone)
		if err != nil {
			d.errorf(n, "%s.zone: %v", path, err)
		} else {
			c.location = location
		}
	}
	for _, layout := range c.layouts {
		forms, err := parseLayout(layout)
		if err == nil {
			err = c.complete(forms[0])
		}
		if err != nil {
			d.errorf(n, "%s.layout %q: %v", path, layout, err)
			continue
		}
		c.forms = append(c.forms, forms...)
	}
}

func loadZone(name string) (*time.Location, error) {
	for _, layout := range []string{"-07:00", "-0700"} {
		if t, err := time.Parse(layout, name); err == nil {
			_, offset := t.Zone()
			return time.FixedZone(name, offset), nil
		}
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%q is no time zone: write UTC, a name such as Europe/Berlin, or an offset such as +02:00", name)
	}
	return location, nil
}

// parseLayout gives the forms of one layout: strptime's %z takes an offset with
// and without its colon, which are two forms in package time.
func parseLayout(layout string) ([]form, error) {
	if unit, ok := epochs[layout]; ok {
		return []form{{unit: unit}}, nil
	}
	switch {
	case layout == "rfc3339":
		return []form{{layout: time.RFC3339Nano}}, nil
	case layout == "%s":
		return []form{{unit: time.Second}}, nil
	case strings.Contains(layout, "%"):
		text, err := fromStrptime(layout)
		forms := []form{{layout: text}}
		if colon := strings.Replace(text, "Z0700", "Z07:00", 1); colon != text {
			forms = append(forms, form{layout: colon})
		}
		return forms, err
	}
	return []form{{layout: layout}}, nil
}

// complete checks that a layout, with year and zone, tells one instant.
func (c *clock) complete(f form) error {
	if f.unit != 0 {
		return nil
	}
	zone := time.FixedZone("XYZ", 5*3600+45*60)
	probe := time.Date(2017, 11, 23, 14, 5, 6, 0, zone)
	read, err := time.Parse(f.layout, probe.Format(f.layout))
	if err != nil {
		return fmt.Errorf("it cannot be read back: %w", err)
	}
	if read.Month() != probe.Month() || read.Day() != probe.Day() {
		return fmt.Errorf("it names no day: a Go layout writes the day of 2 January 2006 (\"2006-01-02\", \"02/Jan/2006\"), a strptime layout %%Y-%%m-%%d")
	}
	if read.Year() != probe.Year() && c.year == 0 {
		return fmt.Errorf("it names no year: add the year of the file, such as `year: 2015`")
	}
	if _, offset := read.Zone(); offset == 0 && read.Location().String() != "XYZ" && c.zone == "" {
		return fmt.Errorf("it names no zone: add `zone: UTC`, a name such as Europe/Berlin, or an offset such as +02:00")
	}
	return nil
}

// parse reads text with the first layout that fits.
func (c *clock) parse(path, text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, f := range c.forms {
		t, ok, err := c.parseForm(f, text)
		if err != nil {
			return t, refuse(path+": "+err.Error(), "%q", text)
		}
		if !ok {
			continue
		}
		if y := t.UTC().Year(); y < 1 || y > 9999 {
			return t, refuse(path+": the year is not between 1 and 9999", "%q", text)
		}
		return t.UTC(), nil
	}
	return time.Time{}, refuse(fmt.Sprintf("%s: the value does not fit layout %s", path, quoted(c.layouts)), "%q", text)
}

func quoted(list []string) string {
	return `"` + strings.Join(list, `" or "`) + `"`
}

func (c *clock) parseForm(f form, text string) (time.Time, bool, error) {
	if f.unit != 0 {
		t, ok := parseEpoch(text, f.unit)
		return t, ok, nil
	}
	t, err := time.ParseInLocation(f.layout, text, c.location)
	if err != nil {
		return t, false, nil //nolint:nilerr // another layout may fit
	}
	if name, offset := t.Zone(); offset == 0 && t.Location() != c.location && strings.Contains(f.layout, "MST") &&
		!slices.Contains([]string{"", "UTC", "GMT", "Z"}, name) {
		// Package time reads an abbreviation that it does not know as UTC.
		return t, false, fmt.Errorf("the zone's abbreviation is unknown (set zone to the place's name, such as America/New_York)")
	}
	if t.Year() == 0 && c.year != 0 {
		month, day := t.Month(), t.Day()
		t = time.Date(c.year, month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		if t.Day() != day {
			return t, false, fmt.Errorf("the day does not exist in the year %d", c.year)
		}
	}
	return t, true, nil
}

// parseEpoch reads a decimal number of units since 1970, exactly, cut at
// nanoseconds.
func parseEpoch(text string, unit time.Duration) (time.Time, bool) {
	if len(text) > 40 || !numberForm.MatchString(text) {
		return time.Time{}, false
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}, false
	}
	n.Mul(n, new(big.Rat).SetInt64(int64(unit)))
	ns := new(big.Int).Div(n.Num(), n.Denom())
	second, rest := new(big.Int).DivMod(ns, big.NewInt(int64(time.Second)), new(big.Int))
	if !second.IsInt64() || second.BitLen() > 50 {
		return time.Time{}, false
	}
	return time.Unix(second.Int64(), rest.Int64()).UTC(), true
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// strptime holds the directives of strptime and what they are in package time.
var strptime = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
	'p': "PM", 'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'j': "002",
	'z': "Z0700", 'Z': "MST", 'T': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02", 'R': "15:04", '%': "%",
	'n': " ", 't': "\t",
}

// fromStrptime rewrites a strptime layout for package time.
func fromStrptime(layout string) (string, error) {
	// Package time reads a fraction behind the seconds in any case.
	layout = strings.NewReplacer(".%f", "", ",%f", "", "%:z", "%z").Replace(layout)
	var out, literal strings.Builder
	flush := func() error {
		text := literal.String()
		literal.Reset()
		a, b := time.Unix(0, 0).UTC(), time.Date(2017, 11, 23, 14, 5, 6, 789, time.FixedZone("XYZ", 20700))
		if a.Format(text) != text || b.Format(text) != text {
			return fmt.Errorf("the text %q would be read as a part of a time: use the Go layout, or cut it off with extract", text)
		}
		out.WriteString(text)
		return nil
	}
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			literal.WriteByte(layout[i])
			continue
		}
		if i++; i == len(layout) {
			return "", fmt.Errorf("it ends with a single %%")
		}
		to, ok := strptime[layout[i]]
		if !ok {
			return "", fmt.Errorf("the directive %%%c is unknown; known: %%Y %%y %%m %%d %%e %%H %%I %%M %%S %%f %%p %%b %%B %%a %%A %%j %%z %%:z %%Z %%T %%D %%F %%R %%s %%%%", layout[i])
		}
		if err := flush(); err != nil {
			return "", err
		}
		out.WriteString(to)
	}
	return out.String(), flush()
}
