package cohort

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawFacts(t *rapid.T, label string, keep int) (facts []Fact) {
	for range rapid.IntRange(0, 8).Draw(t, label) {
		f := Fact{
			At:     rapid.Int64Range(0, 4).Draw(t, "at"),
			ID:     rapid.Uint32Range(0, 3).Draw(t, "id"),
			Offset: rapid.Int64Range(0, 9).Draw(t, "offset"),
		}
		facts, _, _ = insert(facts, f, keep)
	}
	return facts
}

// The union of facts does not depend on who is merged into whom, how often or in
// what order, and inserting is merging with one fact.
func TestMergeFacts_IsAUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keep := rapid.IntRange(1, 5).Draw(t, "keep")
		a, b, c := drawFacts(t, "a", keep), drawFacts(t, "b", keep), drawFacts(t, "c", keep)
		merge := func(x, y []Fact) []Fact { return MergeFacts(nil, x, y, keep) }
		ab := merge(a, b)
		if ba := merge(b, a); !slices.Equal(ab, ba) {
			t.Fatalf("a+b = %v, b+a = %v", ab, ba)
		}
		if l, r := merge(ab, c), merge(a, merge(b, c)); !slices.Equal(l, r) {
			t.Fatalf("(a+b)+c = %v, a+(b+c) = %v", l, r)
		}
		if again := merge(ab, b); !slices.Equal(again, ab) {
			t.Fatalf("a+b = %v, a+b+b = %v", ab, again)
		}
		one := slices.Clone(a)
		for _, f := range b {
			one, _, _ = insert(one, f, keep)
		}
		if !slices.Equal(one, ab) {
			t.Fatalf("merged %v, inserted one by one %v", ab, one)
		}
		if len(ab) > keep || !slices.IsSortedFunc(ab, func(x, y Fact) int {
			if x.newer(y) {
				return -1
			}
			return 1
		}) {
			t.Fatalf("not the newest %d, newest first: %v", keep, ab)
		}
	})
}
