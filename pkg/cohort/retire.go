package cohort

import "slices"

// WithFormer gives the program together with the keys of cohorts that earlier
// catalogues had: whoever is still in one of them leaves it when they are looked at anew, see Review.
func (g *Program) WithFormer(keys []string) *Program {
	with := *g
	with.former = nil
	for _, key := range keys {
		id := cohortID(key)
		if !slices.Contains(g.keys, key) && !slices.ContainsFunc(g.cohorts, func(c cohort) bool { return c.id == id }) {
			with.former = append(with.former, former{key, id})
		}
	}
	slices.SortFunc(with.former, func(a, b former) int { return int(a.id) - int(b.id) })
	with.former = slices.CompactFunc(with.former, func(a, b former) bool { return a.id == b.id })
	return &with
}

// former is a cohort of an earlier catalogue.
type former struct {
	key string
	id  uint16
}

// FormerUnder lists the keys that another program needs to know to take this one's
// place: those that this one knows and the other does not have.
func (g *Program) FormerUnder(next *Program) []string {
	var keys []string
	for _, f := range g.former {
		if !slices.Contains(next.keys, f.key) {
			keys = append(keys, f.key)
		}
	}
	for _, key := range g.keys {
		if !slices.Contains(next.keys, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// leaves says whether a stay in a former cohort is to end.
func (g *Program) leaves(s retired) (string, bool) {
	for _, f := range g.former {
		if f.id == s.id {
			return f.key, true
		}
	}
	return "", false
}

// retire ends the stays in former cohorts.
func (g *Program) retire(p *Person, logTime int64, out *Decisions) bool {
	if len(p.retired) == 0 || len(g.former) == 0 {
		return false
	}
	kept := p.retired[:0]
	for _, s := range p.retired {
		key, ok := g.leaves(s)
		if !ok {
			kept = append(kept, s)
			continue
		}
		p.Version++
		out.List = append(out.List, Transition{
			Op: OpExit, Person: p.Key, Cohort: key, Catalogue: g.revision,
			EffectiveAt: logTime, DecidedAt: logTime, AcceptedAt: logTime,
			Reason: ReasonDefinitionChanged, Version: p.Version, Contacts: p.Contacts,
		})
	}
	changed := len(kept) < len(p.retired)
	p.retired = kept
	return changed
}
