package saleswings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

func because(reason string) func(*cohort.Transition) {
	return func(t *cohort.Transition) { t.Reason = reason }
}

func (r *rig) with(contacts ...string) func(*cohort.Transition) {
	return func(t *cohort.Transition) {
		t.Contacts = nil
		for _, c := range contacts {
			kind := seal.KindEmail
			if strings.HasPrefix(c, "+") {
				kind = seal.KindPhone
			}
			t.Contacts = append(t.Contacts, r.keys.Seal(kind, c))
		}
	}
}

// erase appends the proof of an erasure.
func (r *rig) erase(person string) string {
	return r.change(person, "", false, because(cohort.ReasonErased), func(t *cohort.Transition) {
		t.Op, t.Person, t.Contacts = cohort.OpErased, r.keys.Subject(person), nil
	})
}

// leads is what was told in order, each with the lead that it was told of.
func (r *rig) leads() (out []string) {
	for _, a := range r.server.Taken() {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Data, a.UserID, a.Email)))
	}
	return out
}

// skipped are the receipts with that outcome: transition and message.
func (j *journal) skipped() (out []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, line := range j.lines {
		if strings.Contains(line, " "+avrocodec.OutcomeSkipped+" ") {
			out = append(out, strings.Fields(line)[0]+" "+j.texts[i])
		}
	}
	return out
}

func TestWork_DoesNotTakeBackWhoBecameAnotherPerson(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.change("anon", "cart", true, r.with("anon@example.com"))
		r.settled(time.Minute)
		id := r.change("anon", "cart", false, because(cohort.ReasonMerged))
		r.settled(time.Minute)
		if diff := cmp.Diff([]string{"anon@example.com anon anon@example.com", "Entered cart anon anon@example.com"}, r.leads()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		want := []string{id + " the person is another one from here on, and the obligation has moved there"}
		if diff := cmp.Diff(want, r.journal.skipped()); diff != "" {
			t.Errorf("skipped (-want +got)\n%s", diff)
		}
	})
}

func TestWork_TellsOfContactsThatChange(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		change := func(out, in func(*cohort.Transition)) (exit string) {
			exit = r.change("u1", "cart", false, because(cohort.ReasonContactsChanged), out)
			r.change("u1", "cart", true, because(cohort.ReasonContactsChanged), in)
			r.settled(time.Minute)
			return exit
		}
		r.change("u1", "cart", true, r.with("old@example.com"))
		r.settled(time.Minute)
		change(r.with("old@example.com"), r.with("new@example.com"))
		nothing := change(r.with(), r.with("new@example.com", "+441134960000"))
		phone := change(r.with("+441134960000"), r.with("new@example.com"))
		want := []string{
			"old@example.com u1 old@example.com", "Entered cart u1 old@example.com",
			"Left cart  old@example.com", // that lead alone: u1 is still in
			"new@example.com u1 new@example.com", "Entered cart u1 new@example.com",
			"Entered cart u1 new@example.com",
			"Entered cart u1 new@example.com",
		}
		if diff := cmp.Diff(want, r.leads()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		const message = " the contacts have changed and none was given up: the stay goes on"
		if diff := cmp.Diff([]string{nothing + message, phone + message}, r.journal.skipped()); diff != "" {
			t.Errorf("skipped (-want +got)\n%s", diff)
		}
	})
}

// The lead that was given up hears of it even when SalesWings fails meanwhile and newer
// transitions of the cohort come; the entry before it need not be told any more.
func TestWork_TellsTheLeadThatWasGivenUpAfterAFailure(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.server.Always(saleswingstest.Status(500))
		first := r.change("u1", "cart", true, r.with("old@example.com"))
		time.Sleep(10 * time.Second)
		exit := r.change("u1", "cart", false, because(cohort.ReasonContactsChanged), r.with("old@example.com"))
		entry := r.change("u1", "cart", true, because(cohort.ReasonContactsChanged), r.with("new@example.com"))
		time.Sleep(10 * time.Second)
		last := r.change("u1", "cart", false, r.with("new@example.com"))
		time.Sleep(10 * time.Second)
		r.server.Always(nil)
		r.settled(5 * time.Minute)
		want := map[string]int{exit: 1, last: 1}
		if diff := cmp.Diff(want, r.server.Counts()); diff != "" {
			t.Errorf("taken, of %v (-want +got)\n%s", []string{first, exit, entry, last}, diff)
		}
		if got := r.leads(); len(got) < 2 || got[0] != "Left cart  old@example.com" || got[len(got)-1] != "Left cart u1 new@example.com" {
			t.Errorf("told %v", got)
		}
	})
}

func TestWork_LetsTheErasedLeaveAndForgetsThem(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.change("u1", "cart", true)
		r.change("u2", "cart", true)
		r.settled(time.Minute)
		r.stop() // SalesWings is not told who u1 is again, though nobody remembers that
		r.d.memory = map[int32]*memory{}
		r.start()
		before := len(r.sent())
		r.change("u1", "cart", false, because(cohort.ReasonErased))
		proof := r.erase("u1")
		r.settled(time.Minute)
		if diff := cmp.Diff([]string{"Left cart u1 v2"}, r.sent()[before:]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		want := []string{proof + " proof of an erasure: what there was to take back stands before it"}
		if diff := cmp.Diff(want, r.journal.skipped()); diff != "" {
			t.Errorf("skipped (-want +got)\n%s", diff)
		}
		r.change("u2", "cart", false)
		r.settled(time.Minute)
		r.stop()
		m := r.d.memory[0]
		if m.seen.Len() != 1 || m.seen.Has(r.keys.Subject("u1"), cohort.ID{}) || !m.seen.Has(r.keys.Subject("u2"), cohort.ID{}) {
			t.Errorf("%d persons are remembered, want u2 alone", m.seen.Len())
		}
		if len(m.erased) != 0 || m.identified.has(r.keys.Subject("u1"), "u1@example.com") || !m.identified.has(r.keys.Subject("u2"), "u2@example.com") {
			t.Errorf("introductions of %d persons are remembered, want that of u2 alone; %d erasures", m.identified.order.Len(), len(m.erased))
		}
		r.start()
		// Who comes back under the same id is a new person.
		r.change("u1", "cart", true)
		r.settled(time.Minute)
		if got, want := r.sent()[len(r.sent())-2:], []string{"identify u1", "Entered cart u1 v4"}; !cmp.Equal(want, got) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// As long as the log may be read again from before the erasure, what was told is known,
// lest it be told twice.
func TestWork_RemembersTheErasedUntilThePositionHasPassed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.server.Always(saleswingstest.FailTransition(500, "0-100-0"))
		r.change("u0", "cart", true, r.with()) // keeps the position at the start
		entry := r.change("u1", "cart", true)
		time.Sleep(10 * time.Second)
		exit := r.change("u1", "cart", false, because(cohort.ReasonErased))
		r.erase("u1")
		time.Sleep(time.Minute)
		r.log.Rebalance()
		time.Sleep(time.Minute)
		r.log.Rebalance(0)
		time.Sleep(time.Minute)
		if got := r.server.Counts(); got[entry] != 1 || got[exit] != 1 {
			t.Errorf("taken %v, want %s and %s once", got, entry, exit)
		}
		if m := r.d.memory[0]; !m.seen.Has(r.keys.Subject("u1"), cohort.ID{Offset: 102}) || !m.identified.has(r.keys.Subject("u1"), "u1@example.com") {
			t.Error("u1 is forgotten before the position has passed")
		}
		r.server.Always(nil)
		r.settled(5 * time.Minute)
		r.stop()
		if m := r.d.memory[0]; m.seen.Has(r.keys.Subject("u1"), cohort.ID{}) || m.identified.has(r.keys.Subject("u1"), "u1@example.com") {
			t.Error("u1 is remembered after the position has passed")
		}
		r.start()
	})
}

func TestMemory_BeginsAnewWhereSomebodyElseHasGoneOn(t *testing.T) {
	m := newMemory(10)
	m.read = 5
	m.seen.Put("u1", cohort.ID{Offset: 4})
	m.erased = []erasure{{offset: 4, id: cohort.ID{Offset: 9}, subject: "u2"}}
	m.seen.Put("u2", cohort.ID{Offset: 3})
	if got := m.begin(5, 10); got != m || !got.seen.Has("u1", cohort.ID{}) || got.seen.Has("u2", cohort.ID{}) {
		t.Error("from where it left off: want u1 remembered, and u2 forgotten")
	}
	if got := m.begin(6, 10); got == m || got.seen.Len() != 0 {
		t.Errorf("from further on: got %d persons remembered, want none", got.seen.Len())
	}
}

func TestWork_HoldsEntriesIntoACohortThatIsWarming(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		warming := func(until int64) func(*cohort.Transition) {
			return func(t *cohort.Transition) { t.WarmingUntil = t.DecidedAt + until }
		}
		id := r.change("u1", "cart", true, warming(86_400_000))
		r.change("u1", "cart", false, warming(86_400_000))
		r.change("u2", "cart", true, warming(0)) // it is known from this instant on
		r.settled(time.Minute)
		want := []string{"identify u2", "Entered cart u2 v1", "identify u1", "Left cart u1 v2"}
		got := r.sent() // of two persons, in one batch
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{id + " warming until 2023-11-15T22:13:20Z"}, r.journal.skipped()); diff != "" {
			t.Errorf("skipped (-want +got)\n%s", diff)
		}
	})
}
