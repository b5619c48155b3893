package cohort

import "slices"

// MaxAliases is how many person keys are remembered that have become one person.
const MaxAliases = 32

// Into says which person key somebody has become; empty = they are themselves.
func (p *Person) Into() string { return p.into }

// IntoAt is the event time of the record that said so.
func (p *Person) IntoAt() int64 { return p.intoAt }

// Aliases lists the person keys that have become this person, oldest first. The list
// must not be changed.
func (p *Person) Aliases() []string { return p.aliases }

// Suppressed says that nothing about the person is taken in, by their own wish.
func (p *Person) Suppressed() bool { return p.blocked }

// ErasedAt is the log time of the last erasure; false = there was none.
func (p *Person) ErasedAt() (int64, bool) { return max(p.erasedAt, -maxTime), p.erasedAt != unjudged }

// Bare says that nothing is held of the person: no fact, stay, contact or alias. What
// may be left is the version and the memory of an erasure.
func (p *Person) Bare() bool {
	return p.judged == unjudged && len(p.Contacts) == 0 && len(p.aliases) == 0 && p.into == ""
}

// takes says whether something that happened at an instant may be taken in.
func (p *Person) takes(at int64) bool {
	return !p.blocked && p.into == "" && at > p.erasedAt
}

// Vanish makes the person an alias of another key: they leave what they are in, and
// nothing of them is left but where they have gone. What they were has to be handed
// on before, with Append.
func (g *Program) Vanish(p *Person, into string, o *Observation, logTime int64, out *Decisions) {
	g.leaveAll(p, ReasonMerged, o, logTime, out)
	p.forget()
	p.into, p.intoAt = into, o.At
}

// Turn points an alias at another key.
func (p *Person) Turn(into string, at int64) { p.into, p.intoAt = into, at }

// Revive makes an alias a person of their own again.
func (p *Person) Revive() { p.into, p.intoAt = "", 0 }

// Erase drops everything about the person: they leave what they are in, and a proof
// is told. What happened up to log time and comes once more is not taken in again; while
// suppress holds nothing is.
func (g *Program) Erase(p *Person, suppress bool, o *Observation, logTime int64, out *Decisions) {
	g.leaveAll(p, ReasonErased, o, logTime, out)
	// The proof goes by another name than the person's, so it takes none of their versions.
	out.List = append(out.List, Transition{
		Op: OpErased, Person: p.Key, Catalogue: g.revision, EffectiveAt: logTime, DecidedAt: logTime,
		Reason: ReasonErased, Version: p.Version, SourceID: o.ID, SourceAt: min(o.At, logTime), AcceptedAt: o.AcceptedAt,
	})
	p.Forget(suppress, logTime)
}

// Forget is Erase of an alias: there is nothing to leave and nobody to tell.
func (p *Person) Forget(suppress bool, logTime int64) {
	p.forget()
	p.erasedAt = max(p.erasedAt, min(max(logTime, -maxTime), maxTime))
	p.blocked = p.blocked || suppress
}

// Unsuppress lets what happens from now on be taken in again.
func (p *Person) Unsuppress() { p.blocked = false }

func (p *Person) forget() {
	p.stays, p.retired = p.stays[:0], p.retired[:0]
	for i := range p.facts {
		p.facts[i] = p.facts[i][:0]
	}
	p.unasked = unasked{}
	clear(p.attributes)
	clear(p.traits)
	p.account = [accounts]account{}
	p.Contacts, p.aliases, p.into, p.intoAt = nil, nil, "", 0
	p.judged, p.nextKnown = unjudged, false
}

// leaveAll ends every stay.
func (g *Program) leaveAll(p *Person, reason string, o *Observation, logTime int64, out *Decisions) {
	leave := func(key string) {
		p.Version++
		out.List = append(out.List, Transition{
			Op: OpExit, Person: p.Key, Cohort: key, Catalogue: g.revision, EffectiveAt: logTime, DecidedAt: logTime,
			Reason: reason, Version: p.Version, SourceID: o.ID, SourceAt: min(o.At, logTime), AcceptedAt: o.AcceptedAt,
			Contacts: p.Contacts,
		})
	}
	for _, s := range p.stays {
		leave(g.cohorts[s.cohort].key)
	}
	for _, s := range p.retired {
		for _, f := range g.former {
			if f.id == s.id {
				leave(f.key)
			}
		}
	}
}

// called remembers a key that has become the person.
func (p *Person) called(key string) bool {
	if key == p.Key || slices.Contains(p.aliases, key) {
		return false
	}
	kept := p.aliases[max(0, len(p.aliases)+1-MaxAliases):]
	p.aliases = append(slices.Clip(kept), key)
	return true
}
