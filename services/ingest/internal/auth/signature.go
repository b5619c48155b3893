package auth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the Webhook destination of Pipelines signs so, and HMAC-SHA1 stands
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// Signers are the secrets that may have signed a webhook.
type Signers struct {
	entries []signer
}

type signer struct {
	secret    []byte
	workspace string
}

// NewSigners reads secrets as NewKeys reads keys.
func NewSigners(what, workspace string, texts []string) (*Signers, error) {
	s := &Signers{}
	for i, text := range texts {
		name, key := split(strings.TrimSpace(text), workspace)
		if key == "" {
			return nil, fmt.Errorf("%s: entry %d is empty: remove it or give a key", what, i+1)
		}
		s.entries = append(s.entries, signer{secret: []byte(key), workspace: name})
	}
	return s, nil
}

// Any says whether there is a secret at all.
func (s *Signers) Any() bool { return len(s.entries) > 0 }

// Check takes the bytes that were signed, piece by piece, so that a body need not be
// held to be checked.
type Check struct {
	signers *Signers
	macs    []hash.Hash
}

// Reporting begins the check of a reporting webhook: HMAC-SHA256 over "v0:", the
// timestamp header as received, ":" and the raw body.
func (s *Signers) Reporting(timestamp string) *Check {
	c := s.check(sha256.New)
	for _, m := range c.macs {
		m.Write([]byte("v0:" + timestamp + ":"))
	}
	return c
}

// Destination begins the check of a Pipelines webhook: HMAC-SHA1 over the raw body.
func (s *Signers) Destination() *Check { return s.check(sha1.New) }

func (s *Signers) check(newHash func() hash.Hash) *Check {
	c := &Check{signers: s, macs: make([]hash.Hash, len(s.entries))}
	for i := range s.entries {
		c.macs[i] = hmac.New(newHash, s.entries[i].secret)
	}
	return c
}

// Write takes more of the body. It never fails.
func (c *Check) Write(b []byte) (int, error) {
	for _, m := range c.macs {
		m.Write(b)
	}
	return len(b), nil
}

// Verify compares with the lower-case hex of the header. It looks at every secret always.
func (c *Check) Verify(signature string) (workspace string, ok bool) {
	for i, m := range c.macs {
		sum := m.Sum(nil)
		want := make([]byte, hex.EncodedLen(len(sum)))
		hex.Encode(want, sum)
		if hmac.Equal(want, []byte(signature)) {
			workspace, ok = c.signers.entries[i].workspace, true
		}
	}
	return workspace, ok
}

// ErrStale is wrapped when a timestamp lies outside of the window.
var ErrStale = errors.New("the time of sending lies outside of the replay window")

// Fresh says whether the timestamp header, unix seconds, lies within the window
// around now. A window of 0 takes any, also one that is no number.
func Fresh(timestamp string, now time.Time, window time.Duration) error {
	if window <= 0 {
		return nil
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: X-CIO-Timestamp is no number of seconds", ErrStale)
	}
	const bound = 1 << 40 // far beyond any calendar, and no overflow below
	if seconds < 0 || seconds > bound {
		return fmt.Errorf("%w: X-CIO-Timestamp is no time in seconds", ErrStale)
	}
	if off := now.Unix() - seconds; off > int64(window/time.Second) || -off > int64(window/time.Second) {
		return fmt.Errorf("%w: it is %d s away, %s are allowed: look at the clock, or set replay-window", ErrStale, off, window)
	}
	return nil
}
