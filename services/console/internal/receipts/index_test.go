package receipts

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
)

func receipt(person string, at int64) *avrocodec.Receipt {
	return &avrocodec.Receipt{
		Destination: "saleswings", TransitionID: fmt.Sprint("0-", at, "-0"), Person: person, Cohort: "cart", Op: "enter",
		Version: at, Outcome: "delivered", Status: 202, Attempt: 1, At: at,
	}
}

func times(list []Receipt) (at []int64) {
	for _, r := range list {
		at = append(at, r.At)
	}
	return at
}

func TestIndex_KeepsTheNewestOfEachPerson(t *testing.T) {
	x := NewIndex(3, 100)
	for at := range int64(5) {
		x.Add(receipt("ada", at+1))
	}
	x.Add(receipt("bob", 6))
	got, more := x.Of("ada")
	if diff := cmp.Diff([]int64{3, 4, 5}, times(got)); diff != "" || !more {
		t.Errorf("more=%t (-want +got)\n%s", more, diff)
	}
	want := Receipt{Destination: "saleswings", TransitionID: "0-6-0", Cohort: "cart", Op: "enter", Outcome: "delivered", Version: 6, Status: 202, Attempt: 1, At: 6}
	if got, more := x.Of("bob"); len(got) != 1 || got[0] != want || more {
		t.Errorf("got %v, more=%t; want %v", got, more, want)
	}
	if got, more := x.Of("nobody"); got != nil || more {
		t.Errorf("of nobody: got %v, %t", got, more)
	}
	if count, dropped := x.Held(); count != 4 || dropped != 0 {
		t.Errorf("held %d, dropped up to %d; want 4 and nothing dropped: a person's own newer ones took the place", count, dropped)
	}
}

func TestIndex_WhoHasHadNoneForTheLongestTimeGoesFirst(t *testing.T) {
	x := NewIndex(10, 4)
	for i, person := range []string{"ada", "bob", "ada", "cyd", "dan"} {
		x.Add(receipt(person, int64(i+1)))
	}
	if got, _ := x.Of("bob"); got != nil {
		t.Errorf("bob is still there: %v", got)
	}
	if got, _ := x.Of("ada"); len(got) != 2 {
		t.Errorf("ada has %v, want both", got)
	}
	if count, dropped := x.Held(); count != 4 || dropped != 2 {
		t.Errorf("held %d, dropped up to %d; want 4 and 2", count, dropped)
	}
}

// Whatever comes, nothing exceeds the bounds, and whoever's receipts are all newer than
// what was dropped has every one of them.
func TestIndex_BoundsHoldAndWhatItClaimsToKnowItKnows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		perPerson, most := rapid.IntRange(1, 4).Draw(rt, "per person"), rapid.IntRange(4, 12).Draw(rt, "most")
		x := NewIndex(perPerson, most)
		all := make(map[string][]int64)
		for i, person := range rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"})).Draw(rt, "people") {
			x.Add(receipt(person, int64(i+1)))
			all[person] = append(all[person], int64(i+1))
		}
		total := 0
		_, dropped := x.Held()
		for person, list := range all {
			got, more := x.Of(person)
			total += len(got)
			if len(got) > perPerson {
				rt.Fatalf("%d receipts of one person, at most %d", len(got), perPerson)
			}
			newer := list
			for len(newer) > 0 && newer[0] <= dropped {
				newer = newer[1:]
			}
			if more && len(newer) > len(got) {
				newer = newer[len(newer)-len(got):]
			}
			if have := times(got); len(have) < len(newer) || !slices.Equal(newer, have[len(have)-len(newer):]) {
				rt.Fatalf("of %s it has %v, and claims to know all since %d: %v", person, have, dropped, newer)
			}
		}
		if count, _ := x.Held(); count != total || count > most {
			rt.Fatalf("counts %d, holds %d, at most %d", count, total, most)
		}
	})
}
