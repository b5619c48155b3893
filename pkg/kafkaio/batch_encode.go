package kafkaio

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
)

// Layout of a record batch of format version 2, byte positions.
const (
	posLength     = 8
	posEpoch      = 12
	posMagic      = 16
	posCRC        = 17
	posAttributes = 21
	posLastDelta  = 23
	posBaseTime   = 27
	posMaxTime    = 35
	posProducer   = 43
	posProdEpoch  = 51
	posSequence   = 53
	posCount      = 57
	batchHeader   = 61
	frameHeader   = 12 // base offset and length, not counted by the length
)

const (
	attrCodecMask     = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

// castagnoli is the table of CRC-32C, which the standard library computes with
// the processor's instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a constant table

// batch is one open record batch. Records are encoded straight into buf behind
// room for the header, which seal fills in. The zero value is ready.
type batch struct {
	buf     []byte
	count   int
	baseTS  int64
	maxTS   int64
	scratch []byte // compressed form, kept for reuse
}

func (b *batch) reset() {
	b.buf, b.count = b.buf[:0], 0
}

// size is the number of bytes so far, uncompressed, header included.
func (b *batch) size() int { return len(b.buf) }

// encodedBound is never less than what add will append for r.
func encodedBound(r *OutRecord) int {
	n := 5 + 1 + 10 + 5 + 5 + len(r.Key) + 5 + len(r.Value) + 5
	for i := range r.Headers {
		n += 10 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}

func (b *batch) add(r *OutRecord) {
	if b.count == 0 {
		var zero [batchHeader]byte
		b.buf = append(b.buf[:0], zero[:]...)
		b.baseTS, b.maxTS = r.Timestamp, r.Timestamp
	}
	b.maxTS = max(b.maxTS, r.Timestamp)
	tsDelta, offDelta := r.Timestamp-b.baseTS, int64(b.count)
	n := 1 + varintLen(tsDelta) + varintLen(offDelta) + bytesLen(r.Key) + bytesLen(r.Value) + varintLen(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintLen(int64(len(h.Key))) + len(h.Key) + bytesLen(h.Value)
	}
	buf := binary.AppendVarint(b.buf, int64(n))
	buf = append(buf, 0)
	buf = binary.AppendVarint(buf, tsDelta)
	buf = binary.AppendVarint(buf, offDelta)
	buf = appendBytes(buf, r.Key)
	buf = appendBytes(buf, r.Value)
	buf = binary.AppendVarint(buf, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		buf = binary.AppendVarint(buf, int64(len(h.Key)))
		buf = append(buf, h.Key...)
		buf = appendBytes(buf, h.Value)
	}
	b.buf = buf
	b.count++
}

// seal completes the batch and gives its bytes, valid until the next reset.
// The batch must not be empty. Sealing again with other ids is allowed.
func (b *batch) seal(pid int64, epoch int16, seq int32, codec codec) ([]byte, error) {
	out := b.buf
	if codec != codecNone {
		var err error
		b.scratch = append(b.scratch[:0], b.buf[:batchHeader]...)
		if b.scratch, err = codec.compress(b.scratch, b.buf[batchHeader:]); err != nil {
			return nil, err
		}
		out = b.scratch
	}
	be := binary.BigEndian
	be.PutUint64(out, 0)
	be.PutUint32(out[posLength:], uint32(len(out)-frameHeader))
	be.PutUint32(out[posEpoch:], math.MaxUint32)
	out[posMagic] = 2
	be.PutUint16(out[posAttributes:], uint16(codec))
	be.PutUint32(out[posLastDelta:], uint32(b.count-1))
	be.PutUint64(out[posBaseTime:], uint64(b.baseTS))
	be.PutUint64(out[posMaxTime:], uint64(b.maxTS))
	be.PutUint64(out[posProducer:], uint64(pid))
	be.PutUint16(out[posProdEpoch:], uint16(epoch))
	be.PutUint32(out[posSequence:], uint32(seq))
	be.PutUint32(out[posCount:], uint32(b.count))
	be.PutUint32(out[posCRC:], crc32.Checksum(out[posAttributes:], castagnoli))
	return out, nil
}

// advanceSequence gives the sequence after n records from seq: it wraps from the
// greatest int32 to 0, as the broker expects.
func advanceSequence(seq int32, n int) int32 {
	return int32((int64(seq) + int64(n)) & math.MaxInt32)
}

func varintLen(v int64) int {
	z := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(z|1) + 6) / 7
}

func bytesLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // zigzag of -1
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}
