package partition

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// maxHops is how often a record is passed on before whoever has it keeps it: chains
// of aliases are short, and a circle has to end.
const maxHops = 32

// identify takes in what a record says about who somebody is. Whatever goes to other
// partitions for it is appended before a checkpoint passes the record; a crash in between
// repeats it, and everything here is done twice without harm. False = somebody has to be
// loaded first.
func (m *Machine) identify(r *Record, logTime int64) bool {
	e := r.Event
	p := m.people.get(e.Person)
	if p == nil {
		m.prefetch(logTime)
		return false
	}
	m.complete(r)
	from, wasGone := len(m.decisions.List), p.gone
	p.gone = false
	o := cohort.Observation{At: e.EventAt, Offset: r.Offset, ID: e.ID, AcceptedAt: e.AcceptedAt}
	switch {
	case e.Kind == event.KindErase:
		m.erase(r, p, &o, logTime)
	case e.Kind == event.KindUnerase:
		if !m.passed(r, p, logTime) && p.person.Suppressed() {
			p.person.Unsuppress()
			m.touch(p, logTime)
		}
	case e.Name == event.NameAbsorb:
		m.absorb(r, p, &o, logTime)
	default:
		m.link(r, p, &o, logTime)
	}
	silent := len(m.decisions.List) == from
	m.number(p, from, r.Offset)
	if p.gone && silent && p.person.Version > 0 {
		// The state topic may have them, and nothing was decided: an id of its own says where they went.
		p.last = cohort.ID{Partition: m.cfg.Partition, Offset: r.Offset, Ordinal: m.ordinal}
		m.ordinal++
	}
	p.gone = p.gone || wasGone
	return true
}

// link makes the record's person an alias of another key, and hands over what they were.
func (m *Machine) link(r *Record, p *resident, o *cohort.Observation, logTime int64) {
	e, q := r.Event, &p.person
	into := e.Properties.Strings[event.PropertyInto]
	switch {
	case into == "" || into == e.Person || q.Suppressed():
		return
	case q.Into() == into:
		return
	case q.Into() != "":
		// A key that may change hands goes with the latest that was said; any other stays.
		if e.Name != event.NameRelink || e.EventAt <= q.IntoAt() {
			return
		}
		q.Turn(into, e.EventAt)
		m.touch(p, logTime)
		m.send(absorption(e, into, []string{e.Person}, nil, logTime))
		return
	}
	var state []byte
	if !q.Bare() {
		state = m.program.Append(nil, q)
	}
	m.program.Vanish(q, into, o, logTime, &m.decisions)
	p.gone = true
	m.Stats.Merged++
	m.touch(p, logTime)
	m.send(absorption(e, into, []string{e.Person}, state, logTime))
}

// absorb takes in what somebody was who has become the record's person, or passes it
// on where that one has become another.
func (m *Machine) absorb(r *Record, p *resident, o *cohort.Observation, logTime int64) {
	e, q := r.Event, &p.person
	path, state, err := openAbsorption(e.Properties.Strings[event.PropertyState])
	if err != nil {
		m.Stats.Bad++
		return
	}
	if into := q.Into(); into != "" {
		if !ends(path, e.Person, into) {
			m.send(absorption(e, into, append(path, e.Person), state, logTime))
			m.Stats.Forwarded++
			return
		}
		q.Revive()
		m.Stats.Revived++
		m.touch(p, logTime)
	}
	var other cohort.Person
	if err := m.program.Decode(path[0], state, &other); err != nil {
		m.Stats.Bad++
		return
	}
	if m.program.Absorb(q, &other, o, logTime, &m.decisions) {
		m.touch(p, logTime)
	}
}

// ends says whether what has gone along path stays with key, an alias of next: where
// next has been passed already the aliases stand in a circle, and the smallest of its keys becomes
// a person again. So it is the same one whichever of them notices.
func ends(path []string, key, next string) bool {
	if len(path) >= maxHops {
		return true
	}
	at := slices.Index(path, next)
	return at >= 0 && key <= slices.Min(path[at:])
}

func (m *Machine) erase(r *Record, p *resident, o *cohort.Observation, logTime int64) {
	e, q := r.Event, &p.person
	suppress := e.Name == event.NameSuppress
	if of := e.Properties.Strings[event.PropertyInto]; of != "" {
		// Told by the person of whom this key is an alias. If it is another's by now, that one stays.
		if q.Into() == of {
			q.Forget(suppress, logTime)
			p.gone = true
			m.touch(p, logTime)
		}
		return
	}
	if m.passed(r, p, logTime) {
		return
	}
	aliases := slices.Clone(q.Aliases())
	m.program.Erase(q, suppress, o, logTime, &m.decisions)
	p.gone = true
	m.Stats.Erased++
	m.touch(p, logTime)
	if suppress {
		return // what comes under another of their keys must go on finding its way here, and end
	}
	for i, key := range aliases {
		m.send(event.Event{
			Kind: event.KindErase, Source: event.SourceOwner, Workspace: e.Workspace, ID: e.ID + "/alias-" + strconv.Itoa(i), Name: e.Name,
			EventAt: e.EventAt, AcceptedAt: logTime, Person: key,
			Properties: event.Properties{Strings: map[string]string{event.PropertyInto: e.Person}},
		})
	}
}

// passed passes a record of an alias on to whom they have become. False = the person
// is no alias, or no longer one.
func (m *Machine) passed(r *Record, p *resident, logTime int64) bool {
	into := p.person.Into()
	if into == "" {
		return false
	}
	m.complete(r)
	e := *r.Event
	hops := e.Properties.Numbers[event.PropertyHops]
	if hops >= maxHops {
		p.person.Revive()
		m.Stats.Revived++
		m.touch(p, logTime)
		return false
	}
	e.Person = into
	e.Properties.Numbers = maps.Clone(e.Properties.Numbers)
	if e.Properties.Numbers == nil {
		e.Properties.Numbers = make(map[string]float64)
	}
	e.Properties.Numbers[event.PropertyHops] = hops + 1
	m.send(e)
	m.Stats.Forwarded++
	return true
}

// absorption is the record that hands over what path[0] was to into. Its accepted_at is our log time,
// so that nothing in it lies ahead of the receiver's.
func absorption(of *event.Event, into string, path []string, state []byte, logTime int64) event.Event {
	b := binary.AppendUvarint(nil, uint64(len(path)))
	for _, key := range path {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	id := of.ID
	if of.Name != event.NameAbsorb {
		id += "/absorb"
	}
	return event.Event{
		Kind: event.KindMerge, Source: event.SourceOwner, Workspace: of.Workspace, ID: id, Name: event.NameAbsorb,
		EventAt: of.EventAt, AcceptedAt: max(logTime, of.AcceptedAt), Person: into,
		Properties: event.Properties{Strings: map[string]string{
			event.PropertyState: base64.StdEncoding.EncodeToString(append(b, state...)),
		}},
	}
}

var errAbsorption = errors.New("what a merge hands over is damaged")

func openAbsorption(text string) (path []string, state []byte, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errAbsorption, err)
	}
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > uint64(len(b)-n) {
			err = errAbsorption
			return 0
		}
		b = b[n:]
		return v
	}
	for n := number(); n > 0 && err == nil; n-- {
		size := number()
		path, b = append(path, string(b[:size])), b[size:]
	}
	if err == nil && len(path) == 0 {
		err = errAbsorption
	}
	return path, b, err
}
