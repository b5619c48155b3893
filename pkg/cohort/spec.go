package cohort

import "github.com/cohortflow/cohortflow/pkg/event"

// Bounds of a Spec. They bound the state of one person and the work per event.
const (
	MaxPatterns   = 64                           // event patterns that conditions ask about
	MaxCohorts    = 512                          // cohorts of one catalogue
	MaxConditions = 128                          // nodes of the condition trees of one cohort
	MaxAtLeast    = 1000                         // newest events kept per pattern
	MaxSummed     = 256                          // newest events that a sum adds up
	MaxGroups     = 64                           // groups of one catalogue
	MaxDuration   = int64(3650) * 24 * 3_600_000 // ten years, ms
	MaxSum        = 1e9                          // largest sum that can be asked for
	MaxText       = 256                          // bytes of a text attribute that are kept
	MaxAttributes = 64                           // attributes that predicates ask about
	maxDepth      = 16                           // nesting of conditions
	cohortWords   = MaxCohorts / 64              // words of a set of cohorts
	kindBits      = 32                           // kinds that a pattern can tell apart
	defaultKinds  = uint32(1) << event.KindTrack // what a pattern without kinds matches
)

// Spec is what a catalogue says, as plain data. Its shape is that of the YAML
// document, so that a Problem's path leads to the place in the file.
type Spec struct {
	Events  []Pattern    // order does not matter
	Cohorts []Definition // order is the order of decisions at one instant, save that a cohort comes after those that it asks about
	Groups  []Group
}

// Group holds cohorts of which a person is in at most one: the first in the list
// whose own rule takes them.
type Group struct {
	Key     string
	Cohorts []string // keys, the strongest first
}

// Pattern names a set of events.
type Pattern struct {
	Key    string
	Names  []string     // event names as sent, all aliases of one thing; empty = any name, which needs Kinds
	Kinds  []event.Kind // empty = track
	Source string       // surface that alone counts (event.Source*); empty = any
	Where  Predicate    // on the event's properties; nil = all
}

// Predicate is a test of an event's properties or of a person's attributes. What is
// missing or of another type makes it false. It depends on nothing but its argument.
type Predicate interface {
	Holds(Values) bool
	Text() string         // two predicates of one text are one
	Attributes() []string // names that it reads of what it is given, sorted
}

// Values are what a predicate is about.
type Values interface {
	// Value gives what is known by a name; false = nothing.
	Value(name string) (Value, bool)
}

// Definition is one cohort. Either When is set, or Enter and Stay are: then Enter
// decides for those outside and Stay for those inside. Entering needs both, for
// a stay that ends where it begins is none.
type Definition struct {
	Key   string
	When  *Condition
	Enter *Condition
	Stay  *Condition
	Dwell int64 // ms for which the rule must say no before a stay ends; 0 = it ends at once

	// Guardrails: events that its conditions do not see, those of NoneOf included. What an
	// event tells of attributes, and the cohorts that are asked about, are not held back.
	LookBack     int64 // ms; an event that was accepted more than that after it happened does not count; 0 = however late
	IgnoreReplay bool  // events that are told again as history do not count
}

// Condition is one node of a condition tree: exactly one field is set.
type Condition struct {
	Did       *Did
	Sum       *Sum
	Silent    *Silent
	Quiet     *Quiet
	Attribute Predicate // on the newest attributes; those never told are not there
	Member    string    // key of another cohort
	During    *During
	Not       *Condition
	All       []Condition
	Any       []Condition
}

// Did is true at t when the AtLeast-th newest event is younger than Within (an
// event exactly Within old does not count) and none of NoneOf came at or after it.
type Did struct {
	Event   string
	Where   Predicate // beside that of the event; nil = all
	AtLeast int       // 0 = 1
	Within  int64     // ms; 0 = ever
	NoneOf  []string
}

// Sum is true at t when the values of a numeric property, of the events younger than
// Within, come to AtLeast or more. Values that are not positive or no numbers count
// nothing. Of each value four decimals count.
type Sum struct {
	Event    string
	Where    Predicate
	Property string
	AtLeast  float64
	Within   int64 // ms; 0 = ever
}

// Silent is true at t when the event happened at least once and t is at or past
// the newest one + For.
type Silent struct {
	Event string
	Where Predicate
	For   int64 // ms
}

// Quiet is Silent with none of NoneOf at or after the newest event.
type Quiet struct {
	Event  string
	Where  Predicate
	For    int64 // ms
	NoneOf []string
}

// During is true from From until To, To excluded.
type During struct {
	From, To int64  // ms since 1970 UTC
	Text     string // how people wrote it
	// Weekly, where it is set, takes the place of From and To.
	Weekly Calendar
}

// Calendar is a span that comes again and again, by the clocks of some place.
type Calendar interface {
	// At says whether t lies within, and the next instant at which that changes.
	At(t int64) (in bool, next int64)
	// String names everything that At depends on.
	String() string
}
