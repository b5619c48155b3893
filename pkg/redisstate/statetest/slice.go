package statetest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

func emptySlices(t *testing.T, s *redisstate.Store) {
	wantEverybody(t, s, 3, "", map[string]string{})
	mustCommit(t, s, 3, redisstate.Commit{Next: []byte{}})
	checkpoint, keys, blobs, err := s.LoadSlice(t.Context(), 3, 0)
	if err != nil || checkpoint == nil || len(checkpoint)+len(keys)+len(blobs) > 0 {
		t.Fatalf("got checkpoint %q, %d keys, %d blobs, error %v; want an empty checkpoint, which is one, and nobody", checkpoint, len(keys), len(blobs), err)
	}
	for _, slice := range []int{-1, redisstate.Slices()} {
		if _, _, _, err := s.LoadSlice(t.Context(), 3, slice); err == nil {
			t.Errorf("slice %d was read; there is none", slice)
		}
	}
}

func slicesHoldEverybody(t *testing.T, s *redisstate.Store) {
	states := map[string]string{"\r\n": "$-1\r\n", "-ERR no": "-ERR no", "": "no key", "empty": "", "ключ": "\x00\xff"}
	for i := range 5_000 {
		states[fmt.Sprintf("person-%d", i)] = fmt.Sprintf("state-%d", i)
	}
	mustCommit(t, s, 1, redisstate.Commit{Next: []byte("c1"), People: asPeople(states)})
	mustCommit(t, s, 11, redisstate.Commit{Next: []byte("other"), People: people("person-1", "of another partition")})
	wantEverybody(t, s, 1, "c1", states)

	gone := map[string]string{"empty": absent, "person-7": absent}
	mustCommit(t, s, 1, redisstate.Commit{Expect: []byte("c1"), Next: []byte("c2"), People: asPeople(gone)})
	for key := range gone {
		delete(states, key)
	}
	wantEverybody(t, s, 1, "c2", states)
	wantEverybody(t, s, 11, "other", map[string]string{"person-1": "of another partition"})
}

// sliceOfOneInstant commits rounds in which checkpoint and everybody of one slice say the number of the round,
// while readers look at that slice.
func sliceOfOneInstant(t *testing.T, s *redisstate.Store) {
	const rounds, slice = 100, 5
	var members []string
	for i := 0; len(members) < 300; i++ {
		if key := fmt.Sprintf("person-%d", i); redisstate.SliceOf(key) == slice {
			members = append(members, key)
		}
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				checkpoint, keys, blobs, err := s.LoadSlice(t.Context(), 4, slice)
				if err != nil {
					t.Errorf("load slice: %v", err)
					return
				}
				if checkpoint != nil && len(keys) != len(members) {
					t.Errorf("a mix: %d people at checkpoint %q, want %d", len(keys), checkpoint, len(members))
					return
				}
				for i, blob := range blobs {
					if string(blob) != string(checkpoint) {
						t.Errorf("a mix: person %q says round %q, the checkpoint %q", keys[i], blob, checkpoint)
						return
					}
				}
			}
		})
	}
	var expect []byte
	for round := 1; round <= rounds; round++ {
		next := []byte(strconv.Itoa(round))
		c := redisstate.Commit{Expect: expect, Next: next}
		for _, key := range members {
			c.People = append(c.People, redisstate.Person{Key: key, Blob: next})
		}
		if err := s.Commit(t.Context(), 4, c); err != nil {
			t.Errorf("round %d: %v", round, err)
			break
		}
		expect = next
	}
	close(done)
	readers.Wait()
}

// wantEverybody walks over all slices and wants exactly these people, each in its slice and once.
func wantEverybody(t *testing.T, s *redisstate.Store, partition int32, wantCheckpoint string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for slice := range redisstate.Slices() {
		checkpoint, keys, blobs, err := s.LoadSlice(t.Context(), partition, slice)
		if err != nil {
			t.Fatal(err)
		}
		if string(checkpoint) != wantCheckpoint {
			t.Fatalf("slice %d: got checkpoint %q, want %q", slice, checkpoint, wantCheckpoint)
		}
		if len(keys) != len(blobs) {
			t.Fatalf("slice %d: %d keys and %d states", slice, len(keys), len(blobs))
		}
		for i, key := range keys {
			if at := redisstate.SliceOf(key); at != slice {
				t.Fatalf("person %q was read with slice %d, SliceOf says %d", key, slice, at)
			}
			if _, twice := got[key]; twice {
				t.Fatalf("person %q was read twice", key)
			}
			got[key] = string(blobs[i])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("everybody of partition %d (-want +got):\n%.2000s", partition, diff)
	}
}
