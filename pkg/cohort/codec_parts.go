package cohort

import (
	"encoding/binary"
	"math"
	"slices"
)

// The optional parts of a state: most people have none of them.

func (p *Person) parts() (parts byte) {
	for i := range p.attributes {
		if p.attributes[i].told {
			parts |= hasAttributes
			break
		}
	}
	if len(p.unasked.attributes) > 0 {
		parts |= hasAttributes
	}
	for i := range p.stays {
		if p.stays[i].leaving != Never {
			parts |= hasLeaving
			break
		}
	}
	if len(p.Contacts) > 0 {
		parts |= hasContacts
	}
	if p.identity() != 0 {
		parts |= hasIdentity
	}
	return parts
}

// sized gives n zero elements, in the memory of list where they fit.
func sized[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	list = list[:n]
	clear(list)
	return list
}

func (g *Program) appendAttributes(dst []byte, p *Person, base int64) []byte {
	count := uint64(len(p.unasked.attributes))
	for i := range p.attributes {
		if p.attributes[i].told {
			count++
		}
	}
	dst = binary.AppendUvarint(dst, count)
	one := func(id uint16, a *attribute) {
		dst = binary.LittleEndian.AppendUint16(dst, id)
		dst = binary.AppendUvarint(dst, uint64(base-a.at))
		dst = append(dst, byte(a.id), byte(a.id>>8), byte(a.id>>16))
		dst = binary.AppendVarint(dst, a.offset)
		dst = append(dst, byte(a.value.Kind))
		switch a.value.Kind {
		case ValueText:
			dst = binary.AppendUvarint(dst, uint64(len(a.value.Text)))
			dst = append(dst, a.value.Text...)
		case ValueNumber:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.value.Number))
		case ValueNone, ValueTrue, ValueFalse:
		}
	}
	for i := range p.attributes {
		if p.attributes[i].told {
			one(g.attributes[i].id, &p.attributes[i])
		}
	}
	for i := range p.unasked.attributes {
		one(p.unasked.attributes[i].id, &p.unasked.attributes[i].attribute)
	}
	return dst
}

func (g *Program) decodeAttributes(r *reader, p *Person, base int64) {
	if p.judged == unjudged {
		r.bad = true
		return
	}
	var seen []uint16
	for n := r.count(8); n > 0 && !r.bad; n-- {
		id := r.uint16()
		a := attribute{at: base - int64(r.uvarint()), id: r.hash(), offset: r.varint(), told: true}
		a.value.Kind = ValueKind(r.byte())
		switch a.value.Kind {
		case ValueText:
			a.value.Text = string(r.take(r.count(1)))
		case ValueNumber:
			if b := r.take(8); len(b) == 8 {
				a.value.Number = math.Float64frombits(binary.LittleEndian.Uint64(b))
			}
		case ValueNone, ValueTrue, ValueFalse:
		default:
			r.bad = true
		}
		if a.at > base || a.at < -maxTime || len(a.value.Text) > MaxText || slices.Contains(seen, id) {
			r.bad = true
		}
		seen = append(seen, id)
		if i := slices.IndexFunc(g.attributes, func(d attributeDef) bool { return d.id == id }); i >= 0 {
			p.attributes[i] = a
		} else {
			p.unasked.attributes = append(p.unasked.attributes, unaskedAttribute{id, a})
		}
	}
}

func (p *Person) appendLeaving(dst []byte, base int64) []byte {
	count := uint64(0)
	for i := range p.stays {
		if p.stays[i].leaving != Never {
			count++
		}
	}
	dst = binary.AppendUvarint(dst, count)
	for i := range p.stays {
		if s := &p.stays[i]; s.leaving != Never {
			dst = binary.AppendUvarint(dst, uint64(i))
			dst = binary.AppendVarint(dst, base-s.leaving)
		}
	}
	return dst
}

// decodeLeaving takes the order in which the stays stood. One of a cohort that the
// catalogue no longer has goes with it.
func (p *Person) decodeLeaving(r *reader, base int64, order []int) {
	for n := r.count(2); n > 0 && !r.bad; n-- {
		place := r.uvarint()
		at := base - r.varint()
		if place >= uint64(len(order)) || at > base || at < -maxTime {
			r.bad = true
			return
		}
		if i := order[place]; i >= 0 {
			p.stays[p.stayOf(i)].leaving = at
		}
	}
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// take gives the next n bytes, nil where there are not as many.
func (r *reader) take(n int) []byte {
	if r.bad || len(r.rest) < n {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
