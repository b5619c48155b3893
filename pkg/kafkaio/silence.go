package kafkaio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// silences remembers which brokers took a connection and then said nothing: one that is frozen, or whose machine is,
// looks like one that is there. Whoever may ask any broker is led past it to the next one.
type silences struct {
	mu    sync.Mutex
	until map[string]time.Time // by address
}

// silentFor is how long a broker is passed over. It is short: the broker may be the one that leads.
const silentFor = 3 * time.Second

var errSilent = errors.New("broker was silent a moment ago")

func (s *silences) note(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	s.until[address] = time.Now().Add(silentFor)
}

func (s *silences) over(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, address)
}

// pass is an error for a broker that is to be passed over. One of others is always left.
func (s *silences) pass(address string, others []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !now.Before(s.until[address]) {
		return nil
	}
	for _, o := range others {
		if o != address && !now.Before(s.until[o]) {
			return fmt.Errorf("%s: %w", address, errSilent)
		}
	}
	return nil
}

// hearingConn notes when its broker is silent for longer than somebody was ready to wait, and when it speaks.
type hearingConn struct {
	net.Conn
	silences *silences
	address  string
	silent   bool
}

// Read passes on what comes. Calls are serial, as kafka-go's are.
func (c *hearingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch {
	case n > 0 && c.silent:
		c.silent = false
		c.silences.over(c.address)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.silent = true
		c.silences.note(c.address)
	}
	return n, err //nolint:wrapcheck // a net.Conn must hand through its errors as they are
}
