package adsuppress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/sink/internal/normalise"
)

// Reasons that take the place of the audience's own in a RELEASE which a tombstone
// follows.
const (
	reasonErasure = "ERASURE"          // remove the person everywhere, not from this list alone
	reasonMerged  = "MERGED"           // remove nothing: the person stands on the list under another key
	reasonRetired = "AUDIENCE_REMOVED" // the catalogue has the audience no more
)

// ends says whether nothing remains of the person's key after a transition.
func ends(t *cohort.Transition) bool {
	return t.Op == cohort.OpExit && t.Reason == cohort.ReasonErased || merged(t)
}

// releases says whether a transition only gives contacts up, while the stay goes on.
func releases(t *cohort.Transition) bool {
	return t.GoesOn()
}

// Platforms lists the platforms that some excluding audience of the catalogue names,
// sorted.
func Platforms(c *catalogue.Catalogue) []string {
	var names []string
	for _, a := range c.Audiences {
		if a.Mode == catalogue.ModeExclude {
			names = append(names, a.Platforms...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// converter makes suppression records of one platform. It is safe for concurrent use.
type converter struct {
	platform  normalise.Platform
	tenant    string
	region    string
	keys      *seal.Keys
	audiences map[string][]catalogue.Audience // by cohort, each sorted by key
}

func newConverter(name, tenant, region string, c *catalogue.Catalogue, keys *seal.Keys) (*converter, error) {
	platform, ok := normalise.Lookup(name)
	switch {
	case !ok:
		return nil, fmt.Errorf("platform %q has no normalisation rules: use one of %s", name, strings.Join(normalise.PlatformNames(), ", "))
	case tenant == "" || strings.Contains(tenant, "|"):
		return nil, fmt.Errorf("tenant %q: it stands in keys, so give a name without |", tenant)
	case region != "" && !normalise.KnownRegion(region):
		return nil, fmt.Errorf("phone region %q: want a two-letter country such as GB, or nothing", region)
	}
	v := &converter{platform: platform, tenant: tenant, region: region, keys: keys, audiences: map[string][]catalogue.Audience{}}
	for _, a := range c.Audiences {
		if a.Mode == catalogue.ModeExclude && slices.Contains(a.Platforms, name) {
			v.audiences[a.Cohort] = append(v.audiences[a.Cohort], a)
		}
	}
	for _, list := range v.audiences {
		slices.SortFunc(list, func(a, b catalogue.Audience) int { return strings.Compare(a.Key, b.Key) })
	}
	return v, nil
}

// of lists the audiences that a transition changes, in the order of their records.
func (v *converter) of(t *cohort.Transition) []catalogue.Audience { return v.audiences[t.Cohort] }

// identity is what a platform is told of a person.
type identity struct {
	subject           string
	current, previous []avrocodec.Identifier
	refused           int // contacts that gave no digest by some rule
}

// identify digests every contact of a transition: suppression has to reach all that
// are known, and an exit that only gives contacts up carries no others. Of somebody who
// has become another person nothing is digested: the other one may stand on the list
// already, with the same digests, for the two keys are read in any order.
func (v *converter) identify(t *cohort.Transition) identity {
	if merged(t) {
		return identity{subject: v.keys.Subject(t.Person)}
	}
	return v.digest(t)
}

// merged says whether the person is another one from here on.
func merged(t *cohort.Transition) bool {
	return t.Op == cohort.OpExit && t.Reason == cohort.ReasonMerged
}

func (v *converter) digest(t *cohort.Transition) identity {
	id := identity{subject: v.keys.Subject(t.Person)}
	var current, previous []normalise.Digest
	for _, sealed := range t.Contacts {
		kind, plain, err := v.keys.Open(sealed)
		refused := 0
		switch {
		case err != nil:
			refused = 1
		case kind == seal.KindEmail:
			current, previous, refused = v.platform.AppendEmail(current, previous, plain)
		case kind == seal.KindPhone:
			current, refused = v.platform.AppendPhone(current, plain, v.region)
		}
		id.refused += refused
	}
	id.current, id.previous = identifiers(current), identifiers(previous)
	return id
}

func identifiers(list []normalise.Digest) []avrocodec.Identifier {
	out := make([]avrocodec.Identifier, len(list))
	for i, d := range list {
		out[i] = avrocodec.Identifier(d)
	}
	return out
}

// key is the record's key: opaque, the same for ever, no digest in it.
func (v *converter) key(a *catalogue.Audience, id *identity) []byte {
	return []byte(v.tenant + "|" + a.Key + "|" + id.subject)
}

// record is the state of one person in one audience after a transition.
func (v *converter) record(t *cohort.Transition, a *catalogue.Audience, id *identity, transitionID string, now int64) avrocodec.Suppression {
	s := avrocodec.Suppression{
		Op: avrocodec.OpRelease, Tenant: v.tenant, Audience: a.Key, Platform: v.platform.Name, Subject: id.subject,
		Cohort: t.Cohort, Catalogue: t.Catalogue, Version: t.Version, EffectiveAt: t.EffectiveAt, EmittedAt: now,
		Reason: a.Reason, Identifiers: id.current, PreviousIdentifiers: id.previous, TransitionID: transitionID,
		SourceID: t.SourceID, AcceptedAt: t.AcceptedAt,
	}
	if t.Op == cohort.OpEnter {
		s.Op, s.ExpiresAt = avrocodec.OpSuppress, t.ValidUntil
	}
	switch {
	case !ends(t):
	case !merged(t):
		s.Reason = reasonErasure
	case a.Reason != reasonRetired:
		s.Reason = reasonMerged
	}
	return s
}
