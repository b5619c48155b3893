package catalogue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Fault is one thing that is wrong, with what to do about it.
type Fault struct {
	File         string
	Line, Column int // from 1
	Message      string
}

// String is the form that editors and terminals can jump to.
func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// Error is every fault of a catalogue, from top to bottom.
type Error struct {
	Faults []Fault
}

// Error gives one line per fault.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// place is a position in the file.
type place struct{ line, column int }

// fault takes down what is wrong at a path of the document.
func (l *loader) fault(path string, at place, format string, args ...any) {
	l.paths = append(l.paths, path)
	l.faults = append(l.faults, Fault{File: l.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) err() error {
	slices.SortStableFunc(l.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{Faults: l.faults}
}

// compiled takes down what the rules themselves refuse. What lies at, in or around a
// fault that is known already follows from it and is left out.
func (l *loader) compiled(err error) {
	var spec *cohort.SpecError
	if !errors.As(err, &spec) {
		if err != nil {
			l.fault("", place{1, 1}, "%v", err)
		}
		return
	}
	known := slices.Clone(l.paths)
	for _, p := range spec.Problems {
		follows := slices.ContainsFunc(known, func(path string) bool { return within(path, p.Path) || within(p.Path, path) })
		if follows {
			continue
		}
		message := p.Message
		if p.Unknown != "" {
			message += suggest(p.Unknown, p.Known)
		}
		l.fault(p.Path, l.nearest(p.Path), "%s", message)
	}
}

// within says whether inner is outer or lies inside it.
func within(outer, inner string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// nearest gives the position of a path, or of what surrounds it.
func (l *loader) nearest(path string) place {
	for {
		if at, ok := l.places[path]; ok {
			return at
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return place{1, 1}
		}
		path = path[:i]
	}
}

// suggest ends a message about an unknown name: with the one that was probably
// meant, else with all that there are.
func suggest(name string, known []string) string {
	best, distance := "", 1+len(name)/3
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < distance || d == distance && best == "" {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(": did you mean %q?", best)
	case len(known) == 0:
		return ": there are none"
	default:
		return ": it has to be one of " + strings.Join(known, ", ")
	}
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that
// make b of a.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var rows [3][65]int
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := &rows[(i+2)%3], &rows[i%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
