package taxonomy

import (
	"log/slog"
	"sync"
	"time"
)

// pause is how long nothing more is said of one property, in ms.
const pause = int64(time.Minute / time.Millisecond)

// ledger counts violations for the log, so that a sender who goes wrong ten thousand
// times a second is one line a minute. It is bounded by what the catalogue declares.
type ledger struct {
	mu    sync.Mutex
	lines map[line]*tally
}

type line struct{ event, property string }

type tally struct {
	required, wrong int64 // since the last line
	said            int64 // ms; when that was
}

// Tell counts violations of events that were taken, and writes a line for each
// property of which none was written for a minute. now is in ms.
func (c *Checker) Tell(log *slog.Logger, now int64, list []Violation) {
	if c == nil || len(list) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil {
		c.lines = make(map[line]*tally)
	}
	for _, v := range list {
		at := line{v.Event, v.Property}
		t := c.lines[at]
		if t == nil {
			t = &tally{said: now - pause}
			c.lines[at] = t
		}
		if v.Rule == RuleRequired {
			t.required++
		} else {
			t.wrong++
		}
	}
	for at, t := range c.lines {
		if now-t.said >= pause {
			t.say(log, at, now)
		}
	}
}

// Flush writes what was counted and not yet written.
func (c *Checker) Flush(log *slog.Logger, now int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, t := range c.lines {
		t.say(log, at, now)
	}
}

func (t *tally) say(log *slog.Logger, at line, now int64) {
	if t.required+t.wrong == 0 {
		return
	}
	log.Warn("events break what the catalogue declares", "event", at.event, "property", at.property,
		"missing", t.required, "of_another_type", t.wrong)
	*t = tally{said: now}
}
