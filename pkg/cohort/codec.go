package cohort

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The first byte of a state: the format, and above it which optional parts follow. A
// release reads every format up to its own.
const (
	firstFormat = 1 // facts without values, contacts always there
	stateFormat = 2
	formatMask  = 0x0f

	hasAttributes = 0x10
	hasLeaving    = 0x20
	hasContacts   = 0x40
	hasIdentity   = 0x80
)

// ErrState says that the bytes of a person are damaged or of a newer release.
var ErrState = errors.New("state of a person is damaged or was written by a newer release")

// Layout, all numbers varints, times as distances so that they are short:
//
//	format and parts | version | judged+1, 0 = none | armed: 0 none, 1 never, else 2 + distance from judged
//	patterns   | each: id (2 bytes) | facts*2 + summed | each: time before the one before it | hash (3 bytes) | offset, distance | value, if summed
//	stays      | each: cohort id (2 bytes) | entered, distance
//	attributes | each: id (2 bytes) | time before judged | hash (3 bytes) | offset | kind | text: length and bytes, number: 8 bytes
//	leaving    | each: place among the stays | since, distance from judged
//	contacts   | each: length | bytes
//	identity   | see codec_identity.go
//
// Ids instead of positions make a state readable under another catalogue.

// Append encodes the person.
func (g *Program) Append(dst []byte, p *Person) []byte {
	head := len(dst)
	dst = append(dst, p.parts()|stateFormat)
	dst = binary.AppendUvarint(dst, uint64(p.Version))
	base := int64(0)
	if p.judged == unjudged {
		dst = append(dst, 0)
	} else {
		base = p.judged
		dst = binary.AppendUvarint(dst, zigzag(base)+1)
	}
	switch p.Armed {
	case 0:
		dst = append(dst, 0)
	case Never:
		dst = append(dst, 1)
	default:
		dst = binary.AppendUvarint(dst, zigzag(p.Armed-base)+2)
	}
	kinds := len(p.unasked.facts)
	for i := range p.facts {
		if len(p.facts[i]) > 0 {
			kinds++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(kinds))
	offset := int64(0)
	list := func(id uint16, summed bool, facts []Fact) {
		if len(facts) == 0 {
			return
		}
		dst = binary.LittleEndian.AppendUint16(dst, id)
		count := uint64(len(facts)) << 1
		if summed {
			count |= 1
		}
		dst = binary.AppendUvarint(dst, count)
		at := base
		for _, f := range facts {
			dst = binary.AppendUvarint(dst, uint64(at-f.At))
			dst = append(dst, byte(f.ID), byte(f.ID>>8), byte(f.ID>>16))
			dst = binary.AppendVarint(dst, f.Offset-offset)
			if summed {
				dst = binary.AppendUvarint(dst, uint64(f.Value))
			}
			at, offset = f.At, f.Offset
		}
	}
	for i, facts := range p.facts {
		list(g.patterns[i].id, g.patterns[i].property != "", facts)
	}
	for i := range p.unasked.facts {
		list(p.unasked.facts[i].id, p.unasked.facts[i].summed, p.unasked.facts[i].facts)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.stays)+len(p.retired)))
	at := base
	stay := func(id uint16, entered int64) {
		dst = binary.LittleEndian.AppendUint16(dst, id)
		dst = binary.AppendVarint(dst, at-entered)
		at = entered
	}
	for _, s := range p.stays {
		stay(g.cohorts[s.cohort].id, s.entered)
	}
	for _, s := range p.retired {
		stay(s.id, s.entered)
	}
	if dst[head]&hasAttributes != 0 {
		dst = g.appendAttributes(dst, p, base)
	}
	if dst[head]&hasLeaving != 0 {
		dst = p.appendLeaving(dst, base)
	}
	if dst[head]&hasContacts != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(p.Contacts)))
		for _, c := range p.Contacts {
			dst = binary.AppendUvarint(dst, uint64(len(c)))
			dst = append(dst, c...)
		}
	}
	if dst[head]&hasIdentity != 0 {
		dst = p.appendIdentity(dst, base)
	}
	return dst
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// Decode reads a person's state into p, whose memory it uses again; blob is copied
// from. No bytes at all are somebody new. The state may be of another catalogue:
// what this one does not ask about, and stays in cohorts that it does not have, are kept aside
// until Review. After an error p must not be used.
func (g *Program) Decode(key string, blob []byte, p *Person) error {
	p.Key, p.Version, p.Armed, p.Contacts, p.judged, p.nextKnown = key, 0, 0, nil, unjudged, false
	p.stays, p.retired = p.stays[:0], p.retired[:0]
	p.account, p.into, p.intoAt, p.aliases, p.erasedAt, p.blocked = [accounts]account{}, "", 0, nil, unjudged, false
	if cap(p.facts) < len(g.patterns) {
		p.facts = append(p.facts[:cap(p.facts)], make([][]Fact, len(g.patterns)-cap(p.facts))...)
	}
	p.facts = p.facts[:len(g.patterns)]
	for i := range p.facts {
		p.facts[i] = p.facts[i][:0]
	}
	p.unasked = unasked{}
	p.attributes = sized(p.attributes, len(g.attributes))
	p.traits = sized(p.traits, g.traits)
	if len(blob) == 0 {
		return nil
	}
	format, parts := blob[0]&formatMask, blob[0]&^formatMask
	if format == firstFormat && parts == 0 {
		parts = hasContacts
	} else if format != stateFormat || parts&^(hasAttributes|hasLeaving|hasContacts|hasIdentity) != 0 {
		return fmt.Errorf("%w: format %d, this release reads up to %d", ErrState, blob[0], stateFormat)
	}
	r := reader{rest: blob[1:]}
	p.Version = int64(r.uvarint())
	base := int64(0)
	if v := r.uvarint(); v > 0 {
		base = unzigzag(v - 1)
		p.judged = base
		r.bad = r.bad || base > maxTime || base < -maxTime
	}
	switch v := r.uvarint(); v {
	case 0:
	case 1:
		p.Armed = Never
	default:
		p.Armed = base + unzigzag(v-2)
	}
	g.decodeFacts(&r, p, base, format)
	order := g.decodeStays(&r, p, base)
	if parts&hasAttributes != 0 {
		g.decodeAttributes(&r, p, base)
	}
	if parts&hasLeaving != 0 {
		p.decodeLeaving(&r, base, order)
	}
	if parts&hasContacts != 0 {
		p.decodeContacts(&r)
	}
	if parts&hasIdentity != 0 {
		p.decodeIdentity(&r, base)
	}
	if p.Version < 0 || p.judged == unjudged && len(p.stays)+len(p.retired) > 0 {
		r.bad = true
	}
	if r.bad || len(r.rest) > 0 {
		return ErrState
	}
	p.arrange()
	return nil
}

// arrange brings what the catalogue does not know into the order of ids. It came in that of the catalogue
// which wrote it, and the order in which stays end must not depend on who was in memory when
// a catalogue changed, and so was written under it, and who was not.
func (p *Person) arrange() {
	slices.SortFunc(p.retired, func(a, b retired) int { return int(a.id) - int(b.id) })
	slices.SortFunc(p.unasked.facts, func(a, b unaskedFacts) int { return int(a.id) - int(b.id) })
	slices.SortFunc(p.unasked.attributes, func(a, b unaskedAttribute) int { return int(a.id) - int(b.id) })
}

func (g *Program) decodeFacts(r *reader, p *Person, base int64, format byte) {
	offset := int64(0)
	for n := r.count(8); n > 0 && !r.bad; n-- {
		id := r.uint16()
		into := slices.IndexFunc(g.patterns, func(p pattern) bool { return p.id == id })
		if into >= 0 && len(p.facts[into]) > 0 || p.judged == unjudged {
			r.bad = true
			return
		}
		last := Fact{At: base, ID: math.MaxUint32}
		first := true
		count, summed := r.uvarint(), false
		if format > firstFormat {
			count, summed = count>>1, count&1 == 1
		}
		if into < 0 {
			for i := range p.unasked.facts {
				r.bad = r.bad || p.unasked.facts[i].id == id
			}
			p.unasked.facts = append(p.unasked.facts, unaskedFacts{id: id, summed: summed})
		}
		if count == 0 || count > uint64(len(r.rest)/5) || into >= 0 && summed != (g.patterns[into].property != "") {
			r.bad = true
		}
		for ; count > 0 && !r.bad; count-- {
			f := Fact{At: last.At - int64(r.uvarint()), ID: r.hash()}
			offset += r.varint()
			f.Offset = offset
			if summed {
				f.Value = int64(min(r.uvarint(), MaxSum*amountScale))
			}
			if f.At > last.At || f.At < -maxTime || !first && !last.newer(f) {
				r.bad = true
				return
			}
			last, first = f, false
			if into >= 0 {
				p.facts[into] = append(p.facts[into], f)
			} else {
				u := &p.unasked.facts[len(p.unasked.facts)-1]
				u.facts = append(u.facts, f)
			}
		}
	}
}

// decodeStays gives the cohorts in the order in which they stand there; -1 = retired.
func (g *Program) decodeStays(r *reader, p *Person, base int64) (order []int) {
	at := base
	for n := r.count(3); n > 0 && !r.bad; n-- {
		id := r.uint16()
		at -= r.varint()
		if at > base || at < -maxTime {
			r.bad = true
			return nil
		}
		i := -1
		for k := range g.cohorts {
			if g.cohorts[k].id == id {
				i = k
			}
		}
		order = append(order, i)
		switch {
		case i >= 0 && p.stayOf(i) < 0:
			p.enter(i, at)
		case i < 0 && !slices.ContainsFunc(p.retired, func(s retired) bool { return s.id == id }):
			p.retired = append(p.retired, retired{id: id, entered: at})
		default:
			r.bad = true
		}
	}
	return order
}

func (p *Person) decodeContacts(r *reader) {
	n := r.count(2)
	if n > MaxContacts {
		r.bad = true
	}
	if n == 0 || r.bad {
		return
	}
	// One copy for all: transitions that go out may hold on to it.
	all := slices.Clone(r.rest)
	list := make([][]byte, 0, n)
	for ; n > 0 && !r.bad; n-- {
		size := r.count(1)
		if size == 0 {
			r.bad = true
			return
		}
		from := len(all) - len(r.rest)
		list = append(list, all[from:from+size:from+size])
		r.rest = r.rest[size:]
	}
	p.Contacts = list
}

// reader takes numbers off the front; once something was bad, all that follows is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || r.bad {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

// count reads how many entries follow, of at least size bytes each: a number that
// the rest cannot hold is bad, so that no more is made than was sent.
func (r *reader) count(size int) int {
	v := r.uvarint()
	if v > uint64(len(r.rest)/size) {
		r.bad = true
		return 0
	}
	return int(v)
}

func (r *reader) uint16() uint16 {
	if len(r.rest) < 2 || r.bad {
		r.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint16(r.rest)
	r.rest = r.rest[2:]
	return v
}

func (r *reader) hash() uint32 {
	if len(r.rest) < 3 || r.bad {
		r.bad = true
		return 0
	}
	v := uint32(r.rest[0]) | uint32(r.rest[1])<<8 | uint32(r.rest[2])<<16
	r.rest = r.rest[3:]
	return v
}
