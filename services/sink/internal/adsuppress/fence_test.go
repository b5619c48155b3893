package adsuppress

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// A zombie is fenced once. It does not fence its successor in return.
func TestWork_AsksTheGroupBeforeItTakesTheEpochBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := healthy(1)
		r := newRig(t, out, nil)
		defer func() { r.stop() }()
		r.change("u1", "vip", true)
		time.Sleep(time.Minute)
		r.input.Expel()
		successor, err := out.TakeEpoch(t.Context(), r.s.transactionalID(0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.write(successor, []kafkaio.OutRecord{{Key: []byte(watermarkKey), Value: out.records()[0].Value}}); err != nil {
			t.Fatal(err)
		}
		before := len(out.records())
		r.change("u1", "vip", false)
		time.Sleep(time.Hour)
		if n := len(out.records()); n != before {
			t.Errorf("the zombie wrote %d records", n-before)
		}
		if next, err := out.TakeEpoch(t.Context(), r.s.transactionalID(0)); err != nil || next.Epoch != successor.Epoch+1 {
			t.Errorf("epoch %d after %d, %v: the zombie took some", next.Epoch, successor.Epoch, err)
		}
		if err := r.feed.Ready(); err == nil {
			t.Error("the zombie says that it is ready")
		}
		r.input.Rebalance(0) // it hears of it, and gets the partition again
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" || r.feed.Ready() != nil {
			t.Errorf("ready %v (-want +got)\n%s", r.feed.Ready(), diff)
		}
	})
}

// Held up between its epoch and its look at the output, an owner finds a newer one there, of another producer id. It
// does not close that for good: nobody could write any more.
func TestWork_ClosesNoProducerThatIsNewerThanItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := healthy(1)
		r := newRig(t, out, nil)
		defer func() { r.stop() }()
		r.change("u1", "vip", true)
		time.Sleep(time.Minute)
		r.stop()
		id := r.s.transactionalID(0)
		out.looks = func() {
			old := out.records()[0]
			out.renew(id)
			newer, err := out.TakeEpoch(t.Context(), id)
			if err != nil {
				t.Error(err)
			}
			fence := kafkaio.OutRecord{Key: []byte(watermarkKey), Value: old.Value}
			if err := out.shutOut(old.ProducerID, newer.ProducerID, fence); err != nil {
				t.Error(err)
			}
			if _, err := out.write(newer, []kafkaio.OutRecord{fence}); err != nil {
				t.Error(err)
			}
		}
		r.change("u1", "vip", false)
		r.start()
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" || r.feed.Ready() != nil {
			t.Errorf("ready %v (-want +got)\n%s", r.feed.Ready(), diff)
		}
	})
}
