package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

// Store is one flow's state: partitions 0 to 2 of a store, with people whose keys end in a digit.
type Store interface {
	Part() Part
	Commit(p int, c partition.Commit) Verdict
	// People gives blobs and the checkpoint of the same instant.
	People(p int, keys []string) (checkpoint []byte, blobs [][]byte, v Verdict)
	// Deadlines gives so many buckets from the first one on.
	Deadlines(p int, first int64, count int) (checkpoint []byte, entries [][]byte, v Verdict)
	// Everybody walks over all slices; checkpoints has each that came with one.
	Everybody(p int) (checkpoints [][]byte, all map[string][]byte)

	// Lose takes the checkpoint, a person or a bucket away, and nothing else. False: it cannot.
	Lose(p int, what, key string) bool
	Flush()
	Backup()
	Restore()
	// Refuse has the store refuse writes for a reason, and take them again for "". False: it cannot.
	Refuse(reason string) bool
	// Away has nobody there, or everything back as it was.
	Away(away bool)
	// Fall leaves the replica behind: nothing more reaches it. False: there is none.
	Fall() bool
	// Failover makes the replica the primary. The old one does not hear of it until Unify.
	Failover()
	// Ask turns to the old primary, or to the new one.
	Ask(old bool)
	// Unify makes the old primary a copy of the new one.
	Unify()
}

// Verdict is what is known of a call.
type Verdict string

// The verdicts. Only done has written anything.
const (
	Done        Verdict = "done"
	Conflict    Verdict = "conflict"
	Refused     Verdict = "refused"
	Unavailable Verdict = "unavailable"
)

// What Lose takes and Refuse says.
const (
	aCheckpoint = "checkpoint"
	aPerson     = "person"
	aBucket     = "bucket"
	// NoMemory and NoReplicas are reasons of a refusal.
	NoMemory   = "no memory"
	NoReplicas = "no replicas"
)

// change reads a commit: "p1=a" is a person and their state, "p1=-" one who goes, "5+x" an entry of a
// bucket, "~5" a bucket that is dropped.
func change(expect, next, words string) partition.Commit {
	c := partition.Commit{Expect: checkpoint(expect), Next: checkpoint(next)}
	for word := range strings.FieldsSeq(words) {
		if key, state, found := strings.Cut(word, "="); found {
			c.People = append(c.People, partition.Person{Key: key, Blob: value(state)})
			continue
		}
		id, entry, appends := strings.Cut(strings.TrimPrefix(word, "~"), "+")
		number, _ := strconv.ParseInt(id, 10, 64)
		if appends {
			c.Deadlines = append(c.Deadlines, partition.Bucket{ID: number, Append: []byte(entry)})
		} else {
			c.Drop = append(c.Drop, number)
		}
	}
	return c
}

const nothing = "-"

// value and shown are each other's inverse: "-" is nothing, "”" is empty.
func value(s string) []byte {
	switch s {
	case nothing:
		return nil
	case "''":
		return []byte{}
	default:
		return []byte(s)
	}
}

func shown(b []byte) string {
	switch {
	case b == nil:
		return nothing
	case len(b) == 0:
		return "''"
	default:
		return string(b)
	}
}

func checkpoint(s string) []byte { return value(s) }

// loaded writes an answer down: "c1: p0=a p1=-".
func loaded(at []byte, names []string, values [][]byte, v Verdict) string {
	if v != Done {
		return string(v)
	}
	words := []string{shown(at) + ":"}
	for i, name := range names {
		words = append(words, name+"="+shown(values[i]))
	}
	return strings.Join(words, " ")
}

func people(s Store, p int, keys ...string) string {
	at, blobs, v := s.People(p, keys)
	return loaded(at, keys, blobs, v)
}

func deadlines(s Store, p int, first int64, count int) string {
	at, entries, v := s.Deadlines(p, first, count)
	var names []string
	for i := range count {
		names = append(names, strconv.FormatInt(first+int64(i), 10))
	}
	return loaded(at, names, entries, v)
}

func everybody(s Store, p int) string {
	checkpoints, all := s.Everybody(p)
	var words []string
	for key, blob := range all {
		words = append(words, key+"="+shown(blob))
	}
	slices.Sort(words)
	at := shown(checkpoints[0])
	for _, c := range checkpoints {
		if shown(c) != at {
			at = fmt.Sprintf("%s and %s", at, shown(c))
		}
	}
	return strings.Join(append([]string{at + ":"}, words...), " ")
}
