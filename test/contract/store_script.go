package contract

import (
	"slices"
	"testing"
)

// storeScript plays one case on one store.
type storeScript struct {
	t      testing.TB
	s      Store
	ledger *Ledger
}

func (s *storeScript) expect(got, want string, known ...exception) {
	s.t.Helper()
	s.ledger.expect(s.t, s.s.Part(), got, want, known...)
}

func (s *storeScript) commit(p int, expect, next, words string, want Verdict, known ...exception) {
	s.t.Helper()
	s.expect(string(s.s.Commit(p, change(expect, next, words))), string(want), known...)
}

// people asks for p0, p1, p2 and p6.
func (s *storeScript) people(p int, want string, known ...exception) {
	s.t.Helper()
	s.expect(people(s.s, p, "p0", "p1", "p2", "p6"), want, known...)
}

// deadlines asks for the buckets 4 to 6.
func (s *storeScript) deadlines(p int, want string) {
	s.t.Helper()
	s.expect(deadlines(s.s, p, 4, 3), want)
}

func (s *storeScript) everybody(p int, want string) {
	s.t.Helper()
	s.expect(everybody(s.s, p), want)
}

// done compares whether a part can be brought to do something.
func (s *storeScript) done(can bool, known ...exception) bool {
	s.t.Helper()
	s.expect(map[bool]string{true: "done", false: "cannot"}[can], "done", known...)
	return can
}

type storeCase struct {
	name string
	play func(s *storeScript)
}

// RunStore plays all cases on one part. fresh gives an empty store, with a replica if it can and is
// asked for one.
func RunStore(t *testing.T, part Part, fresh func(t testing.TB, replica bool) Store) {
	ledger := NewLedger()
	cases := slices.Concat(commitCases, lossCases, replicaCases)
	played := 0
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.play(&storeScript{t: t, s: fresh(t, i >= len(cases)-len(replicaCases)), ledger: ledger})
			played++
		})
	}
	if played == len(cases) {
		ledger.Complete(t, part, StoreDifferences)
	}
}
