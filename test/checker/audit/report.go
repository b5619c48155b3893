package audit

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Kind is a way in which a flow may break its promise.
type Kind string

// Kinds.
const (
	Lost          Kind = "lost"          // should be there and is not
	Duplicate     Kind = "duplicate"     // there twice
	Contradictory Kind = "contradictory" // says something else than what holds
	Disorder      Kind = "out of order"
	Gap           Kind = "gap" // a version is missing
	Stuck         Kind = "stuck"
	Unreadable    Kind = "unreadable"
)

// Kinds lists them in the order of the table.
func Kinds() []Kind { return []Kind{Lost, Duplicate, Contradictory, Disorder, Gap, Stuck, Unreadable} }

// Finding is one fault.
type Finding struct {
	Kind  Kind   `json:"kind"`
	Topic string `json:"topic"`
	What  string `json:"what"`
}

// Report is what an audit found.
type Report struct {
	Findings []Finding        `json:"findings"`
	Counts   map[string]int64 `json:"counts"` // what was looked at
	Unjudged []string         `json:"not_judged"`
}

func newReport() *Report { return &Report{Findings: []Finding{}, Counts: make(map[string]int64)} }

func (r *Report) find(kind Kind, topic, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{kind, topic, fmt.Sprintf(format, args...)})
}

// Sound says that nothing was found.
func (r *Report) Sound() bool { return len(r.Findings) == 0 }

// shown bounds the findings that are printed of each kind.
const shown = 10

// Print writes the table.
func (r *Report) Print(w io.Writer) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(&b, "%-44s %10d\n", name, r.Counts[name])
	}
	for _, name := range r.Unjudged {
		fmt.Fprintf(&b, "not judged: %s\n", name)
	}
	b.WriteByte('\n')
	for _, kind := range Kinds() {
		var found []Finding
		for _, f := range r.Findings {
			if f.Kind == kind {
				found = append(found, f)
			}
		}
		fmt.Fprintf(&b, "%-14s %6d\n", kind, len(found))
		for i, f := range found {
			if i == shown {
				fmt.Fprintf(&b, "    ... and %d more\n", len(found)-shown)
				break
			}
			fmt.Fprintf(&b, "    %s: %s\n", f.Topic, f.What)
		}
	}
	_, _ = io.WriteString(w, b.String()) // a table that cannot be shown changes nothing about the verdict
}
