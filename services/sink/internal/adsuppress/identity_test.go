package adsuppress

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

// suppressions are the records that are neither watermarks nor tombstones.
func (r *rig) suppressions() (out []avrocodec.Suppression) {
	for _, rec := range r.output.records() {
		if rec.Value != nil && string(rec.Key) != watermarkKey {
			out = append(out, r.decode(rec.Value))
		}
	}
	return out
}

// The two keys are read in any order: taking the weaker one back must not take digests
// off the list that the stronger one has put there.
func TestWork_TakesNoDigestBackOfWhoBecameAnotherPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.change("anon", "vip", true)
		r.change("u1", "vip", true, func(t *cohort.Transition) { t.Reason = cohort.ReasonMerged })
		r.change("anon", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonMerged })
		time.Sleep(time.Minute)
		want := []string{"0-0-0 vip SUPPRESS v1", "0-0-1 vip SUPPRESS v1", "0-0-2 vip RELEASE v2", "tombstone vip"}
		if diff := cmp.Diff(want, r.wrote()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		got := r.suppressions()
		if s := got[1]; s.Reason != "CUSTOMER" || len(s.Identifiers) != 1 {
			t.Errorf("the entry of the stronger key: %+v", s)
		}
		if s := got[2]; s.Reason != "MERGED" || len(s.Identifiers) != 0 || len(s.PreviousIdentifiers) != 0 {
			t.Errorf("the release of the weaker key: %+v", s)
		}
		tombstone := r.output.records()[4]
		if want := "default|vip|" + r.keys.Subject("anon"); string(tombstone.Key) != want || tombstone.Value != nil {
			t.Errorf("got key %s and value %x, want a tombstone of %s", tombstone.Key, tombstone.Value, want)
		}
		named := slices.ContainsFunc(tombstone.Headers, func(h kafkaio.Header) bool {
			return h.Key == "x-transition-id" && string(h.Value) == "0-0-2"
		})
		if !named {
			t.Errorf("the tombstone's headers %v do not name its transition", tombstone.Headers)
		}
	})
}

func TestWork_ReleasesExactlyTheContactsThatWereGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.change("u1", "vip", true)
		r.swapContacts("u1", "vip", true)
		r.swapContacts("u1", "vip", false)
		time.Sleep(time.Minute)
		want := []string{"0-0-0 vip SUPPRESS v1", "0-0-1 vip RELEASE v2", "0-0-2 vip SUPPRESS v3", "0-1-1 vip SUPPRESS v5"}
		if diff := cmp.Diff(want, r.wrote()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		got := r.suppressions()
		before, after := got[0].Identifiers, got[3].Identifiers
		if diff := cmp.Diff(before, got[1].Identifiers); diff != "" {
			t.Errorf("released (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(after, got[2].Identifiers); diff != "" || cmp.Equal(before, after) {
			t.Errorf("suppressed (-want +got)\n%s", diff)
		}
		if s := got[1]; s.Reason != "CUSTOMER" {
			t.Errorf("reason %s, want the audience's own", s.Reason)
		}
		if told := r.journal.told(); !slices.Contains(told, "0-1-0 skipped") {
			t.Errorf("receipts %v, want one of the exit that gave nothing up", told)
		}
	})
}

func TestWork_PassesOverTheProofOfAnErasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.change("u1", "vip", true)
		r.change("u1", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonErased })
		r.change("u1", "", false, func(t *cohort.Transition) {
			t.Op, t.Reason, t.Person, t.Contacts = cohort.OpErased, cohort.ReasonErased, r.keys.Subject("u1"), nil
		})
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" || len(r.want) != 3 {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{"0-0-0 delivered", "0-0-1 delivered", "0-0-2 skipped"}, r.journal.told()); diff != "" {
			t.Errorf("receipts (-want +got)\n%s", diff)
		}
	})
}

// An owner dies after any record, with no watermark behind it, and stays away for so long
// that compaction leaves the last record of each key only: the next owner writes what is
// missing, and nothing twice.
func TestWork_GoesOnAfterAnyRecordWhateverCompactionHasLeft(t *testing.T) {
	erased := func(t *cohort.Transition) { t.Reason = cohort.ReasonErased }
	merged := func(t *cohort.Transition) { t.Reason = cohort.ReasonMerged }
	play := func(r *rig) {
		r.change("u1", "recent", true)
		r.change("u2", "vip", true)
		r.swapContacts("u2", "vip", true)
		r.change("u1", "recent", false, erased)
		r.change("u3", "recent", true)
		r.change("u2", "vip", false, merged)
		r.change("u3", "recent", false, merged)
		r.change("u1", "vip", true)
		r.change("u1", "vip", false, erased)
		r.change("u1", "vip", true)
	}
	count := 0
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		play(r)
		count = len(r.want)
		r.stop()
	})
	for _, squeezed := range []bool{false, true} {
		for n := 1; n <= count+1; n++ { // the fence, and so many after it
			synctest.Test(t, func(t *testing.T) {
				out := healthy(1)
				r := newRig(t, out, func(c *Config) { c.Busy = time.Hour })
				play(r)
				time.Sleep(time.Minute)
				r.stop()
				if got := len(r.wrote()); got != count {
					t.Fatalf("%d records, want %d", got, count)
				}
				out.cut(n)
				if squeezed {
					out.squeeze()
				}
				r.start()
				time.Sleep(time.Minute)
				r.stop()
				if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
					t.Errorf("cut at %d, compacted %v: (-want +got)\n%s", n, squeezed, diff)
				}
			})
		}
	}
}

// Tombstones of the release before name nothing: they are told by the RELEASE before them.
func TestTail_KnowsTombstonesWithoutAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := healthy(1)
		r := newRig(t, out, func(c *Config) { c.Busy = time.Hour })
		r.change("u1", "vip", true)
		r.change("u1", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonErased })
		time.Sleep(time.Minute)
		r.stop()
		out.cut(4) // fence, SUPPRESS, RELEASE, tombstone
		out.forgetHeaders()
		r.start()
		time.Sleep(time.Minute)
		r.stop()
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// Suppressing too many is no harm, too few is: an excluding audience does not wait for its
// cohort to be known in full.
func TestWork_SuppressesWhileACohortIsWarming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.change("u1", "vip", true, func(t *cohort.Transition) {
			t.WarmingUntil = t.DecidedAt + 1
			t.Contacts = [][]byte{r.keys.Seal(seal.KindEmail, "u1@example.com")}
		})
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got := r.journal.last(); !strings.Contains(got, "warming until 2023-11-14T22:13:20Z") {
			t.Errorf("receipt says %q, want until when it is warming", got)
		}
	})
}
