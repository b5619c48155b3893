package saleswings

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
)

// An owner that was frozen does not know that others have gone on: what it has in its hands would be told behind
// their news.
func TestWork_SendsNothingOnceThePartitionIsSomebodyElses(t *testing.T) {
	bubble(t, func(c *Config) { c.Gate = delivery.GateConfig{Rate: 1000, RetryRate: 1000} }, func(t *testing.T, r *rig) {
		r.change("u1", "cart", true)
		r.settled(time.Minute)
		before := len(r.server.Requests())
		time.Sleep(10 * time.Second) // frozen: the group gives it up
		r.log.Expel()
		id := r.change("u1", "cart", false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(r.server.Requests()) - before; n > 0 {
			t.Errorf("%d requests went out for a partition that is somebody else's", n)
		}
		r.log.Rebalance(0) // and now it is ours again
		r.settled(time.Minute)
		if n := r.server.Count(id); n != 1 {
			t.Errorf("%s was told %d times", id, n)
		}
	})
}
