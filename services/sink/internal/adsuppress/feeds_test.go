package adsuppress

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// without is the audiences of the tests but some.
func without(keys ...string) []catalogue.Audience {
	return slices.DeleteFunc(slices.Clone(testAudiences), func(a catalogue.Audience) bool { return slices.Contains(keys, a.Key) })
}

// An audience that is taken out of the catalogue gets nobody any more, and empties as people leave its cohort.
func TestWork_EmptiesTheListOfAnAudienceThatIsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		for _, person := range []string{"u1", "u2", "u3"} {
			r.change(person, "vip", true)
			r.change(person, "recent", true)
		}
		time.Sleep(time.Minute)
		r.stop()
		r.deploy(without("vip", "c_recent"))
		r.retired["vip"], r.retired["recent"] = []string{"vip"}, []string{"c_recent"}
		r.start()
		r.change("u4", "recent", true) // on the lists that there are, and on no other
		r.change("u1", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonDefinitionChanged })
		r.swapContacts("u2", "recent", true)
		r.change("u1", "recent", false)
		r.change("u2", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonMerged })
		r.change("u3", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonErased })
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		reasons := map[string][]string{}
		for _, rec := range r.output.records() {
			if string(rec.Key) == watermarkKey || rec.Value == nil {
				continue
			}
			if s := r.decode(rec.Value); s.Audience == "vip" && s.Op == "RELEASE" {
				reasons[s.Reason] = append(reasons[s.Reason], s.Subject)
				if len(s.Identifiers) != 1 {
					t.Errorf("%s takes nothing off the list: %+v", s.Reason, s)
				}
			}
		}
		want := map[string][]string{"AUDIENCE_REMOVED": {r.keys.Subject("u1"), r.keys.Subject("u2")}, "ERASURE": {r.keys.Subject("u3")}}
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}

		// It comes back, by any cohort: people get on its list again, and nothing else takes them off.
		r.stop()
		r.deploy(without("c_recent"))
		delete(r.retired, "vip")
		r.start()
		r.change("u1", "vip", true)
		r.change("u1", "vip", false)
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
			t.Errorf("back (-want +got)\n%s", diff)
		}

		// What was taken out for long is forgotten.
		time.Sleep(afterlife)
		r.stop()
		r.start()
		delete(r.retired, "recent")
		r.change("u3", "recent", false)
		time.Sleep(time.Minute)
		r.stop()
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
			t.Errorf("after long (-want +got)\n%s", diff)
		}
	})
}

// A changed catalogue, and then everything that can go wrong: what stands in the output is read back.
func TestWork_EmptiesListsUnderFaults(t *testing.T) {
	runs := uint64(150)
	if testing.Short() {
		runs = 20
	}
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			out := healthy(seed)
			r := newRig(t, out, func(c *Config) { c.Busy = 50 * time.Millisecond })
			people, cohorts := []string{"u1", "u2", "u3"}, []string{"recent", "vip"}
			for _, person := range people {
				r.change(person, cohorts[out.draw(2)], true)
			}
			time.Sleep(time.Minute)
			r.stop()
			r.deploy(without("vip", "c_recent"))
			r.retired["vip"], r.retired["recent"] = []string{"vip"}, []string{"c_recent"}
			out.fail()
			r.start()
			for range 30 {
				r.change(people[out.draw(3)], cohorts[out.draw(2)], out.draw(2) == 0, func(tr *cohort.Transition) {
					if tr.Op == cohort.OpExit && out.draw(4) == 0 {
						tr.Reason = []string{cohort.ReasonErased, cohort.ReasonMerged}[out.draw(2)]
					}
				})
				switch out.draw(8) {
				case 0:
					r.input.Rebalance(0)
				case 1:
					out.compact()
				case 2:
					r.stop()
					time.Sleep(time.Duration(out.draw(2000)) * time.Millisecond)
					r.start()
				case 3, 4:
					time.Sleep(time.Duration(out.draw(400)) * time.Millisecond)
				}
			}
			time.Sleep(time.Second)
			out.heal()
			time.Sleep(time.Minute)
			r.stop()
			if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
				t.Errorf("seed %d, faults %v: (-want +got)\n%s", seed, out.drawn(), diff)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestSucceed_TakesOverWhatTheHeaderSays(t *testing.T) {
	r := newRig(t, healthy(1), nil)
	defer func() { r.stop() }()
	const now = int64(1_800_000_000_000)
	f := r.s.succeed("gone=recent,long_gone=vip@1700000000000,gone_before=vip@1799999999000,vip=other,broken,worse=vip@x", now)
	got := string(f.header().Value)
	want := "a_protect=recent,b_recent=recent,c_recent=recent,gone=recent@1800000000000,gone_before=vip@1799999999000,vip=vip,worse=vip@1800000000000"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if again := string(r.s.succeed(got, now+1).header().Value); again != got {
		t.Errorf("read again it is %s", again)
	}
	if strings.Contains(string(r.s.succeed("", now).header().Value), "@") {
		t.Error("without a header something is retired")
	}
}
