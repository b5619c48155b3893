package kafkaio

import (
	"encoding/binary"

	"github.com/segmentio/kafka-go/protocol"
)

// The frames encoded here: Produce v8 and Fetch v11, the newest versions that
// Apache Kafka 2.4 to 4.4 all speak and that name topics by name.
const (
	produceVersion int16 = 8
	fetchVersion   int16 = 11
)

func beginFrame(dst []byte, key protocol.ApiKey, version int16, clientID string) []byte {
	dst = append(dst[:0], 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(key))
	dst = binary.BigEndian.AppendUint16(dst, uint16(version))
	dst = append(dst, 0, 0, 0, 0)
	return appendText(dst, clientID)
}

func endFrame(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func appendText(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

func appendInt32(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }

func appendInt64(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// parser walks the fixed-width fields of an answer; once bytes run short every
// further read gives zero and bad stays set.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.b) {
		p.bad, p.b = true, nil
		return nil
	}
	out := p.b[:n:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) int16() int16 {
	if b := p.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (p *parser) int32() int32 {
	if b := p.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (p *parser) int64() int64 {
	if b := p.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// text reads a string; null counts as empty.
func (p *parser) text() []byte {
	n := p.int16()
	if n == -1 {
		return nil
	}
	return p.take(int(n))
}

// count reads an array's length, null counting as empty. least is the length of
// the shortest element, so that a hostile count is refused before it is used.
func (p *parser) count(least int) int {
	n := int(p.int32())
	if n == -1 {
		return 0
	}
	if n < 0 || n > len(p.b)/least {
		p.bad, p.b = true, nil
		return 0
	}
	return n
}

// bytes reads a byte array; null counts as empty.
func (p *parser) bytes() []byte {
	n := int(p.int32())
	if n == -1 {
		return nil
	}
	return p.take(n)
}
