package statetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

// oneInstant commits rounds, in each of which checkpoint, all people and the bucket say the number of
// the round, while readers look. A reader that finds two numbers at once has read a mix.
func oneInstant(t *testing.T, s *redisstate.Store) {
	const rounds, persons = 150, 200
	keys := make([]string, persons)
	for i := range keys {
		keys[i] = fmt.Sprintf("person-%d", i)
	}
	done := make(chan struct{})
	seen := make([]map[string]bool, 3)
	var readers sync.WaitGroup
	for r := range seen {
		seen[r] = make(map[string]bool)
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				checkpoint, blobs, err := s.LoadPeople(t.Context(), 4, keys)
				if err != nil {
					t.Errorf("load: %v", err)
					return
				}
				for i, blob := range blobs {
					if string(blob) != string(checkpoint) {
						t.Errorf("a mix: person %d says round %q, the checkpoint %q", i, blob, checkpoint)
						return
					}
				}
				at, entries, err := s.LoadDeadlines(t.Context(), 4, []int64{9})
				if err != nil {
					t.Errorf("load deadlines: %v", err)
					return
				}
				if round, _ := strconv.Atoi(string(at)); len(entries[0]) != round {
					t.Errorf("a mix: %d deadline entries at checkpoint %q", len(entries[0]), at)
					return
				}
				seen[r][string(checkpoint)] = true
			}
		})
	}
	var expect []byte
	for round := 1; round <= rounds; round++ {
		next := []byte(strconv.Itoa(round))
		c := redisstate.Commit{Expect: expect, Next: next, Deadlines: []redisstate.Bucket{{ID: 9, Append: []byte{'x'}}}}
		for _, key := range keys {
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
	different := make(map[string]bool)
	for _, one := range seen {
		for checkpoint := range one {
			different[checkpoint] = true
		}
	}
	if len(different) < 3 {
		t.Fatalf("the readers saw %d different checkpoints: they did not run beside the commits", len(different))
	}
}

// twoOwners lets several owners count the same checkpoint up; each success must be one step.
func twoOwners(t *testing.T, s *redisstate.Store) {
	const owners, attempts = 4, 60
	won := make([]int, owners)
	lost := make([]int, owners)
	var all sync.WaitGroup
	for o := range owners {
		all.Go(func() {
			for range attempts {
				checkpoint, blobs, err := s.LoadPeople(t.Context(), 1, []string{"counter"})
				if err != nil {
					t.Errorf("load: %v", err)
					return
				}
				count, _ := strconv.Atoi(string(blobs[0]))
				next := []byte(strconv.Itoa(count + 1))
				err = s.Commit(t.Context(), 1, redisstate.Commit{Expect: checkpoint, Next: next, People: []redisstate.Person{{Key: "counter", Blob: next}}})
				switch {
				case err == nil:
					won[o]++
				case errors.Is(err, redisstate.ErrConflict):
					lost[o]++
				default:
					t.Errorf("commit: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	var wins, losses int
	for o := range owners {
		wins, losses = wins+won[o], losses+lost[o]
	}
	wantPeople(t, s, 1, strconv.Itoa(wins), map[string]string{"counter": strconv.Itoa(wins)})
	if losses == 0 {
		t.Log("no conflict happened: the owners ran one after the other")
	}
}
