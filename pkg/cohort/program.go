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

	former      []former // by id
	order       []int    // in which cohorts are decided: after those that they ask about
	attributes  []attributeDef
	attributeOf map[string]int
	traits      int    // predicates on attributes
	review      []bool // cohorts that Review looks at; nil = none
	announced   []bool // cohorts whose members Review tells anew; nil = none
}

// attributeDef is one attribute that predicates read.
type attributeDef struct {
	name  string
	id    uint16 // in state
	ranks []int  // places in the order of deciding of the cohorts that ask about it
}

type cohort struct {
	key        string
	id         uint16    // in state: hash of the key
	outside    condition // decides for those outside: true = they enter
	inside     condition // decides for those inside: false = they leave
	outranks   condition // true = stronger cohorts of its groups hold the person; nil = there are none
	dwell      int64
	path       bool  // membership depends on how it came about, not on the facts alone
	patterns   []int // that its conditions ask about, those of cohorts that it asks about too
	attributes []int // likewise

	sign    uint64  // of all that decides about it
	asked   []reach // how far back it looks for what
	warming int64   // instant until which it is not known in full; 0 = it is
}

func (c *cohort) decides(in bool) condition {
	if in {
		return c.inside
	}
	return c.outside
}

type pattern struct {
	key      string // of the event, with what narrows it
	event    string
	where    Predicate // beside that of the event
	property string    // whose values are summed; empty = events are counted
	guard    guard     // of the cohorts that ask
	id       uint16    // in state: hash of what is kept and the key
	keep     int
	most     int64 // largest sum that is asked for
	uses     []use // by cohort
}

// use says that a cohort asks for the newest depth events of a pattern; an event
// that comes in behind them does not concern it.
type use struct {
	cohort int
	rank   int // of the cohort, in the order of deciding
	depth  int
}

// matcher is one pattern under one name.
type matcher struct {
	kinds  uint32
	source string
	where  [2]Predicate // of the event, of the condition; nil = all
	guard  guard
	reads  bool // the properties are needed
	bit    Patterns
}

func (m *matcher) takes(e *event.Event) bool {
	if e.Kind >= kindBits || m.kinds>>e.Kind&1 == 0 || m.source != "" && m.source != e.Source || !m.guard.admits(e) {
		return false
	}
	for _, w := range m.where {
		if w != nil && !w.Holds(Properties{&e.Properties}) {
			return false
		}
	}
	return true
}

// Match gives the patterns that an event belongs to. Empty = no condition asks about it.
func (g *Program) Match(e *event.Event) Patterns {
	var set Patterns
	named := g.names[e.Name]
	for i := range named {
		if named[i].takes(e) {
			set |= named[i].bit
		}
	}
	for i := range g.anyName {
		if g.anyName[i].takes(e) {
			set |= g.anyName[i].bit
		}
	}
	return set
}

// Reads says whether the event's properties are needed to Match it or to take it in:
// until then they need not be decoded.
func (g *Program) Reads(e *event.Event) bool {
	if len(g.attributes) > 0 && (e.Kind == event.KindIdentify || e.Kind == event.KindSubscription) {
		return true
	}
	named := g.names[e.Name]
	for i := range named {
		if named[i].reads {
			return true
		}
	}
	for i := range g.anyName {
		if g.anyName[i].reads {
			return true
		}
	}
	return false
}

// Tells says whether the event's properties are attributes of the person that some
// condition asks about.
func (g *Program) Tells(e *event.Event) bool {
	if len(g.attributes) == 0 || e.Kind != event.KindIdentify && e.Kind != event.KindSubscription {
		return false
	}
	for i := range g.attributes {
		if _, ok := tells(&e.Properties, g.attributes[i].name); ok {
			return true
		}
	}
	return false
}

// Revision is a fingerprint of everything in the Spec that decisions depend on, in hex.
func (g *Program) Revision() string { return g.revision }

// Cohorts lists the keys of the cohorts in catalogue order. The list must not be changed.
func (g *Program) Cohorts() []string { return g.keys }
