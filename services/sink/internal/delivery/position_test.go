package delivery

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever the order in which offsets are done, the position is that of the first
// one that is not.
func TestPosition_NeverPassesWhatIsNotDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Position
		if _, ok := p.Committable(); ok {
			t.Fatal("knows a position before anything was read")
		}
		type ticket struct {
			Ticket
			offset int64
		}
		next := rapid.Int64Range(0, 5).Draw(t, "start")
		p.Start(next)
		var open []ticket
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				open = append(open, ticket{p.Open(next), next})
				next++
				p.Pass(next)
			case 1:
				next += rapid.Int64Range(1, 3).Draw(t, "skip")
				p.Pass(next)
			case 2:
				if len(open) > 0 {
					i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
					p.Done(open[i].Ticket)
					p.Done(open[i].Ticket)
					open = append(open[:i:i], open[i+1:]...)
				}
			}
			want := next
			for _, o := range open {
				want = min(want, o.offset)
			}
			if got, ok := p.Committable(); !ok || got != want {
				t.Fatalf("committable %d, %v, want %d", got, ok, want)
			}
		}
	})
}
