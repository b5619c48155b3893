package main

import "fmt"

// tally counts what became of the mutants.
type tally struct {
	caught, same, survived, wrong int
}

// add counts one and gives its line of the report.
func (t *tally) add(m *mutant, v verdict, err error) string {
	word, note := "caught", v.by
	switch {
	case err != nil:
		t.wrong++
		word, note = "ERROR", err.Error()
	case v.caught && m.same != "":
		t.wrong++
		word, note = "ERROR", "it is marked as the same rule, and "+v.by+" catches it: take the mark away"
	case v.caught:
		t.caught++
	case m.same != "":
		t.same++
		word, note = "same", m.same
	default:
		t.survived++
		word, note = "SURVIVED", m.place
	}
	return fmt.Sprintf("%-8s  %-20s  %-72s  %s", word, m.file, m.why, note)
}

func (t *tally) all() int { return t.caught + t.same + t.survived + t.wrong }

func (t *tally) bad() bool { return t.survived+t.wrong > 0 }

func (t *tally) String() string {
	return fmt.Sprintf("%d mutants: %d caught, %d the same rule, %d survived, %d entries at fault",
		t.all(), t.caught, t.same, t.survived, t.wrong)
}
