package catalogue

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Words for events that are told again as history.
const (
	replayCount  = "count"
	replayIgnore = "ignore"
)

var replays = []string{replayCount, replayIgnore}

// guardrails are what cohorts do not count, where they say nothing else themselves.
type guardrails struct {
	lookBack     int64 // ms; 0 = events count however late they come
	ignoreReplay bool
}

// defaults reads what holds for every cohort of the file. Cohorts that are made of
// audiences ask about no events, and need none.
func (l *loader) defaults(e entry) {
	f, _ := l.fields(e.path, "guardrails", e.node, []string{"look_back", "replay"}, nil)
	l.guardrails = l.guarded(f)
}

// guarded reads the guardrails among the fields of a cohort.
func (l *loader) guarded(f map[string]entry) guardrails {
	g := l.guardrails
	if e, ok := f["look_back"]; ok {
		g.lookBack = l.duration(e, "look_back")
	}
	if e, ok := f["replay"]; ok {
		if _, truth := l.value(e.path, e.node).(*ast.BoolNode); truth {
			l.fault(e.path, placeOf(e.node), "replay is a word: %s, or %s to keep such events out", replayCount, replayIgnore)
		} else {
			g.ignoreReplay = l.choice(e, "replay", replays) == replayIgnore
		}
	}
	return g
}

func (g guardrails) apply(d *cohort.Definition) {
	d.LookBack, d.IgnoreReplay = g.lookBack, g.ignoreReplay
}
