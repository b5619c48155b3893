package owner

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

type pausable struct{ paused bool }

func (p *pausable) Pause(int32)  { p.paused = true }
func (p *pausable) Resume(int32) { p.paused = false }

// Whatever the machine and the fetcher do in turn: the queue is never full when an
// answer comes, and a machine that has worked everything off is read for.
func TestGate_HoldsBackAndLetsGo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		reader := &pausable{}
		g := newGate(reader, 3)
		backlog := 0
		take := func() {
			select {
			case f := <-g.open(backlog):
				backlog += int(f.Next - f.From)
			default:
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"fetch": func(rt *rapid.T) {
				if reader.paused {
					return // nothing is delivered of a paused partition
				}
				if len(g.queue) == cap(g.queue) {
					rt.Fatal("the queue is full: delivery to every partition waits")
				}
				g.put(kafkaio.Fetch{Next: rapid.Int64Range(0, 5000).Draw(rt, "records")}, nil)
			},
			"take": func(*rapid.T) { take() },
			"work": func(rt *rapid.T) {
				backlog -= rapid.IntRange(0, backlog).Draw(rt, "worked")
				take()
			},
		})
		for range 2 * fetchesAhead {
			take()
			backlog = 0
		}
		g.open(backlog)
		if reader.paused {
			rt.Fatal("everything is worked off and the partition is still held back")
		}
	})
}
