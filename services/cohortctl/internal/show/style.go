// Package show writes the read API's answers for people who do not read JSON.
package show

import (
	"strings"
	"time"
	"unicode"
)

// Style says how marks are shown.
type Style struct{ Colour bool }

const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (s Style) paint(with, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return with + text + reset
}

// mark is a tick, a cross, or a question mark for what nobody can tell any more.
func (s Style) mark(is *bool) string {
	switch {
	case is == nil:
		return s.paint(yellow, "?")
	case *is:
		return s.paint(green, "✓")
	default:
		return s.paint(red, "✗")
	}
}

// value is the mark of a condition.
func (s Style) value(text string) string {
	switch text {
	case "yes":
		return s.mark(new(true))
	case "no":
		return s.mark(new(false))
	}
	return s.mark(nil)
}

// plain takes out what a terminal would obey: names and ids come from whoever sends events.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '�'
		}
		return r
	}, text)
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// when tells an instant, and how far it lies from another.
func when(t, from time.Time) string { return instant(t) + " (" + distance(t.Sub(from)) + ")" }

func distance(d time.Duration) string {
	switch {
	case d > 0:
		return "in " + Words(d)
	case d < 0:
		return Words(-d) + " ago"
	}
	return "now"
}

// Words tells a duration as people do, in its two largest units: 2h 10m, 5d 9h, 40s. Only
// below a second are there ms.
func Words(d time.Duration) string {
	if d < time.Second {
		return itoa(d.Milliseconds()) + "ms"
	}
	units := []struct {
		name string
		is   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, unit := range units {
		n := d / unit.is
		if n == 0 {
			continue
		}
		text := itoa(int64(n)) + unit.name
		if i+1 < len(units) {
			if rest := d % unit.is / units[i+1].is; rest > 0 {
				text += " " + itoa(int64(rest)) + units[i+1].name
			}
		}
		return text
	}
	return ""
}
