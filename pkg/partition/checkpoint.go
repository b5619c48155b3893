package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Checkpoint says how far the log of one partition is worked off. It is written
// in the same atomic write as the people it speaks of.
type Checkpoint struct {
	Offset      int64            // next input offset: all below it are in the state, and their transitions are acknowledged
	Ordinal     int32            // transitions of record Offset that are decided already: a record that passes very many deadlines may be committed half way
	LogTime     int64            // log time after Offset-1, ms
	AnchorID    uint64           // hash of the event id of record Offset-1
	AnchorSum   uint32           // checksum of its key and value
	Tenure      int64            // number of the tenure that wrote it
	CatalogueAt int64            // input offset of the catalogue record in force; -1 = the first one in the log is still ahead
	Catalogue   string           // revision of that catalogue
	Furthest    int64            // latest deadline bucket that was ever armed
	Sweep       int32            // 1 + the slice of people to be looked at anew next; 0 = none
	Sizes       map[string]int64 // members by cohort; nil = not known, since an older release wrote it
	Change      Change           // what that catalogue has changed
	Seq         int64            // commits since the rebuild; two checkpoints are never equal bytes
}

const (
	firstCheckpoint  = 1 // without sweep, sizes and change
	checkpointFormat = 2
)

var errCheckpoint = errors.New("checkpoint is damaged or was written by a newer release")

// Append encodes c. The bytes are also what compare-and-set compares.
func (c Checkpoint) Append(dst []byte) []byte {
	dst = append(dst, checkpointFormat)
	dst = binary.AppendVarint(dst, c.Offset)
	dst = binary.AppendUvarint(dst, uint64(c.Ordinal))
	dst = binary.AppendVarint(dst, c.LogTime)
	dst = binary.AppendUvarint(dst, c.AnchorID)
	dst = binary.AppendUvarint(dst, uint64(c.AnchorSum))
	dst = binary.AppendVarint(dst, c.Tenure)
	dst = binary.AppendVarint(dst, c.CatalogueAt)
	dst = binary.AppendVarint(dst, c.Furthest)
	dst = binary.AppendVarint(dst, c.Seq)
	dst = binary.AppendUvarint(dst, uint64(c.Sweep))
	dst = appendNumbers(dst, c.Sizes)
	dst = appendNumbers(dst, c.Change.Warming)
	dst = appendTexts(dst, c.Change.Former)
	dst = appendTexts(dst, c.Change.Review)
	dst = appendTexts(dst, c.Change.Warmed)
	dst = binary.AppendUvarint(dst, uint64(len(c.Catalogue)))
	return append(dst, c.Catalogue...)
}

// appendNumbers tells no map from an empty one.
func appendNumbers(dst []byte, list map[string]int64) []byte {
	if list == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(list))+1)
	for _, key := range slices.Sorted(maps.Keys(list)) {
		dst = appendText(dst, key)
		dst = binary.AppendVarint(dst, list[key])
	}
	return dst
}

func appendTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendText(dst, s)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// DecodeCheckpoint is the inverse of Append. An unknown format is an error: the
// partition stops, since a newer release wrote it.
func DecodeCheckpoint(b []byte) (c Checkpoint, err error) {
	if len(b) > 0 && b[0] > checkpointFormat {
		return c, fmt.Errorf("%w: its format is %d, this release reads up to %d; run the newer release, or reset the partition's state to rebuild it from the log",
			errCheckpoint, b[0], checkpointFormat)
	}
	if len(b) == 0 || b[0] < firstCheckpoint {
		return c, errCheckpoint
	}
	format := b[0]
	b = b[1:]
	signed := func(name string) int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			err = fmt.Errorf("%w: %s", errCheckpoint, name)
			return 0
		}
		b = b[n:]
		return v
	}
	unsigned := func(name string) uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			err = fmt.Errorf("%w: %s", errCheckpoint, name)
			return 0
		}
		b = b[n:]
		return v
	}
	c.Offset = signed("offset")
	ordinal := unsigned("ordinal")
	c.Ordinal = int32(ordinal)
	c.LogTime = signed("log time")
	c.AnchorID = unsigned("anchor id")
	sum := unsigned("anchor sum")
	c.AnchorSum = uint32(sum)
	c.Tenure = signed("tenure")
	c.CatalogueAt = signed("catalogue offset")
	c.Furthest = signed("furthest deadline")
	c.Seq = signed("commit number")
	if format > firstCheckpoint {
		c.Sweep = int32(min(unsigned("sweep"), 1<<30))
		text := func(name string) string {
			size := unsigned(name)
			if size > uint64(len(b)) {
				err = fmt.Errorf("%w: %s", errCheckpoint, name)
				return ""
			}
			t := string(b[:size])
			b = b[size:]
			return t
		}
		count := func(name string) uint64 {
			n := unsigned(name)
			if n > uint64(len(b))+1 {
				err = fmt.Errorf("%w: %s", errCheckpoint, name)
			}
			return n
		}
		numbers := func(name string) (list map[string]int64) {
			n := count(name)
			if n > 0 && err == nil {
				list = make(map[string]int64, n-1)
			}
			for ; n > 1 && err == nil; n-- {
				key := text(name)
				list[key] = signed(name)
			}
			return list
		}
		texts := func(name string) (list []string) {
			for n := count(name); n > 0 && err == nil; n-- {
				list = append(list, text(name))
			}
			return list
		}
		c.Sizes, c.Change.Warming = numbers("sizes"), numbers("warming")
		c.Change.Former, c.Change.Review = texts("former cohorts"), texts("cohorts to review")
		c.Change.Warmed = texts("cohorts that have warmed")
	}
	n := unsigned("catalogue length")
	if err != nil {
		return Checkpoint{}, err
	}
	if uint64(len(b)) != n || sum > 1<<32-1 || ordinal > 1<<31-1 {
		return Checkpoint{}, fmt.Errorf("%w: field out of range", errCheckpoint)
	}
	c.Catalogue = string(b)
	return c, nil
}
