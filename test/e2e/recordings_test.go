package e2e

import (
	"testing"

	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/replay"
)

// Every recording through HTTP, broker and Redis to the topic of transitions.
func TestRecordings_EqualTheExpectedAnswer(t *testing.T) {
	for name := range replay.Recorded {
		t.Run(name, func(t *testing.T) {
			t.Run("embedded", func(t *testing.T) {
				p := start(t)
				p.send(recorded(t, name))
				p.drain()
				p.judge(expected(t, name))
			})
			t.Run("real", func(t *testing.T) {
				launch.Need(t, launch.PartKafka, launch.PartRedis)
				p := startReal(t)
				p.send(recorded(t, name))
				p.drain()
				p.judge(expected(t, name))
			})
		})
	}
}

// The whole process dies in mid-stream, three times; the sender repeats what was not
// answered.
func TestStandalone_KilledInMidStream(t *testing.T) {
	const name = "retentioneering_ecom_synthetic"
	for parts, begin := range map[string]func(*testing.T, ...string) *pipeline{"embedded": start, "real": startReal} {
		t.Run(parts, func(t *testing.T) {
			p := begin(t)
			events := recorded(t, name)
			for round := range 3 {
				p.send(events[round*len(events)/4 : (round+1)*len(events)/4])
				p.kill()
				p.begin()
			}
			p.send(events[3*len(events)/4:])
			p.drain()
			p.judge(expected(t, name))
		})
	}
}
