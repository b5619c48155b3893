// Package seal owns the secret that stands between personal data and everything
// we write: it makes pseudonymous keys of emails and person keys, and it seals
// contacts so that they can lie in state and still be told apart.
//
// Sealing is deterministic on purpose. State is a union of facts, so the same
// contact has to become the same bytes, whoever seals it and however often. What
// that gives away is equality of two contacts under one secret, nothing else.
//
// The package never logs, and a Keys value never prints what it holds.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strings"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// MinSecret is the shortest secret that is taken, in bytes.
const MinSecret = 32

// Kinds of sealed contacts.
const (
	KindEmail       byte = 'e'
	KindPhone       byte = 'p'
	KindCustomerID  byte = 'c'
	KindAnonymousID byte = 'a'
)

const (
	nonceSize = 12
	tagSize   = 12 // the nonce is checked against the plaintext too, so 12 bytes of tag are ample
	// Overhead is how many bytes a sealed contact is longer than its plain text.
	Overhead = 1 + nonceSize + 1 + tagSize
)

// ErrUnknownKey is wrapped by Open when no secret at hand sealed the value.
var ErrUnknownKey = errors.New("sealed with a secret that is not at hand")

// ErrTampered is wrapped by Open when the value is not what was sealed.
var ErrTampered = errors.New("sealed value is damaged")

// Keys are the working keys of one or several secrets. It is safe for concurrent
// use and costs no IO.
type Keys struct {
	email, subject *mac
	rings          []ring // rings[0] seals, all of them open
}

// ring is what one secret gives for sealing.
type ring struct {
	id    byte
	nonce *mac
	aead  cipher.AEAD
}

// NewKeys derives the working keys. current seals; it and the older ones open.
// Pseudonyms (EmailKey, Subject) come from the oldest secret, the last argument:
// were they to follow a rotation, every person known by email alone would become
// a stranger. So a rotation puts a new secret in front and takes none away from
// the end. Each secret has at least MinSecret bytes.
func NewKeys(current []byte, older ...[]byte) (*Keys, error) {
	k := &Keys{}
	secrets := append([][]byte{current}, older...)
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("seal secret %d of %d has %d bytes: give at least %d random bytes (openssl rand -hex 32)",
				i+1, len(secrets), len(secret), MinSecret)
		}
		r, err := newRing(secret)
		if err != nil {
			return nil, err
		}
		k.rings = append(k.rings, r)
	}
	root := secrets[len(secrets)-1]
	var err error
	if k.email, err = deriveMAC(root, "cohortflow email key v1"); err != nil {
		return nil, err
	}
	if k.subject, err = deriveMAC(root, "cohortflow subject v1"); err != nil {
		return nil, err
	}
	return k, nil
}

func newRing(secret []byte) (ring, error) {
	id, err := derive(secret, "cohortflow seal key id v1", 1)
	if err != nil {
		return ring{}, err
	}
	encryption, err := derive(secret, "cohortflow seal encryption v1", 32)
	if err != nil {
		return ring{}, err
	}
	block, err := aes.NewCipher(encryption)
	if err != nil {
		return ring{}, fmt.Errorf("seal: set up AES-256: %w", err)
	}
	aead, err := cipher.NewGCMWithTagSize(block, tagSize)
	if err != nil {
		return ring{}, fmt.Errorf("seal: set up GCM: %w", err)
	}
	nonce, err := deriveMAC(secret, "cohortflow seal nonce v1")
	if err != nil {
		return ring{}, err
	}
	return ring{id: id[0], nonce: nonce, aead: aead}, nil
}

func derive(secret []byte, label string, n int) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, label, n)
	if err != nil {
		return nil, fmt.Errorf("seal: derive %q: %w", label, err)
	}
	return key, nil
}

// EmailKey is the person key of somebody known by email alone: "em_" and 32 hex
// digits. Case and surrounding space of the email do not matter.
func (k *Keys) EmailKey(email string) string {
	sum := k.email.sum(0, strings.ToLower(strings.TrimSpace(email)))
	return "em_" + hex.EncodeToString(sum[:16])
}

// Subject is the opaque name of a person towards foreign readers: 32 hex digits
// that neither lead back to the person key nor match EmailKey.
func (k *Keys) Subject(person string) string {
	sum := k.subject.sum(0, person)
	return hex.EncodeToString(sum[:16])
}

// Seal encrypts a contact. The same kind and text give the same bytes under the
// same current secret. The layout is key id (1), nonce (12), then kind and text
// under AES-256-GCM with a tag of 12 bytes.
func (k *Keys) Seal(kind byte, plain string) []byte {
	r := &k.rings[0]
	sum := r.nonce.sum(kind, plain)
	out := make([]byte, 1+nonceSize, Overhead+len(plain))
	out[0] = r.id
	copy(out[1:], sum[:nonceSize])
	message := make([]byte, 1+len(plain))
	message[0] = kind
	copy(message[1:], plain)
	return r.aead.Seal(out, out[1:1+nonceSize], message, out[:1])
}

// Open is the inverse of Seal, also for values sealed under an older secret. The
// error wraps ErrUnknownKey or ErrTampered and never holds plain text.
func (k *Keys) Open(sealed []byte) (kind byte, plain string, err error) {
	if len(sealed) < Overhead {
		return 0, "", fmt.Errorf("open contact: %d bytes, need at least %d: %w", len(sealed), Overhead, ErrTampered)
	}
	known := false
	for i := range k.rings {
		r := &k.rings[i]
		// Ids are one byte, so two secrets may share one: try all that fit.
		if r.id != sealed[0] {
			continue
		}
		known = true
		nonce := sealed[1 : 1+nonceSize]
		message, openErr := r.aead.Open(nil, nonce, sealed[1+nonceSize:], sealed[:1])
		if openErr != nil {
			continue
		}
		kind, plain = message[0], string(message[1:])
		sum := r.nonce.sum(kind, plain)
		if !hmac.Equal(sum[:nonceSize], nonce) {
			break
		}
		return kind, plain, nil
	}
	if !known {
		return 0, "", fmt.Errorf("open contact: key id %#02x: %w", sealed[0], ErrUnknownKey)
	}
	return 0, "", fmt.Errorf("open contact: %w", ErrTampered)
}

// String hides the keys from every format verb.
func (k *Keys) String() string { return "seal.Keys(redacted)" }

// GoString hides the keys from %#v.
func (k *Keys) GoString() string { return k.String() }

// LogValue hides the keys from slog.
func (k *Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// PersonKey says under which key a person is kept: the customer id, else a keyed
// hash of the email, else the anonymous id, else "". Some workspaces use the email
// itself as customer id; it is hashed like any email, for a key must not be personal.
func PersonKey(k *Keys, ids event.Identifiers) string {
	switch {
	case strings.Contains(ids.CustomerID, "@"):
		return k.EmailKey(ids.CustomerID)
	case ids.CustomerID != "":
		return ids.CustomerID
	case strings.TrimSpace(ids.Email) != "":
		return k.EmailKey(ids.Email)
	}
	return ids.AnonymousID
}

// mac is a pool of keyed HMAC-SHA256 states: setting one up costs more than using it.
type mac struct{ pool sync.Pool }

type macState struct {
	hash hash.Hash
	buf  []byte
}

func deriveMAC(secret []byte, label string) (*mac, error) {
	key, err := derive(secret, label, sha256.Size)
	if err != nil {
		return nil, err
	}
	return &mac{pool: sync.Pool{New: func() any {
		return &macState{hash: hmac.New(sha256.New, key)}
	}}}, nil
}

// sum is the HMAC of kind (left out when 0) and text.
func (m *mac) sum(kind byte, text string) [sha256.Size]byte {
	s := m.pool.Get().(*macState)
	s.hash.Reset()
	s.buf = s.buf[:0]
	if kind != 0 {
		s.buf = append(s.buf, kind)
	}
	s.buf = append(s.buf, text...)
	s.hash.Write(s.buf)
	var out [sha256.Size]byte
	s.buf = s.hash.Sum(s.buf[:0])
	copy(out[:], s.buf)
	clear(s.buf[:cap(s.buf)]) // no email lingers in a pool
	m.pool.Put(s)
	return out
}
