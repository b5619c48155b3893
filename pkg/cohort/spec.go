package cohort

import "github.com/cohortflow/cohortflow/pkg/event"

// Bounds of a Spec. They bound the state of one person and the work per event.
const (
	MaxPatterns   = 64                           // event patterns that conditions ask about
	MaxCohorts    = 512                          // cohorts of one catalogue
	MaxConditions = 128                          // nodes of the condition trees of one cohort
	MaxAtLeast    = 1000                         // newest events kept per pattern
	MaxDuration   = int64(3650) * 24 * 3_600_000 // ten years, ms
	maxDepth      = 16                           // nesting of conditions
	cohortWords   = MaxCohorts / 64              // words of a set of cohorts
	kindBits      = 32                           // kinds that a pattern can tell apart
	defaultKinds  = uint32(1) << event.KindTrack // what a pattern without kinds matches
)

// Spec is what a catalogue says, as plain data. Its shape is that of the YAML
// document, so that a Problem's path leads to the place in the file.
type Spec struct {
	Events  []Pattern    // order does not matter
	Cohorts []Definition // order is the order of decisions at one instant
}

// Pattern names a set of events.
type Pattern struct {
	Key    string
	Names  []string     // event names as sent, all aliases of one thing; empty = any name, which needs Kinds
	Kinds  []event.Kind // empty = track
	Source string       // surface that alone counts (event.Source*); empty = any
}

// Definition is one cohort. Either When is set, or Enter and Stay are: then Enter
// decides for those outside and Stay for those inside. Entering needs both, for
// a stay that ends where it begins is none.
type Definition struct {
	Key   string
	When  *Condition
	Enter *Condition
	Stay  *Condition
}

// Condition is one node of a condition tree: exactly one field is set.
type Condition struct {
	Did    *Did
	Silent *Silent
	Quiet  *Quiet
	Not    *Condition
	All    []Condition
	Any    []Condition
}

// Did is true at t when the AtLeast-th newest event is younger than Within (an
// event exactly Within old does not count) and none of NoneOf came at or after it.
type Did struct {
	Event   string
	AtLeast int   // 0 = 1
	Within  int64 // ms; 0 = ever
	NoneOf  []string
}

// Silent is true at t when the event happened at least once and t is at or past
// the newest one + For.
type Silent struct {
	Event string
	For   int64 // ms
}

// Quiet is Silent with none of NoneOf at or after the newest event.
type Quiet struct {
	Event  string
	For    int64 // ms
	NoneOf []string
}
