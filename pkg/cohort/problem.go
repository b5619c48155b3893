package cohort

import (
	"fmt"
	"strings"
)

// Problem is one fault of a Spec.
type Problem struct {
	Path    string   // place in the document: events.order.names, cohorts[3].enter.all[1].did.event
	Message string   // what is wrong and what to do
	Unknown string   // the name that is not known, where that is the fault
	Known   []string // the names that are, sorted
}

// SpecError lists every Problem of a Spec.
type SpecError struct {
	Problems []Problem
}

// Error gives one line per problem.
func (e *SpecError) Error() string {
	var text strings.Builder
	text.WriteString("catalogue:")
	for i, p := range e.Problems {
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, " %s: %s", p.Path, p.Message)
	}
	return text.String()
}

func (e *SpecError) add(path, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (e *SpecError) unknown(path, what, name string, known []string) {
	e.Problems = append(e.Problems, Problem{
		Path:    path,
		Message: fmt.Sprintf("unknown %s %q", what, name),
		Unknown: name,
		Known:   known,
	})
}
