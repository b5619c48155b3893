package cohort

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// What is kept about who somebody is, behind one byte that says which of it follows.
const (
	isAlias = 1 << iota
	hasAliases
	wasErased
	isBlocked
	statesEmail
	statesPhone
	identityMask = 1<<iota - 1
)

// Layout: flags | alias: key, since when | aliases: count, each a key | erased at |
// account email, phone: place among the contacts, since when, hash (3 bytes). Times are distances
// from judged. A key is its length and bytes; a keyed hash of an email, which most aliases are, is a
// zero and its 16 bytes.

func (p *Person) identity() (flags byte) {
	if p.into != "" {
		flags |= isAlias
	}
	if len(p.aliases) > 0 {
		flags |= hasAliases
	}
	if p.erasedAt != unjudged {
		flags |= wasErased
	}
	if p.blocked {
		flags |= isBlocked
	}
	if p.account[0].sealed != nil {
		flags |= statesEmail
	}
	if p.account[1].sealed != nil {
		flags |= statesPhone
	}
	return flags
}

func (p *Person) appendIdentity(dst []byte, base int64) []byte {
	flags := p.identity()
	dst = append(dst, flags)
	if flags&isAlias != 0 {
		dst = binary.AppendVarint(appendKey(dst, p.into), base-p.intoAt)
	}
	if flags&hasAliases != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(p.aliases)))
		for _, key := range p.aliases {
			dst = appendKey(dst, key)
		}
	}
	if flags&wasErased != 0 {
		dst = binary.AppendVarint(dst, base-p.erasedAt)
	}
	for k := range p.account {
		a := &p.account[k]
		if a.sealed == nil {
			continue
		}
		place := slices.IndexFunc(p.Contacts, func(c []byte) bool { return bytes.Equal(c, a.sealed) })
		dst = binary.AppendUvarint(dst, uint64(place))
		dst = binary.AppendVarint(dst, base-a.at)
		dst = append(dst, byte(a.id), byte(a.id>>8), byte(a.id>>16))
	}
	return dst
}

// decodeIdentity comes after the contacts.
func (p *Person) decodeIdentity(r *reader, base int64) {
	flags := r.byte()
	if flags == 0 || flags&^byte(identityMask) != 0 {
		r.bad = true
		return
	}
	if flags&isAlias != 0 {
		p.into = r.key()
		p.intoAt = base - r.varint()
	}
	if flags&hasAliases != 0 {
		n := r.count(2)
		if n == 0 || n > MaxAliases {
			r.bad = true
			return
		}
		p.aliases = make([]string, 0, n)
		for ; n > 0 && !r.bad; n-- {
			p.aliases = append(p.aliases, r.key())
		}
	}
	if flags&wasErased != 0 {
		p.erasedAt = base - r.varint()
		r.bad = r.bad || p.erasedAt > maxTime || p.erasedAt < -maxTime
	}
	p.blocked = flags&isBlocked != 0
	for k, flag := range [accounts]byte{statesEmail, statesPhone} {
		if flags&flag == 0 {
			continue
		}
		place := r.uvarint()
		a := account{at: base - r.varint(), id: r.hash()}
		if r.bad || place >= uint64(len(p.Contacts)) {
			r.bad = true
			return
		}
		a.sealed = p.Contacts[place]
		p.account[k] = a
	}
}

const (
	emailKey     = "em_" // see pkg/seal
	emailKeySize = 16
)

func appendKey(dst []byte, key string) []byte {
	if text, ok := strings.CutPrefix(key, emailKey); ok && len(text) == 2*emailKeySize {
		var b [emailKeySize]byte
		if _, err := hex.Decode(b[:], []byte(text)); err == nil && hex.EncodeToString(b[:]) == text {
			return append(append(dst, 0), b[:]...)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	return append(dst, key...)
}

func (r *reader) key() string {
	n := r.count(1)
	if n == 0 && !r.bad {
		return emailKey + hex.EncodeToString(r.take(emailKeySize))
	}
	return string(r.take(n))
}
