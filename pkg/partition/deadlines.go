package partition

import (
	"encoding/binary"
	"errors"
)

// bucketWidth is the span of one deadline bucket in the store, in milliseconds.
// An hour keeps a partition with 60 d windows at about 1,500 small keys.
const bucketWidth = int64(3_600_000)

func bucketOf(at int64) int64 { return floorDiv(at, bucketWidth) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// timer is one armed deadline. It may fire too early: the person's own Armed
// instant and next deadline decide what it is worth when it comes up.
type timer struct {
	at  int64
	key string
}

func (a timer) before(b timer) bool { return a.at < b.at || a.at == b.at && a.key < b.key }

// timers is a binary heap in the order (instant, person key), which is the order
// in which deadlines are decided, whoever owns the partition.
type timers []timer

func (h *timers) push(t timer) {
	s := append(*h, t)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !s[i].before(s[up]) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
	*h = s
}

func (h *timers) pop() timer {
	s := *h
	top := s[0]
	last := len(s) - 1
	s[0] = s[last]
	s[last] = timer{}
	s = s[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(s) {
			break
		}
		if c+1 < len(s) && s[c+1].before(s[c]) {
			c++
		}
		if !s[c].before(s[i]) {
			break
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
	*h = s
	return top
}

// appendTimer encodes one entry of a bucket: instant within the bucket, key.
func appendTimer(dst []byte, t timer) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.at-bucketOf(t.at)*bucketWidth))
	dst = binary.AppendUvarint(dst, uint64(len(t.key)))
	return append(dst, t.key...)
}

var errBucket = errors.New("deadline bucket is damaged: reset the partition's state to rebuild it from the log")

// decodeBucket calls yield for each entry of a bucket.
func decodeBucket(bucket int64, b []byte, yield func(timer)) error {
	for len(b) > 0 {
		at, n := binary.Uvarint(b)
		if n <= 0 || at >= uint64(bucketWidth) {
			return errBucket
		}
		b = b[n:]
		l, n := binary.Uvarint(b)
		if n <= 0 || l > uint64(len(b)-n) {
			return errBucket
		}
		yield(timer{at: bucket*bucketWidth + int64(at), key: string(b[n : n+int(l)])})
		b = b[n+int(l):]
	}
	return nil
}
