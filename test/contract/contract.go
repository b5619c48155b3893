// Package contract says what the simulated broker and store of test/sim stand for, as calls with
// their answers: every case is played on the simulated part, on the embedded one and on the real
// one, and they have to answer alike. Where they do not, the difference has a name here, the case
// says what the other part answers instead, and a difference that nobody sees any more is a failure.
package contract

import (
	"slices"
	"strings"
	"testing"
)

// Part is one of those that are compared.
type Part string

// The parts. What the real one answers is right.
const (
	Simulated Part = "simulated"
	Embedded  Part = "embedded"
	Real      Part = "real"
)

// Difference is a known one: a part does something else than the real one, or cannot be brought
// to do it here.
type Difference struct {
	Name string
	Of   Part
}

// but is the answer of a part that differs.
func but(d *Difference, answer string) exception { return exception{d, answer} }

type exception struct {
	known  *Difference
	answer string
}

// Ledger remembers which differences were seen.
type Ledger struct{ seen map[*Difference]bool }

// NewLedger is an empty one.
func NewLedger() *Ledger { return &Ledger{seen: map[*Difference]bool{}} }

// expect fails unless a part answers what all do, or what it is known to answer instead.
func (l *Ledger) expect(t testing.TB, part Part, got, want string, known ...exception) {
	t.Helper()
	for _, k := range known {
		if k.known.Of != part {
			continue
		}
		l.seen[k.known] = true
		if got == want {
			t.Errorf("answers %q as the others do: strike out the difference %q", got, k.known.Name)
		}
		want = k.answer
	}
	if got != want {
		t.Fatalf("answers %q, want %q", got, want)
	}
}

// Complete fails for a difference of the part that no case has seen.
func (l *Ledger) Complete(t testing.TB, part Part, all []*Difference) {
	t.Helper()
	for _, d := range all {
		if d.Of == part && !l.seen[d] {
			t.Errorf("no case shows the difference %q", d.Name)
		}
	}
}

// Written fails unless a table of the documentation names exactly the known differences: the
// first column of its rows, between the heading and the next one.
func Written(t testing.TB, document, heading string) {
	t.Helper()
	_, after, found := strings.Cut(document, heading+"\n")
	if !found {
		t.Fatalf("there is no heading %q", heading)
	}
	section, _, _ := strings.Cut(after, "\n#")
	var written, known []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.Contains(cells[1], "---") || strings.TrimSpace(cells[2]) == "of" {
			continue
		}
		written = append(written, strings.TrimSpace(cells[1])+" ("+strings.TrimSpace(cells[2])+")")
	}
	for _, d := range slices.Concat(BrokerDifferences, StoreDifferences) {
		known = append(known, d.Name+" ("+string(d.Of)+")")
	}
	for _, name := range known {
		if !slices.Contains(written, name) {
			t.Errorf("%q does not stand under %q", name, heading)
		}
	}
	for _, name := range written {
		if !slices.Contains(known, name) {
			t.Errorf("%q stands under %q and no case knows it", name, heading)
		}
	}
}
