// Package statetest is the conformance suite of redisstate: what a Redis, of whatever kind, must do
// for the promises of that package to hold. It runs over the embedded Redis, a real one and a cluster.
package statetest

import (
	"testing"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

// Run runs the suite. open gives a store over an empty Redis; the suite does not close it. lose takes a key
// away from that Redis, without the store; key is what stands behind the store's prefix.
func Run(t *testing.T, open func(t *testing.T) *redisstate.Store, lose func(t *testing.T, key string)) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *redisstate.Store)
	}{
		{"EmptyPartitionHasNoCheckpoint", emptyPartition},
		{"FirstCommitExpectsNothing", firstCommit},
		{"OldCheckpointConflictsAndWritesNothing", oldCheckpoint},
		{"CheckpointsAreComparedByAllBytes", checkpointBytes},
		{"PeopleDeadlinesAndCheckpointGoTogether", together},
		{"NilStateDeletesAPerson", deletePerson},
		{"KeysAndStatesAreBytes", anyBytes},
		{"ManyPeopleKeepTheirOrder", manyPeople},
		{"BucketsAppendAndDrop", buckets},
		{"PartitionsAreApart", partitionsApart},
		{"FirstCommitTakesThePlaceOfWhatLostItsCheckpoint", func(t *testing.T, s *redisstate.Store) { leftovers(t, s, lose) }},
		{"LoadSeesOneInstant", oneInstant},
		{"EmptySlicesHoldNobody", emptySlices},
		{"SlicesHoldEverybodyOnce", slicesHoldEverybody},
		{"SliceIsOfOneInstant", sliceOfOneInstant},
		{"OfTwoOwnersOneWins", twoOwners},
		{"RandomCommitsEqualAModel", againstModel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}
