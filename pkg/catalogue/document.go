package catalogue

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// Words of the format. The JSON Schema lists the same; a test compares.
var (
	kinds = []event.Kind{
		event.KindTrack, event.KindIdentify, event.KindPage, event.KindScreen, event.KindGroup,
		event.KindEngagement, event.KindSubscription, event.KindDevice,
	}
	sources = []string{
		event.SourceReporting, event.SourcePipelines, event.SourceDestination, event.SourceTrackV1, event.SourceTrackV2,
	}
	modes     = []string{ModeExclude, ModeTarget}
	platforms = []string{"google", "linkedin", "meta", "microsoft", "pinterest", "reddit", "snap", "thetradedesk", "tiktok", "x"}
	bases     = []string{"consent", "legitimate_interest"}
	reasons   = []string{"CUSTOMER", "RECENT_PURCHASE", "CHURN_RISK", "UNSUBSCRIBED", "CONSENT_WITHDRAWN", "ERASURE", "MANUAL"}
)

const formatVersion = 1

func (l *loader) document(root ast.Node, c *Catalogue) {
	f, ok := l.fields("", "the catalogue", root,
		[]string{"version", "events", "guardrails", "cohorts", "groups", "consent", "audiences", "deliver", "tests"}, []string{"version", "events", "cohorts"})
	if !ok {
		return
	}
	if e, ok := f["version"]; ok {
		if v, ok := l.integer(e, "version"); ok && v != formatVersion {
			l.fault(e.path, placeOf(e.node), "version %d of the format is not known: this release reads %d", v, formatVersion)
		}
	}
	if e, ok := f["events"]; ok {
		l.events(e, c)
	}
	if e, ok := f["guardrails"]; ok {
		l.defaults(e)
	}
	if e, ok := f["cohorts"]; ok {
		l.cohorts(e, c)
	}
	if e, ok := f["groups"]; ok {
		l.groups(e, c)
	}
	if e, ok := f["consent"]; ok {
		l.consent(e)
	}
	if e, ok := f["audiences"]; ok {
		l.audiences(e, c)
	}
	if e, ok := f["tests"]; ok {
		l.tests(e, c)
	}
	if e, ok := f["deliver"]; ok {
		l.deliver(e, c)
	} else {
		c.Deliver.SalesWings = c.cohortKeys()
	}
}

// cohortKeys lists the cohorts of the file.
func (c *Catalogue) cohortKeys() []string {
	keys := make([]string, 0, len(c.Cohorts))
	for _, k := range c.Cohorts {
		if k.Key != "" && !k.Audience {
			keys = append(keys, k.Key)
		}
	}
	return keys
}

func (l *loader) events(e entry, c *Catalogue) {
	entries, ok := l.mapping(e.path, "events", e.node)
	if ok && len(entries) == 0 {
		l.fault(e.path, e.at, "events is empty: name at least one")
	}
	for _, e := range entries {
		l.key(e.path, "event", e.key, e.at)
		p := cohort.Pattern{Key: e.key}
		c.Spec.Events = append(c.Spec.Events, p)
		f, ok := l.fields(e.path, "an event", e.node, []string{"names", "kinds", "source", "where", "description", "properties"}, nil)
		if !ok {
			continue
		}
		if n, ok := f["names"]; ok {
			p.Names = l.texts(n, "names", 1)
		}
		if k, ok := f["kinds"]; ok {
			for i, word := range l.texts(k, "kinds", 1) {
				p.Kinds = append(p.Kinds, l.kind(k, i, word))
			}
		}
		if len(f) > 0 && p.Names == nil && p.Kinds == nil && f["names"].path == "" && f["kinds"].path == "" {
			l.fault(e.path, e.at, "event %q needs names: list the event names as they are sent", e.key)
		}
		if s, ok := f["source"]; ok {
			p.Source = l.choice(s, "source", sources)
		}
		if d, ok := f["properties"]; ok {
			if c.Taxonomy == nil {
				c.Taxonomy = make(map[string][]Property)
			}
			c.Taxonomy[e.key] = l.properties(e.key, d)
		}
		if w, ok := f["where"]; ok {
			p.Where = l.predicate(w, predicate.Properties, l.declared[e.key])
		}
		l.optional(f, "description")
		c.Spec.Events[len(c.Spec.Events)-1] = p
	}
}

func (l *loader) kind(list entry, place int, word string) event.Kind {
	k := event.ParseKind(word)
	if !slices.Contains(kinds, k) {
		words := make([]string, len(kinds))
		for i, k := range kinds {
			words[i] = k.String()
		}
		l.fault(list.path, list.at, "unknown kind %q at place %d of kinds%s", word, place+1, suggest(word, words))
	}
	return k
}

func (l *loader) cohorts(e entry, c *Catalogue) {
	for _, item := range l.list(e, "cohorts", 1) {
		f, ok := l.fields(item.path, "a cohort", item.node,
			[]string{"key", "name", "description", "owner", "when", "enter", "stay", "dwell", "look_back", "replay"}, []string{"key"})
		about, d := Cohort{}, cohort.Definition{}
		if ok {
			about = Cohort{
				Key: l.ownKey(f, "cohort"), Name: l.optional(f, "name"),
				Description: l.optional(f, "description"), Owner: l.optional(f, "owner"),
			}
			d.Key = about.Key
			d.When, d.Enter, d.Stay = l.rule(f, "when"), l.rule(f, "enter"), l.rule(f, "stay")
			d.Dwell = l.duration(f["dwell"], "dwell")
			l.guarded(f).apply(&d)
		}
		c.Cohorts = append(c.Cohorts, about)
		c.Spec.Cohorts = append(c.Spec.Cohorts, d)
	}
}

func (l *loader) groups(e entry, c *Catalogue) {
	for _, item := range l.list(e, "groups", 0) {
		f, ok := l.fields(item.path, "a group", item.node, []string{"key", "description", "cohorts"}, []string{"key", "cohorts"})
		if !ok {
			continue
		}
		l.optional(f, "description")
		g := cohort.Group{Key: l.ownKey(f, "group")}
		if e, ok := f["cohorts"]; ok {
			g.Cohorts = l.texts(e, "cohorts", 2)
		}
		c.Spec.Groups = append(c.Spec.Groups, g)
	}
}

func (l *loader) rule(f map[string]entry, name string) *cohort.Condition {
	e, ok := f[name]
	if !ok {
		return nil
	}
	return l.condition(e, 0)
}

func (l *loader) audiences(e entry, c *Catalogue) {
	for _, item := range l.list(e, "audiences", 0) {
		f, ok := l.fields(item.path, "an audience", item.node,
			[]string{"key", "name", "description", "cohort", "when", "consent", "mode", "platforms", "reason", "lawful_basis"},
			[]string{"key", "mode", "platforms"})
		if !ok {
			continue
		}
		a := Audience{Key: l.ownKey(f, "audience"), Name: l.optional(f, "name"), Description: l.optional(f, "description")}
		if _, twice := c.Audience(a.Key); twice && a.Key != "" {
			l.fault(f["key"].path, placeOf(f["key"].node), "audience %q is defined twice: give one of them another key", a.Key)
		}
		if e, ok := f["cohort"]; ok {
			a.Cohort = l.choice(e, "cohort", c.cohortKeys())
		} else if _, ok := f["when"]; !ok {
			l.fault(item.path+".cohort", l.places[item.path], "an audience needs cohort, or when with an expression of cohorts")
		}
		if e, ok := f["mode"]; ok {
			a.Mode = l.choice(e, "mode", modes)
		}
		if e, ok := f["platforms"]; ok {
			a.Platforms = l.texts(e, "platforms", 1)
			for _, p := range a.Platforms {
				if !slices.Contains(platforms, p) {
					l.fault(e.path, e.at, "unknown platform %q%s", p, suggest(p, platforms))
				}
			}
		}
		reason, given := f["reason"]
		switch {
		case given && a.Mode == ModeTarget:
			l.fault(reason.path, reason.at, "a target audience has no reason: remove it")
		case given:
			a.Reason = l.choice(reason, "reason", reasons)
		case a.Mode == ModeExclude:
			l.fault(item.path+".reason", l.places[item.path], "an excluding audience needs a reason: RECENT_PURCHASE, for example")
		}
		if basis, ok := f["lawful_basis"]; ok {
			if a.Mode == ModeTarget {
				l.fault(basis.path, basis.at, "a target audience stands on consent: remove lawful_basis")
			}
			a.LawfulBasis = l.choice(basis, "lawful_basis", bases)
		}
		l.derive(f, &a, c)
		c.Audiences = append(c.Audiences, a)
	}
}

func (l *loader) deliver(e entry, c *Catalogue) {
	f, ok := l.fields(e.path, "deliver", e.node, []string{"saleswings"}, nil)
	s, given := f["saleswings"]
	if !ok || !given {
		c.Deliver.SalesWings = c.cohortKeys()
		return
	}
	f, _ = l.fields(s.path, "saleswings", s.node, []string{"cohorts"}, []string{"cohorts"})
	if e, ok := f["cohorts"]; ok {
		known := c.cohortKeys()
		c.Deliver.SalesWings = l.texts(e, "cohorts", 0)
		for _, key := range c.Deliver.SalesWings {
			if !slices.Contains(known, key) {
				l.fault(e.path, e.at, "unknown cohort %q%s", key, suggest(key, known))
			}
		}
	}
}

// ownKey reads the key that a thing is known by.
func (l *loader) ownKey(f map[string]entry, what string) string {
	e, ok := f["key"]
	if !ok {
		return ""
	}
	key, ok := l.text(e, "key")
	if ok {
		l.key(e.path, what, key, placeOf(e.node))
		l.point(e)
	}
	return key
}

// key checks the form of a key: it stands in topics, metrics and paths.
func (l *loader) key(path, what, key string, at place) {
	good := key != "" && len(key) <= 64 && key[0] >= 'a' && key[0] <= 'z'
	for _, r := range []byte(key) {
		good = good && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_')
	}
	if !good {
		l.fault(path, at, "%s key %q has to begin with a letter and hold only a-z, 0-9 and _, at most 64", what, key)
	}
}

func (l *loader) optional(f map[string]entry, name string) string {
	e, ok := f[name]
	if !ok {
		return ""
	}
	s, _ := l.text(e, name)
	return s
}
