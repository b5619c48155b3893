package kafkaiotest

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// Line is a dialer whose connections can be broken at chosen points, so that the
// same faults can be played on any broker.
type Line struct {
	mu    sync.Mutex
	conns map[*lineConn]struct{}
	cut   bool
	lose  int           // produce answers still to be lost
	lost  chan struct{} // one per answer lost
	hold  chan struct{} // while not nil and open, produce answers wait
}

// NewLine makes an unbroken line.
func NewLine() *Line {
	return &Line{conns: map[*lineConn]struct{}{}, lost: make(chan struct{}, 64)}
}

var errLineCut = errors.New("the line is cut")

// Dial connects over TCP, or refuses while the line is cut.
func (l *Line) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	d := net.Dialer{Timeout: 3 * time.Second}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err //nolint:wrapcheck // a dialer hands through its errors as they are
	}
	c := &lineConn{Conn: conn, line: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	l.conns[c] = struct{}{}
	return c, nil
}

// Cut breaks all connections and refuses new ones until Mend.
func (l *Line) Cut() {
	l.mu.Lock()
	l.cut = true
	conns := l.conns
	l.conns = map[*lineConn]struct{}{}
	l.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close()
	}
}

// Mend ends Cut.
func (l *Line) Mend() {
	l.mu.Lock()
	l.cut = false
	l.mu.Unlock()
}

// LoseProduceAnswers breaks the connections of the next n produce requests after
// the broker has answered and before the client hears of it.
func (l *Line) LoseProduceAnswers(n int) {
	l.mu.Lock()
	l.lose = n
	l.mu.Unlock()
}

// HoldProduceAnswers keeps produce answers back until release is called.
func (l *Line) HoldProduceAnswers() (release func()) {
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	return sync.OnceFunc(func() {
		l.mu.Lock()
		l.hold = nil
		l.mu.Unlock()
		close(hold)
	})
}

type lineConn struct {
	net.Conn
	line *Line

	mu      sync.Mutex
	produce bool // the newest request is a produce
}

func (c *lineConn) Write(p []byte) (int, error) {
	// Requests are written head first, one at a time on a connection; the rest of
	// a long one can hardly look like a head with a matching size.
	if len(p) >= 8 {
		whole := int(binary.BigEndian.Uint32(p)) == len(p)-4
		c.mu.Lock()
		if whole {
			c.produce = binary.BigEndian.Uint16(p[4:]) == 0
		}
		c.mu.Unlock()
	}
	return c.Conn.Write(p)
}

func (c *lineConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	produce := c.produce
	c.mu.Unlock()
	if err != nil || !produce {
		return n, err //nolint:wrapcheck // a connection hands through its errors as they are
	}
	c.line.mu.Lock()
	lose, hold := c.line.lose > 0, c.line.hold
	if lose {
		c.line.lose--
	}
	c.line.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if lose {
		_ = c.Close()
		c.line.lost <- struct{}{}
		return 0, errLineCut
	}
	return n, nil
}

func (c *lineConn) Close() error {
	c.line.mu.Lock()
	delete(c.line.conns, c)
	c.line.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // a connection hands through its errors as they are
}
