package delivery

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

func item(person, cohortKey string, n int64) *Item {
	return &Item{Subject: person, Transition: cohort.Transition{Person: person, Cohort: cohortKey, Version: n, ID: cohort.ID{Offset: n}}}
}

func mustAdd(t *testing.T, q *Queue, it *Item) *Item {
	t.Helper()
	added, superseded := q.Add(it)
	if !added {
		t.Fatalf("%d was dropped as a repeat", it.Transition.Version)
	}
	return superseded
}

func versions(items []*Item) string {
	out := ""
	for _, it := range items {
		out += fmt.Sprintf("%s%d ", it.Transition.Person, it.Transition.Version)
	}
	return out
}

func TestQueue_LetsOnePersonsItemsOutOneByOne(t *testing.T) {
	q, now := NewQueue(NewSeen(10)), time.Now()
	mustAdd(t, q, item("a", "x", 1))
	mustAdd(t, q, item("a", "y", 2))
	mustAdd(t, q, item("b", "x", 3))
	first := q.Take(now, 10)
	if got, want := versions(first), "a1 b3 "; got != want {
		t.Fatalf("took %s, want %s", got, want)
	}
	if more := q.Take(now, 10); len(more) != 0 {
		t.Fatalf("took %s while a's first is on its way", versions(more))
	}
	q.Finish(first[0])
	if got, want := versions(q.Take(now, 10)), "a2 "; got != want {
		t.Errorf("took %s, want %s", got, want)
	}
}

func TestQueue_LaterItemsWaitForARetry(t *testing.T) {
	q, now := NewQueue(NewSeen(10)), time.Now()
	mustAdd(t, q, item("a", "x", 1))
	mustAdd(t, q, item("a", "y", 2))
	taken := q.Take(now, 10)
	if q.Release(taken[0], now.Add(time.Second)) {
		t.Fatal("superseded by another cohort's")
	}
	if more := q.Take(now, 10); len(more) != 0 {
		t.Fatalf("took %s before its time", versions(more))
	}
	if at, ok := q.Next(now); !ok || !at.Equal(now.Add(time.Second)) {
		t.Errorf("next at %v, %v", at, ok)
	}
	if got, want := versions(q.Take(now.Add(time.Second), 10)), "a1 "; got != want {
		t.Errorf("took %s, want %s", got, want)
	}
}

func TestQueue_NewsOfTheSameCohortSupersede(t *testing.T) {
	q, now := NewQueue(NewSeen(10)), time.Now()
	mustAdd(t, q, item("a", "x", 1))
	mustAdd(t, q, item("a", "y", 2))
	if old := mustAdd(t, q, item("a", "x", 3)); old == nil || old.Transition.Version != 1 {
		t.Fatalf("superseded %+v, want version 1", old)
	}
	taken := q.Take(now, 10)
	if got, want := versions(taken), "a2 "; got != want {
		t.Fatalf("took %s, want %s", got, want)
	}
	// What is on its way is not superseded until it comes back.
	if old := mustAdd(t, q, item("a", "y", 4)); old != nil {
		t.Fatalf("superseded %d, which is on its way", old.Transition.Version)
	}
	if !q.Release(taken[0], now) {
		t.Error("version 2 came back and was not superseded by version 4")
	}
	if got, want := versions(q.Take(now, 10)), "a3 "; got != want {
		t.Errorf("took %s, want %s", got, want)
	}
}

// Contacts that were given up are told of once: what comes after speaks of others.
func TestQueue_KeepsWhatSpeaksOfOtherContacts(t *testing.T) {
	for name, onItsWay := range map[string]bool{"waiting": false, "on its way": true} {
		t.Run(name, func(t *testing.T) {
			q, now := NewQueue(NewSeen(10)), time.Now()
			mustAdd(t, q, item("a", "x", 1))
			left := item("a", "x", 2)
			left.Keep = true
			if old := mustAdd(t, q, left); old != nil {
				t.Fatalf("it took the place of version %d", old.Transition.Version)
			}
			if onItsWay {
				q.Finish(q.Take(now, 1)[0])
				if got := q.Take(now, 1); len(got) != 1 || got[0] != left {
					t.Fatalf("took %s, want a2", versions(got))
				}
			}
			mustAdd(t, q, item("a", "x", 3))
			if onItsWay && q.Release(left, now) {
				t.Fatal("version 2 came back and version 3 took its place")
			}
			var out string
			for q.Len() > 0 {
				taken := q.Take(now, 1)
				out += versions(taken)
				q.Finish(taken[0])
			}
			if want := "a2 a3 "; out != want {
				t.Errorf("took %s, want %s", out, want)
			}
		})
	}
}

func TestSeen_ForgetsWhomNothingNewerIsDoneFor(t *testing.T) {
	s := NewSeen(3)
	s.Put("a", cohort.ID{Offset: 5})
	s.Forget("b", cohort.ID{Offset: 9})
	s.Forget("a", cohort.ID{Offset: 4})
	if !s.Has("a", cohort.ID{Offset: 5}) {
		t.Error("a was forgotten up to 4, though 5 is done")
	}
	s.Forget("a", cohort.ID{Offset: 5})
	if s.Has("a", cohort.ID{Offset: 1}) || s.Len() != 0 {
		t.Errorf("%d persons remembered, want none", s.Len())
	}
	for i := range int64(5) { // the order of the others is whole
		s.Put(fmt.Sprint(i), cohort.ID{Offset: i})
	}
	if s.Len() != 3 {
		t.Errorf("%d persons remembered, want 3", s.Len())
	}
}

func TestQueue_DropsRepeats(t *testing.T) {
	seen := NewSeen(10)
	q, now := NewQueue(seen), time.Now()
	mustAdd(t, q, item("a", "x", 5))
	if added, _ := q.Add(item("a", "x", 5)); added {
		t.Error("the same transition was taken twice while it waits")
	}
	q.Finish(q.Take(now, 1)[0])
	for _, n := range []int64{4, 5} {
		if added, _ := q.Add(item("a", "y", n)); added {
			t.Errorf("%d was taken though 5 is done", n)
		}
	}
	again := NewQueue(seen) // the next tenure
	if added, _ := again.Add(item("a", "x", 5)); added {
		t.Error("the next tenure takes what the last one delivered")
	}
	// A person who was erased begins at version 1 again, further on in the log.
	reborn := item("a", "x", 9)
	reborn.Transition.Version = 1
	mustAdd(t, again, reborn)
}

func TestSeen_IsBounded(t *testing.T) {
	s := NewSeen(3)
	for i := range int64(10) {
		s.Put(fmt.Sprint(i), cohort.ID{Offset: i})
	}
	if s.Len() != 3 || s.Has("0", cohort.ID{}) || !s.Has("9", cohort.ID{Offset: 9}) || s.Has("9", cohort.ID{Offset: 10}) {
		t.Errorf("%d persons remembered", s.Len())
	}
}

// In any run: a person's items leave in order, the newest of each cohort is finished
// in the end, and what is not finished was superseded by a newer one of its cohort.
func TestQueue_FinishesTheNewestOfEveryCohort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, now := NewQueue(NewSeen(100)), time.Now()
		newest, finished := map[string]int64{}, map[string]int64{}
		lastOut := map[string]int64{}
		var out []*Item
		n, added, ended := int64(0), 0, 0
		take := func() {
			for _, it := range q.Take(now, rapid.IntRange(1, 3).Draw(t, "most")) {
				if it.Transition.Version < lastOut[it.Transition.Person] {
					t.Fatalf("%s: %d left after %d", it.Transition.Person, it.Transition.Version, lastOut[it.Transition.Person])
				}
				lastOut[it.Transition.Person] = it.Transition.Version
				out = append(out, it)
			}
		}
		settle := func(i int, ok bool) {
			it := out[i]
			out = append(out[:i:i], out[i+1:]...)
			key := it.Transition.Person + it.Transition.Cohort
			if ok {
				q.Finish(it)
				ended++
				finished[key] = it.Transition.Version
			} else if q.Release(it, now) {
				ended++
				if it.Transition.Version == newest[key] {
					t.Fatalf("the newest of %s was superseded", key)
				}
			}
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				n++
				it := item(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "p"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "c"), n)
				ok, superseded := q.Add(it)
				if !ok {
					t.Fatalf("%d is no repeat", n)
				}
				added++
				if superseded != nil {
					ended++
				}
				newest[it.Transition.Person+it.Transition.Cohort] = n
			case 2:
				take()
			case 3:
				if len(out) > 0 {
					settle(rapid.IntRange(0, len(out)-1).Draw(t, "i"), rapid.Bool().Draw(t, "ok"))
				}
			}
			if q.Len() != added-ended {
				t.Fatalf("length %d, want %d", q.Len(), added-ended)
			}
		}
		for q.Len() > 0 {
			take()
			for len(out) > 0 {
				settle(0, true)
			}
		}
		for key, want := range newest {
			if finished[key] != want {
				t.Errorf("%s: finished %d, want %d", key, finished[key], want)
			}
		}
	})
}
