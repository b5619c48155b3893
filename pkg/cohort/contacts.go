package cohort

import (
	"bytes"
	"slices"
)

// account is the email or the phone that a person's own account states. It is a
// register: the later statement wins, and what it takes the place of is released.
type account struct {
	at     int64
	id     uint32
	sealed []byte // one of Person.Contacts; nil = none stated
}

// accounts: the email, the phone.
const accounts = 2

// learn takes in how the person can be reached, and tells what they can no longer be
// reached by.
func (p *Person) learn(o *Observation, f Fact) (changed bool, released [][]byte) {
	told := o.Contacts
	for k, sealed := range o.Account {
		if len(sealed) == 0 {
			continue
		}
		a := &p.account[k]
		switch {
		case a.sealed == nil || f.newer(Fact{At: a.at, ID: a.id}):
		case bytes.Equal(a.sealed, sealed):
			continue
		default:
			// What the account stated before that has been given up since.
			told = without(told, sealed)
			continue
		}
		old := a.sealed
		*a = account{at: f.At, id: f.ID, sealed: bytes.Clone(sealed)}
		changed = true
		if old != nil && !bytes.Equal(old, sealed) && contains(p.Contacts, old) {
			p.Contacts, released = without(p.Contacts, old), append(released, old)
		}
		if !contains(told, sealed) {
			told = append(slices.Clip(told), sealed)
		}
	}
	added, dropped := p.addContacts(told)
	return changed || added, append(released, dropped...)
}

// addContacts takes in what is new. When there are too many, the oldest that is
// neither told now nor stated by the account goes first.
func (p *Person) addContacts(told [][]byte) (changed bool, dropped [][]byte) {
	if len(told) > MaxContacts {
		told = told[len(told)-MaxContacts:]
	}
	for _, c := range told {
		if len(c) == 0 || contains(p.Contacts, c) {
			continue
		}
		list := make([][]byte, 0, len(p.Contacts)+1)
		drop := len(p.Contacts) >= MaxContacts
		for _, old := range p.Contacts {
			if drop && !contains(told, old) && !p.states(old) {
				drop, dropped = false, append(dropped, old)
				continue
			}
			list = append(list, old)
		}
		if drop {
			continue // every place is taken by what matters more
		}
		p.Contacts = append(list, bytes.Clone(c))
		changed = true
	}
	return changed, dropped
}

// states says whether the account states a contact.
func (p *Person) states(sealed []byte) bool {
	for i := range p.account {
		if p.account[i].sealed != nil && bytes.Equal(p.account[i].sealed, sealed) {
			return true
		}
	}
	return false
}

// announce tells of every stay that goes on with other contacts, from the place in
// out where the telling of this event began: an exit with those that are released,
// an entry with those that hold.
func (g *Program) announce(p *Person, from int, released [][]byte, o *Observation, logTime int64, out *Decisions) {
	told := out.List[from:]
	for i := range told {
		if told[i].Op == OpExit && len(released) > 0 {
			told[i].Contacts = append(slices.Clip(released), p.Contacts...)
		}
	}
	for i := range p.stays {
		if c := &g.cohorts[p.stays[i].cohort]; !entered(told, c.key) {
			g.again(p, &p.stays[i], Transition{
				Reason: ReasonContactsChanged, SourceID: o.ID, SourceAt: min(o.At, logTime), AcceptedAt: o.AcceptedAt, Contacts: released,
			}, logTime, out)
		}
	}
}

// again tells a stay that goes on as an exit and an entry of one instant; t says why, and which
// contacts the exit releases.
func (g *Program) again(p *Person, s *stay, t Transition, logTime int64, out *Decisions) {
	c := &g.cohorts[s.cohort]
	t.Op, t.Person, t.Cohort, t.Catalogue = OpExit, p.Key, c.key, g.revision
	t.EffectiveAt, t.DecidedAt, t.Version = logTime, logTime, p.Version+1
	out.List = append(out.List, t)
	t.Op, t.Contacts, t.Version = OpEnter, p.Contacts, p.Version+2
	t.ValidUntil = validUntil(g.leavesAt(p, s.cohort, standing{in: true, entered: s.entered, leaving: s.leaving}, max(p.judged, p.latestFact(c))))
	t.WarmingUntil = c.warmsEntry(logTime)
	out.List = append(out.List, t)
	p.Version += 2
}

func entered(list []Transition, cohort string) bool {
	for i := range list {
		if list[i].Op == OpEnter && list[i].Cohort == cohort {
			return true
		}
	}
	return false
}

func contains(list [][]byte, b []byte) bool {
	for _, x := range list {
		if bytes.Equal(x, b) {
			return true
		}
	}
	return false
}

// without gives a new list; the old one may be in use.
func without(list [][]byte, b []byte) [][]byte {
	kept := make([][]byte, 0, len(list))
	for _, x := range list {
		if !bytes.Equal(x, b) {
			kept = append(kept, x)
		}
	}
	return kept
}
