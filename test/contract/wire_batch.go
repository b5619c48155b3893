package contract

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// encode makes the bytes of a batch, format version 2: idempotent, and of no transaction.
func encode(b Batch, stamp int64) []byte {
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(b.Values) - 1), FirstTimestamp: stamp, MaxTimestamp: stamp,
		ProducerID: b.By.ID, ProducerEpoch: b.By.Epoch, FirstSequence: b.Seq, NumRecords: int32(len(b.Values)),
	}
	for i, value := range b.Values {
		r := kmsg.Record{OffsetDelta: int32(i), Value: []byte(value)}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		batch.Records = r.AppendTo(batch.Records)
	}
	const behindLength, behindCRC = 12, 21
	batch.Length = int32(len(batch.AppendTo(nil)) - behindLength)
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[behindCRC-4:], crc32.Checksum(raw[behindCRC:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}
