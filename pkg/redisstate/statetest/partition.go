package statetest

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

func buckets(t *testing.T, s *redisstate.Store) {
	mustCommit(t, s, 0, redisstate.Commit{Next: []byte("c1"), Deadlines: []redisstate.Bucket{{ID: 1, Append: []byte("a")}, {ID: 2, Append: []byte("b")}, {ID: 3}}})
	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2"), Deadlines: []redisstate.Bucket{{ID: 1, Append: []byte("c")}, {ID: 1, Append: []byte("d")}}})
	wantDeadlines(t, s, 0, "c2", map[int64]string{1: "acd", 2: "b", 3: absent})

	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte("c2"), Next: []byte("c3"), Deadlines: []redisstate.Bucket{{ID: 2, Append: []byte("e")}}, DropBuckets: []int64{1, 2, 99}})
	wantDeadlines(t, s, 0, "c3", map[int64]string{1: absent, 2: absent})

	many := redisstate.Commit{Expect: []byte("c3"), Next: []byte("c4")}
	want := make(map[int64]string)
	for id := range int64(700) {
		entry := fmt.Sprintf("entry-%d", id)
		many.Deadlines = append(many.Deadlines, redisstate.Bucket{ID: id, Append: []byte(entry)})
		want[id] = entry
	}
	mustCommit(t, s, 0, many)
	wantDeadlines(t, s, 0, "c4", want)
	drop := redisstate.Commit{Expect: []byte("c4"), Next: []byte("c5")}
	for id := range want {
		if id%2 == 0 {
			drop.DropBuckets = append(drop.DropBuckets, id)
			want[id] = absent
		}
	}
	mustCommit(t, s, 0, drop)
	wantDeadlines(t, s, 0, "c5", want)
}

func partitionsApart(t *testing.T, s *redisstate.Store) {
	for p := range int32(13) { // 1 and 12 begin alike
		mark := fmt.Sprint("p", p)
		mustCommit(t, s, p, redisstate.Commit{Next: []byte(mark), People: people("ann", mark), Deadlines: []redisstate.Bucket{{ID: 1, Append: []byte(mark)}}})
	}
	for p := range int32(13) {
		mark := fmt.Sprint("p", p)
		wantPeople(t, s, p, mark, map[string]string{"ann": mark})
		wantDeadlines(t, s, p, mark, map[int64]string{1: mark})
	}
}

// What has lost its checkpoint is of no known offset: the first commit of a rebuild must not leave any of it.
func leftovers(t *testing.T, s *redisstate.Store, lose func(t *testing.T, key string)) {
	const n = 1000
	full := redisstate.Commit{Next: []byte("c1")}
	old, fresh := make(map[string]string), map[string]string{"person-7": "new", "newcomer": "new"}
	oldBuckets, freshBuckets := make(map[int64]string), make(map[int64]string)
	for i := range n {
		key := fmt.Sprint("person-", i)
		full.People = append(full.People, redisstate.Person{Key: key, Blob: []byte("state")})
		old[key] = "state"
		if key != "person-7" {
			fresh[key] = absent
		}
	}
	for id := range int64(600) {
		full.Deadlines = append(full.Deadlines, redisstate.Bucket{ID: id, Append: []byte("x")})
		oldBuckets[id], freshBuckets[id] = "x", absent
	}
	freshBuckets[5] = "y"
	for _, p := range []int32{1, 11} {
		mustCommit(t, s, p, full)
	}
	lose(t, "{p1}:c")
	wantPeople(t, s, 1, "", old)
	wantConflict(t, s.Commit(t.Context(), 1, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2")}))
	wantPeople(t, s, 1, "", old)

	mustCommit(t, s, 1, redisstate.Commit{
		Next: []byte("c2"), People: people("person-7", "new", "newcomer", "new"), Deadlines: []redisstate.Bucket{{ID: 5, Append: []byte("y")}},
	})
	wantPeople(t, s, 1, "c2", fresh)
	wantDeadlines(t, s, 1, "c2", freshBuckets)
	wantPeople(t, s, 11, "c1", old)
	wantDeadlines(t, s, 11, "c1", oldBuckets)
}

// againstModel plays random commits, right and wrong ones, and compares all of the state after each.
func againstModel(t *testing.T, s *redisstate.Store) {
	keys := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
	var partition int32
	rapid.Check(t, func(rt *rapid.T) {
		partition++ // each case begins with an empty partition
		var checkpoint []byte
		states := map[string]string{"a": absent, "b": absent, "c": absent, "d": absent, "e": absent, "f": absent, "g": absent, "h": absent}
		deadlines := map[int64]string{0: absent, 1: absent, 2: absent}
		for step := range rapid.IntRange(1, 8).Draw(rt, "commits") {
			c := redisstate.Commit{Expect: checkpoint, Next: fmt.Append(nil, "checkpoint ", step)}
			nextStates, nextDeadlines := maps.Clone(states), maps.Clone(deadlines)
			for _, key := range rapid.SliceOfNDistinct(keys, 0, 8, rapid.ID).Draw(rt, "people") {
				p := redisstate.Person{Key: key}
				nextStates[key] = absent
				if rapid.Bool().Draw(rt, "keep") {
					p.Blob = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "state")
					nextStates[key] = string(p.Blob)
				}
				c.People = append(c.People, p)
			}
			for _, id := range rapid.SliceOfN(rapid.Int64Range(0, 2), 0, 4).Draw(rt, "armed") {
				entry := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "entry")
				c.Deadlines = append(c.Deadlines, redisstate.Bucket{ID: id, Append: entry})
				if nextDeadlines[id] == absent {
					nextDeadlines[id] = ""
				}
				nextDeadlines[id] += string(entry)
			}
			for _, id := range rapid.SliceOfNDistinct(rapid.Int64Range(0, 2), 0, 3, rapid.ID).Draw(rt, "dropped") {
				c.DropBuckets = append(c.DropBuckets, id)
				nextDeadlines[id] = absent
			}
			if rapid.IntRange(0, 3).Draw(rt, "stale") == 0 {
				c.Expect = []byte("of another owner")
				wantConflict(rt, s.Commit(t.Context(), partition, c))
			} else {
				mustCommit(rt, s, partition, c)
				checkpoint, states, deadlines = c.Next, nextStates, nextDeadlines
			}
			wantPeople(rt, s, partition, string(checkpoint), states)
			wantDeadlines(rt, s, partition, string(checkpoint), deadlines)
		}
	})
}
