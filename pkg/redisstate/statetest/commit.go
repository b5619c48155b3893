package statetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

func emptyPartition(t *testing.T, s *redisstate.Store) {
	checkpoint, err := s.Checkpoint(t.Context(), 3)
	if err != nil || checkpoint != nil {
		t.Fatalf("got checkpoint %q, error %v, want none", checkpoint, err)
	}
	wantPeople(t, s, 3, "", map[string]string{"nobody": absent})
	wantDeadlines(t, s, 3, "", map[int64]string{7: absent})
}

func firstCommit(t *testing.T, s *redisstate.Store) {
	mustCommit(t, s, 0, redisstate.Commit{Next: []byte("c1"), People: people("ann", "1")})
	wantPeople(t, s, 0, "c1", map[string]string{"ann": "1", "bob": absent})

	err := s.Commit(t.Context(), 0, redisstate.Commit{Next: []byte("c2"), People: people("ann", "2")})
	wantConflict(t, err)
	wantPeople(t, s, 0, "c1", map[string]string{"ann": "1"})

	if err := s.Commit(t.Context(), 0, redisstate.Commit{Expect: []byte("c1")}); err == nil {
		t.Fatal("a commit without a next checkpoint was taken")
	}
}

func oldCheckpoint(t *testing.T, s *redisstate.Store) {
	wantConflict(t, s.Commit(t.Context(), 0, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2"), People: people("ann", "1")}))
	wantPeople(t, s, 0, "", map[string]string{"ann": absent})

	mustCommit(t, s, 0, redisstate.Commit{Next: []byte("c1")})
	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2"), People: people("ann", "1"), Deadlines: []redisstate.Bucket{{ID: 5, Append: []byte("x")}}})
	wantConflict(t, s.Commit(t.Context(), 0, redisstate.Commit{
		Expect: []byte("c1"), Next: []byte("c3"), People: people("ann", "2"),
		Deadlines: []redisstate.Bucket{{ID: 5, Append: []byte("y")}}, DropBuckets: []int64{5},
	}))
	wantPeople(t, s, 0, "c2", map[string]string{"ann": "1"})
	wantDeadlines(t, s, 0, "c2", map[int64]string{5: "x"})
	// The connection that met the conflict is as good as new.
	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte("c2"), Next: []byte("c3"), People: people("ann", "2")})
	wantPeople(t, s, 0, "c3", map[string]string{"ann": "2"})
}

func checkpointBytes(t *testing.T, s *redisstate.Store) {
	stored := []byte{0, 1, 2, 255, '\r', '\n', 0}
	mustCommit(t, s, 0, redisstate.Commit{Next: stored})
	for _, other := range [][]byte{nil, {}, stored[:6], append(bytes.Clone(stored), 0), {0, 1, 2, 255, '\r', '\n', 1}} {
		wantConflict(t, s.Commit(t.Context(), 0, redisstate.Commit{Expect: other, Next: []byte("x")}))
	}
	mustCommit(t, s, 0, redisstate.Commit{Expect: stored, Next: []byte{}})
	// An empty checkpoint is one: it is not the same as none.
	wantConflict(t, s.Commit(t.Context(), 0, redisstate.Commit{Next: []byte("x")}))
	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte{}, Next: []byte("y")})
}

func together(t *testing.T, s *redisstate.Store) {
	mustCommit(t, s, 11, redisstate.Commit{
		Next: []byte("c1"), People: people("ann", "1", "bob", "2", "cyd", "3"),
		Deadlines: []redisstate.Bucket{{ID: 100, Append: []byte("ann")}, {ID: -1, Append: []byte("bob")}},
	})
	wantPeople(t, s, 11, "c1", map[string]string{"ann": "1", "bob": "2", "cyd": "3", "dan": absent})
	wantDeadlines(t, s, 11, "c1", map[int64]string{100: "ann", -1: "bob", 0: absent})

	checkpoint, err := s.Checkpoint(t.Context(), 11)
	if err != nil || string(checkpoint) != "c1" {
		t.Fatalf("got checkpoint %q, error %v, want c1", checkpoint, err)
	}
}

func deletePerson(t *testing.T, s *redisstate.Store) {
	mustCommit(t, s, 0, redisstate.Commit{Next: []byte("c1"), People: people("ann", "1", "bob", "2")})
	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2"), People: []redisstate.Person{{Key: "ann"}, {Key: "never"}, {Key: "bob", Blob: []byte{}}}})
	wantPeople(t, s, 0, "c2", map[string]string{"ann": absent, "never": absent, "bob": ""})
}

func anyBytes(t *testing.T, s *redisstate.Store) {
	var every [256]byte
	for i := range every {
		every[i] = byte(i)
	}
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	states := map[string]string{
		string(every[:]): string(every[:]), "\r\n": "$-1\r\n", "-ERR no": "-ERR no", "*": "*-1\r\n", " ": "\x00", "ключ": "значение", "big": big,
	}
	mustCommit(t, s, 0, redisstate.Commit{Next: every[:], People: asPeople(states), Deadlines: []redisstate.Bucket{{ID: 1, Append: []byte(big)}, {ID: 2, Append: every[:]}}})
	wantPeople(t, s, 0, string(every[:]), states)
	wantDeadlines(t, s, 0, string(every[:]), map[int64]string{1: big, 2: string(every[:])})
}

func manyPeople(t *testing.T, s *redisstate.Store) {
	const n = 40_000 // so many that one hash of the partition takes several commands
	states := make(map[string]string, n)
	for i := range n {
		states[fmt.Sprintf("person-%d", i)] = fmt.Sprintf("state-%d", i)
	}
	mustCommit(t, s, 0, redisstate.Commit{Next: []byte("c1"), People: asPeople(states)})
	for i := 0; i < n; i += 3 {
		states[fmt.Sprintf("person-%d", i)] = absent
	}
	mustCommit(t, s, 0, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2"), People: asPeople(states)})
	wantPeople(t, s, 0, "c2", states)
}

// check is a test, or one case of a property.
type check interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

func wantConflict(t check, err error) {
	t.Helper()
	if !errors.Is(err, redisstate.ErrConflict) {
		t.Fatalf("got error %v, want a conflict", err)
	}
}

func mustCommit(t check, s *redisstate.Store, partition int32, c redisstate.Commit) {
	t.Helper()
	if err := s.Commit(t.Context(), partition, c); err != nil {
		t.Fatal(err)
	}
}

// absent stands for a person or bucket that is not there.
const absent = "\x00absent"

func asPeople(states map[string]string) []redisstate.Person {
	var all []redisstate.Person
	for key, state := range states {
		p := redisstate.Person{Key: key, Blob: []byte(state)}
		if state == absent {
			p.Blob = nil
		}
		all = append(all, p)
	}
	return all
}

func people(keysAndStates ...string) []redisstate.Person {
	var all []redisstate.Person
	for i := 0; i < len(keysAndStates); i += 2 {
		all = append(all, redisstate.Person{Key: keysAndStates[i], Blob: []byte(keysAndStates[i+1])})
	}
	return all
}

func wantPeople(t check, s *redisstate.Store, partition int32, checkpoint string, want map[string]string) {
	t.Helper()
	var keys []string
	for key := range want {
		keys = append(keys, key)
	}
	found, blobs, err := s.LoadPeople(t.Context(), partition, keys)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, keys, found, blobs, checkpoint, want)
}

func wantDeadlines(t check, s *redisstate.Store, partition int32, checkpoint string, want map[int64]string) {
	t.Helper()
	var ids []int64
	for id := range want {
		ids = append(ids, id)
	}
	found, entries, err := s.LoadDeadlines(t.Context(), partition, ids)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, ids, found, entries, checkpoint, want)
}

func compare[K comparable](t check, keys []K, checkpoint []byte, values [][]byte, wantCheckpoint string, want map[K]string) {
	t.Helper()
	if string(checkpoint) != wantCheckpoint {
		t.Fatalf("got checkpoint %q, want %q", checkpoint, wantCheckpoint)
	}
	if len(values) != len(keys) {
		t.Fatalf("got %d values for %d keys", len(values), len(keys))
	}
	got := make(map[K]string, len(keys))
	for i, key := range keys {
		got[key] = string(values[i])
		if values[i] == nil {
			got[key] = absent
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("at checkpoint %q (-want +got):\n%.2000s", wantCheckpoint, diff)
	}
}
