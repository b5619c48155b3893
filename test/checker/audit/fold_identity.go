package audit

import (
	"maps"
	"slices"
)

// merge takes in that somebody has become another: the record of a link, or what the owner of the
// vanished key hands over.
func (f *fold) merge(l *lane, e *eventRecord, offset int64) {
	p := f.person(*e.Person, l)
	if text(e.Name) == "absorb" {
		f.absorb(l, p, e, offset)
		return
	}
	into := e.Strings["cohortflow.into"]
	switch {
	case into == "" || into == p.key || p.blocked || p.into == into:
		return
	case p.into != "":
		if text(e.Name) == "relink" && e.EventAt > p.intoAt {
			p.into, p.intoAt = into, e.EventAt
			f.hand(e, &handover{key: p.key})
		}
		return
	}
	h := &handover{key: p.key, history: p.history, stays: maps.Clone(p.stays), contacts: maps.Clone(p.contacts)}
	p.leaveAll(classMerged, offset, l.logTime)
	told := p.changed
	p.forget()
	p.into, p.intoAt, p.changed, p.gone = into, e.EventAt, max(told, offset), true
	f.hand(e, h)
}

// hand puts down what the record that hands it over will stand for.
func (f *fold) hand(e *eventRecord, h *handover) {
	if f.handed[e.ID+"/absorb"] == nil { // a link that is told twice is acted on once
		f.handed[e.ID+"/absorb"] = h
	}
}

func (f *fold) absorb(l *lane, p *person, e *eventRecord, offset int64) {
	h := f.handed[e.ID]
	switch {
	case p.into == h.key:
		p.circular = true
		return
	case p.into != "":
		f.mustPass = append(f.mustPass, pass{e.ID, p.into, p.key, l.number, offset})
		return
	case p.blocked:
		return
	}
	reached := false
	for c := range h.contacts {
		if !p.contacts[c] {
			p.contacts[c], reached = true, true
		}
	}
	moved := len(h.stays) > 0
	for event, list := range h.history.events {
		for _, m := range list {
			if at := min(m.at, l.logTime); at > p.erasedAt {
				moved = p.history.add(event, moment{at, m.id}) || moved
			}
		}
	}
	told := make(map[string]bool)
	if moved {
		for _, r := range f.rules {
			told[r.key] = f.inherit(l, p, r, h, offset)
		}
	}
	if reached {
		f.announce(l, p, told, offset)
	}
	if moved {
		f.arm(l, p, l.logTime)
	}
}

// inherit decides one cohort from all that both were known for. Whoever was told of the other's stay is told
// how it goes on. The product may know less of the past than this, so instants are not judged.
func (f *fold) inherit(l *lane, p *person, r *rule, h *handover, offset int64) (entered bool) {
	from, ok := p.history.earliest(r)
	if !ok {
		from = l.logTime
	}
	_, in := p.stays[r.key]
	_, held := h.stays[r.key]
	now, at := walk(r, &p.history, false, min(from, l.logTime), l.logTime)
	tell := func(enter bool, class string) {
		p.tell(r.key, step{enter: enter, at: at, class: class, near: true, offset: offset})
	}
	switch {
	case r.path && (in || now || held) && r.stay(&p.history, l.logTime):
		// Whoever may stay is in or not by when they entered, and that may lie behind the newest events. So may it for
		// somebody who is in by what was handed over late: the product no longer has it next to what is newer.
		told := f.told(p, r, offset)
		for _, e := range told {
			at = e.EffectiveAt
			tell(e.Op == "enter", classOf(e.Reason))
			entered = entered || e.Op == "enter"
		}
		if len(told) == 0 && held && !in {
			tell(true, classMerged)
		}
		return entered
	case in && !now:
		tell(false, "")
	case !in && now:
		tell(true, classMerged)
		return true
	case !in && held:
		tell(true, classMerged)
		tell(false, "")
		return true
	}
	return false
}

func (f *fold) erase(l *lane, e *eventRecord, offset int64) {
	p := f.person(*e.Person, l)
	suppress := text(e.Name) == "suppress"
	if of := e.Strings["cohortflow.into"]; of != "" && e.Kind == "erase" {
		if p.into == of {
			p.forget()
			p.erasedAt, p.blocked, p.gone = max(p.erasedAt, l.logTime), p.blocked || suppress, true
		}
		return
	}
	switch {
	case p.into != "":
		f.mustPass = append(f.mustPass, pass{e.ID, p.into, p.key, l.number, offset})
	case e.Kind == "unerase":
		p.blocked = false
	default:
		p.leaveAll(classErased, offset, l.logTime)
		p.forget()
		p.erasedAt, p.blocked = max(p.erasedAt, l.logTime), p.blocked || suppress
		p.changed, p.gone = offset, true
		f.erased[l.number] = append(f.erased[l.number], proof{offset: offset, person: p.key})
	}
}

// proof is an erasure that has to be told, once, without a name.
type proof struct {
	offset int64
	person string
}

// cohorts lists all cohorts that anything was told of.
func (p *person) cohorts() []string { return slices.Sorted(maps.Keys(p.steps)) }
