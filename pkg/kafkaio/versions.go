package kafkaio

import (
	"encoding/binary"
	"net"
	"sync/atomic"

	"github.com/segmentio/kafka-go/protocol"
)

// versionTable notes the version of each API seen on the wire, plus one.
type versionTable [128]atomic.Int32

// Versions gives, by API name, the version of the newest request of each kind
// that this client has put on the wire. It is meant for tests.
func (c *Client) Versions() map[string]int16 {
	out := map[string]int16{}
	for key := range c.versions {
		if v := c.versions[key].Load(); v != 0 {
			out[protocol.ApiKey(key).String()] = int16(v - 1)
		}
	}
	return out
}

// recordingConn reads along the frames of what is written: a size, then API key
// and version. It follows the framing across writes, since a frame may be
// written in pieces and a write may hold several.
type recordingConn struct {
	net.Conn
	table *versionTable
	head  [8]byte
	have  int
	skip  int64 // bytes of the current frame still to come behind the head
}

// Write passes p on and notes what it begins. Calls are serial, as kafka-go's are.
func (c *recordingConn) Write(p []byte) (int, error) {
	for b := p; len(b) > 0; {
		if c.skip > 0 {
			n := min(c.skip, int64(len(b)))
			c.skip -= n
			b = b[n:]
			continue
		}
		n := copy(c.head[c.have:], b)
		c.have += n
		b = b[n:]
		if c.have < len(c.head) {
			break
		}
		c.have = 0
		c.skip = int64(binary.BigEndian.Uint32(c.head[:])) - 4
		key, version := binary.BigEndian.Uint16(c.head[4:]), binary.BigEndian.Uint16(c.head[6:])
		if int(key) < len(c.table) {
			c.table[key].Store(int32(version) + 1)
		}
	}
	return c.Conn.Write(p) //nolint:wrapcheck // a net.Conn must hand through its errors as they are
}
