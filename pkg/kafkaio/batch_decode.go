package kafkaio

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"unsafe"
)

// minRecord is the length of the shortest possible record, which bounds how
// many records a body can hold whatever its header claims.
const minRecord = 7

// abortedTxn is an entry of the answer's list: from its first offset on, the
// transactional batches of this producer are void until its abort marker.
type abortedTxn struct {
	producer int64
	first    int64
}

// decoder turns the record bytes of one partition of one answer into records.
type decoder struct {
	partition int32
	aborted   []abortedTxn
	limit     int     // most bytes that one batch may unpack to
	only      []int64 // offsets to decode, rising; the others are passed over. nil = all
	slab      []Header
	epoch     int32 // of the leader that wrote the last batch read
}

// decode appends to dst the committed records of b at or after from, in offset
// order, and gives the next offset to read: behind the last whole batch, also
// when that batch was empty, control or aborted. A batch that is cut off at the
// end is left for the next fetch. On an error, what precedes the bad batch has
// been delivered and next is where that batch begins.
func (d *decoder) decode(dst []Record, b []byte, from int64) (out []Record, next int64, err error) {
	next = from
	if n := len(dst) + promised(b); n > cap(dst) && d.only == nil {
		dst = append(make([]Record, 0, n), dst...)
	}
	for len(b) >= batchHeader {
		length := int(int32(binary.BigEndian.Uint32(b[posLength:])))
		if b[posMagic] != 2 {
			return dst, next, fmt.Errorf("%w: format version %d, want 2", ErrCorrupt, b[posMagic])
		}
		if length < batchHeader-frameHeader {
			return dst, next, fmt.Errorf("%w: length %d", ErrCorrupt, length)
		}
		if length > len(b)-frameHeader {
			break
		}
		whole := b[:frameHeader+length]
		b = b[frameHeader+length:]
		before := len(dst)
		dst, next, err = d.batch(dst, whole, next)
		if err != nil {
			return dst[:before], next, err
		}
	}
	return dst, next, nil
}

// promised is how many records the batches of b claim to hold, as far as the
// claim is believable for so many bytes: room made once is cheaper than growth.
func promised(b []byte) int {
	n := 0
	for len(b) >= batchHeader {
		length := int(int32(binary.BigEndian.Uint32(b[posLength:])))
		if length < batchHeader-frameHeader || length > len(b)-frameHeader {
			break
		}
		count := int(int32(binary.BigEndian.Uint32(b[posCount:])))
		n += min(max(count, 0), length/minRecord)
		b = b[frameHeader+length:]
	}
	return n
}

// batch decodes one whole batch from offset next on and gives the offset behind it.
func (d *decoder) batch(dst []Record, b []byte, next int64) ([]Record, int64, error) {
	be := binary.BigEndian
	base := int64(be.Uint64(b))
	lastDelta := int64(int32(be.Uint32(b[posLastDelta:])))
	last := base + lastDelta
	if base < 0 || lastDelta < 0 || last < base || last == math.MaxInt64 {
		return dst, next, fmt.Errorf("%w: offsets %d+%d", ErrCorrupt, base, lastDelta)
	}
	if want, got := be.Uint32(b[posCRC:]), crc32.Checksum(b[posAttributes:], castagnoli); want != got {
		return dst, next, fmt.Errorf("%w: checksum of the batch at offset %d is %08x, header says %08x", ErrCorrupt, base, got, want)
	}
	if last < next {
		return dst, next, nil // a compacted or old batch in front of the position
	}
	d.epoch = int32(be.Uint32(b[posEpoch:]))
	attrs := be.Uint16(b[posAttributes:])
	producer := int64(be.Uint64(b[posProducer:]))
	if attrs&attrControl != 0 {
		d.endTxn(producer, base)
		return dst, last + 1, nil
	}
	if attrs&attrTransactional != 0 && d.isAborted(producer, base) {
		return dst, last + 1, nil
	}
	count := int(int32(be.Uint32(b[posCount:])))
	if count < 0 || int64(count) > lastDelta+1 {
		return dst, next, fmt.Errorf("%w: %d records in a batch of %d offsets", ErrCorrupt, count, lastDelta+1)
	}
	body := b[batchHeader:]
	if c := codec(attrs & attrCodecMask); c != codecNone && count > 0 {
		var err error
		if body, err = c.decompress(body, d.limit); err != nil {
			return dst, next, fmt.Errorf("%w: batch at offset %d: %w", ErrCorrupt, base, err)
		}
	}
	if count > len(body)/minRecord {
		return dst, next, fmt.Errorf("%w: %d records in %d bytes", ErrCorrupt, count, len(body))
	}
	head := Record{
		Partition: d.partition, ProducerID: producer, ProducerEpoch: int16(be.Uint16(b[posProdEpoch:])),
		Timestamp: int64(be.Uint64(b[posBaseTime:])), Offset: base,
	}
	if attrs&attrLogAppendTime != 0 {
		head.Timestamp = int64(be.Uint64(b[posMaxTime:]))
	}
	dst, err := d.records(dst, body, &head, count, lastDelta, next, attrs&attrLogAppendTime != 0)
	if err != nil {
		return dst, next, fmt.Errorf("%w: batch at offset %d: %w", ErrCorrupt, base, err)
	}
	return dst, last + 1, nil
}

func (d *decoder) records(dst []Record, body []byte, head *Record, count int, lastDelta, from int64, appendTime bool) ([]Record, error) {
	if need := len(dst) + count; need > cap(dst) && d.only == nil {
		grown := make([]Record, len(dst), max(need, 2*cap(dst)))
		copy(grown, dst)
		dst = grown
	}
	prev := int64(-1)
	for range count {
		r := reader{b: body}
		n := r.varint()
		if r.bad || n < minRecord-1 || n > int64(len(r.b)) {
			return dst, errRecord
		}
		body = r.b[n:]
		r.b = r.b[:n]
		r.b = r.b[1:] // attributes: none defined
		tsDelta, offDelta := r.varint(), r.varint()
		if r.bad || offDelta <= prev || offDelta > lastDelta {
			return dst, errRecord
		}
		prev = offDelta
		if d.only != nil {
			if _, wanted := slices.BinarySearch(d.only, head.Offset+offDelta); !wanted {
				continue
			}
		}
		dst = append(dst, *head)
		rec := &dst[len(dst)-1]
		rec.Offset += offDelta
		if !appendTime {
			rec.Timestamp += tsDelta
		}
		rec.Key, rec.Value = r.bytes(), r.bytes()
		if hs := r.varint(); hs != 0 {
			if hs < 0 || hs > int64(len(r.b))/2 {
				return dst, errRecord
			}
			d.headers(rec, &r, int(hs))
		}
		if r.bad || len(r.b) != 0 {
			return dst, errRecord
		}
		if rec.Offset < from {
			dst = dst[:len(dst)-1]
		}
	}
	if len(body) != 0 {
		return dst, errRecord
	}
	return dst, nil
}

// headers share one slab per answer, so that a record with a trace context
// costs no allocation of its own.
func (d *decoder) headers(rec *Record, r *reader, n int) {
	if cap(d.slab)-len(d.slab) < n {
		d.slab = make([]Header, 0, max(n, 256))
	}
	start := len(d.slab)
	for range n {
		key := r.bytes()
		value := r.bytes()
		if key == nil || r.bad {
			r.bad = true
			return
		}
		d.slab = append(d.slab, Header{Key: unsafe.String(unsafe.SliceData(key), len(key)), Value: value})
	}
	rec.Headers = d.slab[start:len(d.slab):len(d.slab)]
}

// isAborted: the entry counts from its first offset until the marker removes it.
func (d *decoder) isAborted(producer, base int64) bool {
	for _, a := range d.aborted {
		if a.producer == producer && a.first <= base {
			return true
		}
	}
	return false
}

// endTxn drops the producer's earliest entry that began before the marker: the
// markers and entries of one producer pair up in order.
func (d *decoder) endTxn(producer, at int64) {
	best := -1
	for i, a := range d.aborted {
		if a.producer == producer && a.first <= at && (best < 0 || a.first < d.aborted[best].first) {
			best = i
		}
	}
	if best >= 0 {
		d.aborted = append(d.aborted[:best:best], d.aborted[best+1:]...)
	}
}

// reader walks the bytes of one record and remembers when they did not suffice.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) varint() int64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return int64(v>>1) ^ -int64(v&1)
	}
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.varint()
	if n == -1 && !r.bad {
		return nil
	}
	if n < 0 || n > int64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}
