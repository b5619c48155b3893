package partition

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Digest is what a repeated decision is compared by: everything that a reader
// acts on, and nothing that may differ between two honest owners.
func Digest(t *cohort.Transition) uint64 {
	var h xxhash.Digest
	h.Reset()
	var b [8 * 5]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(t.Op))
	binary.LittleEndian.PutUint64(b[8:], uint64(t.Version))
	binary.LittleEndian.PutUint64(b[16:], uint64(t.EffectiveAt))
	binary.LittleEndian.PutUint64(b[24:], uint64(t.DecidedAt))
	person := t.Person
	if t.Op == cohort.OpErased {
		person = "" // readers are told an opaque name
	}
	binary.LittleEndian.PutUint64(b[32:], uint64(len(person)))
	_, _ = h.Write(b[:])
	_, _ = h.WriteString(person)
	_, _ = h.WriteString(t.Cohort)
	return h.Sum64()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Anchor returns what a checkpoint remembers of its last consumed record.
func Anchor(eventID string, key, value []byte) (id uint64, sum uint32) {
	return xxhash.Sum64String(eventID), crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}
