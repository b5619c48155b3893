package cohort

import "github.com/cohortflow/cohortflow/pkg/event"

// Patterns is a set of event patterns of one Program.
type Patterns uint64

// Program is a compiled Spec. It never changes and may be used by many at once.
type Program struct {
	revision string
	cohorts  []cohort
	keys     []string
	patterns []pattern
	names    map[string][]matcher
	anyName  []matcher
	words    int // words of a set of cohorts
}

type cohort struct {
	key      string
	id       uint16    // in state: hash of the key
	outside  condition // decides for those outside: true = they enter
	inside   condition // decides for those inside: false = they leave
	patterns []int     // that its conditions ask about
}

func (c *cohort) decides(in bool) condition {
	if in {
		return c.inside
	}
	return c.outside
}

type pattern struct {
	key  string
	id   uint16 // in state: hash of what is kept and the key
	keep int
	uses []use // by cohort
}

// use says that a cohort asks for the newest depth events of a pattern; an event
// that comes in behind them does not concern it.
type use struct {
	cohort int
	depth  int
}

// matcher is one pattern under one name.
type matcher struct {
	kinds  uint32
	source string
	bit    Patterns
}

func (m matcher) takes(kind event.Kind, source string) bool {
	return kind < kindBits && m.kinds>>kind&1 == 1 && (m.source == "" || m.source == source)
}

// Match gives the patterns that an event belongs to. Empty = no condition asks about it.
func (g *Program) Match(kind event.Kind, name, source string) Patterns {
	var set Patterns
	for _, m := range g.names[name] {
		if m.takes(kind, source) {
			set |= m.bit
		}
	}
	for _, m := range g.anyName {
		if m.takes(kind, source) {
			set |= m.bit
		}
	}
	return set
}

// Revision is a fingerprint of everything in the Spec that decisions depend on, in hex.
func (g *Program) Revision() string { return g.revision }

// Cohorts lists the keys of the cohorts in catalogue order. The list must not be changed.
func (g *Program) Cohorts() []string { return g.keys }
