package kafkaio

import "hash/crc32"

// Header is one header of a record. A nil Value is a null value.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record as read. Key, Value and header bytes alias the answer's
// buffer, which is never reused: they stay valid and keep that buffer alive.
type Record struct {
	Partition     int32
	Offset        int64
	Timestamp     int64  // ms since 1970 UTC; the broker's time on topics with LogAppendTime
	Key           []byte // nil = null
	Value         []byte // nil = tombstone
	Headers       []Header
	ProducerID    int64 // -1 when the writer was not idempotent
	ProducerEpoch int16
}

// Checksum is CRC-32C over key and value bytes. It is computed on every call.
func (r *Record) Checksum() uint32 {
	return crc32.Update(crc32.Checksum(r.Key, castagnoli), castagnoli, r.Value)
}

// OutRecord is one record to write.
type OutRecord struct {
	Partition int32
	Timestamp int64 // ms since 1970 UTC
	Key       []byte
	Value     []byte // nil = tombstone
	Headers   []Header
}

// PartitionFor is the default partitioner of the Java client for a non-empty
// key: murmur2 of its bytes, sign bit cleared, modulo n. n must be positive.
func PartitionFor(key string, n int) int32 {
	return int32(murmur2(key)&0x7fffffff) % int32(n)
}

func murmur2(key string) uint32 {
	const m, r = uint32(0x5bd1e995), 24
	h := uint32(0x9747b28c) ^ uint32(len(key))
	i := 0
	for ; i+4 <= len(key); i += 4 {
		k := uint32(key[i]) | uint32(key[i+1])<<8 | uint32(key[i+2])<<16 | uint32(key[i+3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h = h*m ^ k
	}
	switch len(key) - i {
	case 3:
		h ^= uint32(key[i+2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[i+1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[i])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
