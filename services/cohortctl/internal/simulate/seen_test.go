package simulate

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestSeen_IsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, known := newSeen(), map[string]bool{}
		for range rapid.IntRange(0, 5000).Draw(rt, "ids") {
			id := strconv.Itoa(rapid.IntRange(0, 4000).Draw(rt, "id"))
			if got := s.add(id); got == known[id] {
				rt.Fatalf("%s: got new %v, and it was known: %v", id, got, known[id])
			}
			known[id] = true
		}
	})
}
