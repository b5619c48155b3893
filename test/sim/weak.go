package main

import (
	"fmt"
	"slices"
	"strings"
)

// Weak names a rule of Kafka or of the store that the world leaves out. The protocol counts on each of them, so a
// campaign in such a world has to fail: else the simulation could not tell whether an adapter keeps the rule.
type Weak string

const (
	noFence     Weak = "fence"     // a batch of an older epoch is taken
	noSequences Weak = "sequences" // a batch that stands there already is appended again
	noEpochs    Weak = "epochs"    // every owner of a partition is given the same epoch
	noCompare   Weak = "compare"   // a commit is done whatever checkpoint stands there
	noAtomic    Weak = "atomic"    // a commit may leave people without their checkpoint
	noReplicas  Weak = "replicas"  // an append is acknowledged before all replicas have it
)

var weaknesses = []Weak{noFence, noSequences, noEpochs, noCompare, noAtomic, noReplicas}

// parseWeak reads a name; empty is a world in which every rule holds.
func parseWeak(name string) (Weak, error) {
	if name == "" || slices.Contains(weaknesses, Weak(name)) {
		return Weak(name), nil
	}
	names := make([]string, len(weaknesses))
	for i, k := range weaknesses {
		names[i] = string(k)
	}
	return "", fmt.Errorf("-weak %q: want one of %s", name, strings.Join(names, ", "))
}

func (w *world) lacks(rule Weak) bool { return w.plan.Weak == rule }
