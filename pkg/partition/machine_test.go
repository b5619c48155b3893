package partition

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// settle runs one healthy owner until everything is worked off, committed and due
// deadlines have fired.
func (w *world) settle(t *testing.T) *owner {
	t.Helper()
	w.faults = false
	o := w.begin()
	for range 200_000 {
		o.turn()
		if o.dead {
			t.Fatalf("the healthy owner ended: %+v", o.end)
		}
		if o.m.CaughtUp() && o.position == int64(len(w.log)) && len(o.later) == 0 && !o.m.progressed() && o.m.commit == nil && w.told() == o.position && o.m.sweep == sweepIdle && !o.owesTelling() && len(o.m.out.queue) == 0 {
			o.sizes(t)
			return o
		}
	}
	t.Fatal("the healthy owner does not come to rest")
	return nil
}

// owesTelling says that a cohort has come to be known in full, and its members are not told yet.
func (o *owner) owesTelling() bool {
	_, any := o.m.changed.warm(o.m.logTime)
	return any
}

// sizes compares the sizes that the owner keeps with what the transitions say.
func (o *owner) sizes(t *testing.T) {
	t.Helper()
	want := map[string]int64{}
	for _, x := range o.w.outputs[Transitions].records {
		switch {
		case x.tr == nil:
		case x.tr.Op == cohort.OpEnter:
			want[x.tr.Cohort]++
		case x.tr.Op == cohort.OpExit:
			want[x.tr.Cohort]--
		}
	}
	zero := func(_ string, n int64) bool { return n == 0 }
	got := maps.Clone(o.m.checkpoint.Sizes)
	maps.DeleteFunc(got, zero)
	maps.DeleteFunc(want, zero)
	if !maps.Equal(got, want) {
		t.Fatalf("sizes %v, the transitions say %v", got, want)
	}
}

// told is the position that the newest watermark of the transitions tells, as one reads
// it who comes only now: of the owner in office.
func (w *world) told() int64 {
	records := w.outputs[Transitions].records
	for _, r := range slices.Backward(records) {
		if r.mark != nil {
			return r.mark.Processed
		}
	}
	return -1
}

func (w *world) judge(t *testing.T, seed uint64) {
	t.Helper()
	var got []cohort.Transition
	for _, x := range w.outputs[Transitions].records {
		if x.tr != nil {
			got = append(got, *x.tr)
		}
	}
	want, folded := w.fold()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("seed %d: transitions differ from the fold of the log (-want +got):\n%s", seed, diff)
	}
	for key, ids := range folded.wanted {
		for _, id := range ids {
			if !slices.ContainsFunc(w.log, func(r Record) bool { return r.Event.Person == key && r.Event.ID == id }) {
				t.Fatalf("seed %d: record %s was never passed on to %s", seed, id, key)
			}
		}
	}
	// Looked at once more, nobody is found where they do not belong. (Who is in by enter and
	// stay may be so by an event that a later one has pushed out of the facts.)
	again := folded.rules.WithReview([]string{"buyer", "intent", "keen", "gone"}, nil)
	for key, p := range folded.people {
		var more cohort.Decisions
		copied := folded.decode(key, folded.rules.Append(nil, p))
		if again.Review(copied, folded.logTime, &more); len(more.List) > 0 {
			t.Fatalf("seed %d: %s should have been told of %+v", seed, key, more.List)
		}
	}
	alive := map[string][]string{}
	for key, p := range folded.people {
		for steps := 0; p.Into() != ""; steps++ {
			if p = folded.person(p.Into()); steps > 10 {
				t.Fatalf("seed %d: the aliases of %s stand in a circle", seed, key)
			}
		}
		if root := folded.root(key); !w.forgetful && !slices.Contains(alive[root], p.Key) {
			alive[root] = append(alive[root], p.Key)
		}
	}
	for root, keys := range alive {
		if len(keys) > 1 {
			t.Fatalf("seed %d: %v are one person, and each is alive (joined at %s)", seed, keys, root)
		}
	}
	versions := map[string]int64{}
	members := map[string]map[string]bool{}
	for _, tr := range got {
		if tr.Op == cohort.OpErased {
			continue
		}
		if tr.Version != versions[tr.Person]+1 {
			t.Fatalf("seed %d: %s goes from version %d to %d", seed, tr.Person, versions[tr.Person], tr.Version)
		}
		versions[tr.Person] = tr.Version
		if members[tr.Person] == nil {
			members[tr.Person] = map[string]bool{}
		}
		members[tr.Person][tr.Cohort] = tr.Op == cohort.OpEnter
	}
	newest := map[string]cohort.Profile{}
	for _, x := range w.outputs[Profiles].records {
		if x.profile != nil {
			newest[x.profile.Person] = *x.profile
		}
	}
	for person, version := range versions {
		p := newest[person]
		if p.Version != version && !p.Deleted {
			t.Fatalf("seed %d: the state topic has %s at version %d, the log of transitions at %d", seed, person, p.Version, version)
		}
		if now := folded.people[person]; !p.Deleted && (now.Into() != "" || now.Bare()) {
			t.Fatalf("seed %d: %s has become %q or is erased, and the state topic still has them", seed, person, now.Into())
		}
		in := map[string]bool{}
		for _, m := range p.Memberships {
			in[m.Cohort] = true
		}
		for c, member := range members[person] {
			if member != in[c] {
				t.Fatalf("seed %d: state topic says %v of %s in %s, transitions say %v", seed, in[c], person, c, member)
			}
		}
	}
}

func TestMachine_WithoutFaultsEqualsTheFold(t *testing.T) {
	for seed := range uint64(50) {
		w := newWorld(t, seed)
		w.live(60)
		o := w.settle(t)
		w.judge(t, seed)
		if o.dead || o.m.Stats.Repeated != 0 || o.m.Stats.Contrary != 0 {
			t.Fatalf("seed %d: %+v, want nothing repeated", seed, o.m.Stats)
		}
		// Another owner takes over in silence: its watermarks tell the same, and soon.
		begun := w.now
		if w.settle(t); w.now-begun > 60_000 {
			t.Fatalf("seed %d: the new owner's position was told after %d ms", seed, w.now-begun)
		}
		w.judge(t, seed)
	}
}

// Owners die, are held up, fence each other; the store goes back by some commits or
// loses all. Afterwards the outputs are exactly the fold of the log.
func TestMachine_SurvivesItsFaults(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(3_000) {
		w := newWorld(t, seed)
		w.live(20)
		owners := []*owner{w.begin(), nil}
		for range 1_200 {
			i := w.r.IntN(len(owners))
			o := owners[i]
			switch k := w.r.IntN(300); {
			case o == nil || o.dead:
				if o != nil && o.final != nil {
					t.Fatalf("seed %d: an owner stopped for good: %s", seed, o.final.Reason)
				}
				if w.r.IntN(20) == 0 {
					owners[i] = w.begin()
					seen["tenure"]++
				}
				continue
			case k < 2: // kill: what was sent may still arrive
				seen["kill"]++
				o.dead = true
				if w.r.IntN(2) == 0 {
					late := o.later
					for _, f := range late {
						f()
					}
				}
				continue
			case k == 3 && len(w.past) > 0: // the store's primary is lost with its newest writes
				seen["rollback"]++
				back := max(0, len(w.past)-1-w.r.IntN(3))
				*w.store = *w.past[back].clone()
				w.past = w.past[:back]
			case k == 4 && w.r.IntN(3) == 0:
				seen["store lost"]++
				*w.store = store{people: map[string][]byte{}, buckets: map[int64][]byte{}}
				w.past = nil
			case k == 5:
				w.live(5)
			case k == 7 && w.r.IntN(3) == 0:
				w.now += 50 * minute // a night; what has been warming is known
			case k == 6 && w.r.IntN(3) == 0:
				w.wanted = []string{"rules", "changed", "again"}[w.r.IntN(3)]
			}
			o.turn()
		}
		o := w.settle(t)
		if seed%4 == 0 {
			w.now += 50 * minute
			o = w.settle(t)
		}
		for k, n := range w.count {
			seen[k] += n
		}
		seen["repeated"] += int(o.m.Stats.Repeated)
		if o.m.Stats.Contrary != 0 {
			t.Fatalf("seed %d: %d decisions contradict what was published", seed, o.m.Stats.Contrary)
		}
		w.judge(t, seed)
	}
	for _, k := range []string{"tenure", "kill", "rollback", "store lost", "tick", "answer lost", "not sent", "repeated", "stale fetch", "sweep", "forward", "warmed"} {
		if seen[k] == 0 {
			t.Errorf("%s never happened", k)
		}
	}
	t.Log(seen)
}

// A catalogue that comes in the middle of another's sweep takes over what that one owes:
// the window that the first has made shorter ends for everybody because the definition changed, and
// not whenever their clock strikes next.
func TestMachine_AChangeInTheMiddleOfASweep(t *testing.T) {
	moved := 0
	for seed := range uint64(200) {
		w := newWorld(t, seed)
		w.live(60)
		w.settle(t)
		changes := int64(len(w.log))
		w.wanted = "changed"
		for o := w.begin(); o.m.sweep != 1; o.turn() {
			if o.dead {
				t.Fatalf("seed %d: %+v", seed, o.end)
			}
		}
		w.wanted = "again"
		w.settle(t)
		w.judge(t, seed)
		for _, x := range w.outputs[Transitions].records {
			if x.tr == nil || x.tr.Cohort != "buyer" || x.tr.Op != cohort.OpExit || x.tr.ID.Offset < changes {
				continue
			}
			if moved++; x.tr.Reason != cohort.ReasonDefinitionChanged {
				t.Fatalf("seed %d: %+v", seed, *x.tr)
			}
		}
	}
	if moved == 0 {
		t.Error("nobody was moved by the first change")
	}
}
