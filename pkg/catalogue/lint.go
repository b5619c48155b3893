package catalogue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// Warning is something that a catalogue may say, but hardly means.
type Warning struct {
	Fault
	Rule string // name of what was looked for
}

// Options are what warnings depend on beside the catalogue.
type Options struct {
	Retention int64 // ms for which the log keeps events; 0 = for ever
}

// Lint looks for what is allowed and yet probably a mistake, from top to bottom of the file.
func Lint(c *Catalogue, o Options) []Warning {
	l := linter{c: c, options: o, cohorts: make(map[string]int), used: make(map[string]bool)}
	for i, d := range c.Spec.Cohorts {
		l.cohorts[d.Key] = i
	}
	for i := range c.Cohorts {
		if !c.Cohorts[i].Audience {
			l.cohort(i)
		}
	}
	l.groups()
	l.events()
	l.audiences()
	slices.SortStableFunc(l.list, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.list
}

type linter struct {
	c       *Catalogue
	options Options
	cohorts map[string]int
	used    map[string]bool // events that some condition asks about
	list    []Warning

	shortDefault bool // the limit of all cohorts has been warned of
}

func (l *linter) warn(rule, path, format string, args ...any) {
	at := (&loader{places: l.c.places}).nearest(path)
	l.list = append(l.list, Warning{Fault{l.c.file, at.line, at.column, fmt.Sprintf(format, args...)}, rule})
}

func (l *linter) cohort(i int) {
	d := &l.c.Spec.Cohorts[i]
	path := fmt.Sprintf("cohorts[%d]", i)
	inside := d.When
	for _, rule := range []struct {
		name string
		root *cohort.Condition
	}{{"when", d.When}, {"enter", d.Enter}, {"stay", d.Stay}} {
		if rule.root != nil {
			l.condition(path+"."+rule.name, rule.root)
		}
	}
	if d.Stay != nil {
		inside = d.Stay
	}
	l.guardrails(i)
	if !l.yields(d.Key) && l.forever(inside, 0) {
		l.warn("no-exit", path, "nobody can leave cohort %q: give its window an end (within), or say what ends it (none_of)", d.Key)
	}
}

// condition looks at one node and all below it.
func (l *linter) condition(path string, n *cohort.Condition) {
	if n.Not != nil && n.Not.Did != nil {
		if _, sugar := l.c.places[path+".did_not"]; sugar {
			l.leaf(path+".did_not", n.Not)
			return
		}
	}
	l.leaf(path, n)
	switch {
	case n.Not != nil:
		l.condition(path+".not", n.Not)
	case n.All != nil:
		l.siblings(path+".all", n.All, true)
	case n.Any != nil:
		l.siblings(path+".any", n.Any, false)
	}
}

func (l *linter) leaf(path string, n *cohort.Condition) {
	within := func(path, name string, ms int64) {
		if l.options.Retention > 0 && ms > l.options.Retention {
			l.warn("beyond-retention", path+"."+name, "%s is %s, and the log keeps events for %s: after a rebuild the answer would be another; keep them longer or ask for less",
				name, spell(ms), spell(l.options.Retention))
		}
	}
	at := path
	if _, sugar := l.c.places[path+".event"]; !sugar {
		at = path + "." + kindOf(n)
	}
	use := func(key string, where cohort.Predicate, noneOf ...string) {
		l.used[key] = true
		for _, k := range noneOf {
			l.used[k] = true
		}
		l.never(at+".where", where, "no event")
	}
	switch {
	case n.Did != nil:
		use(n.Did.Event, n.Did.Where, n.Did.NoneOf...)
		within(at, "within", n.Did.Within)
	case n.Sum != nil:
		use(n.Sum.Event, n.Sum.Where)
		within(at, "within", n.Sum.Within)
	case n.Silent != nil:
		use(n.Silent.Event, n.Silent.Where)
		within(at, "for", n.Silent.For)
	case n.Quiet != nil:
		use(n.Quiet.Event, n.Quiet.Where, n.Quiet.NoneOf...)
		within(at, "for", n.Quiet.For)
	case n.Attribute != nil:
		l.never(path+".attribute", n.Attribute, "nobody")
	}
}

// kindOf gives the word of a condition on events; empty for others.
func kindOf(n *cohort.Condition) string {
	switch {
	case n.Did != nil:
		return "did"
	case n.Sum != nil:
		return "sum"
	case n.Silent != nil:
		return "silent"
	case n.Quiet != nil:
		return "quiet"
	default:
		return ""
	}
}

func (l *linter) never(path string, p cohort.Predicate, who string) {
	if e, ok := p.(*predicate.Predicate); ok && e.NeverHolds() {
		l.warn("never-true", path, "%s can make this true: whatever the values are, it is false; look for parts that exclude each other", who)
	}
}

// siblings looks for parts of all or any that change nothing, or exclude each other.
func (l *linter) siblings(path string, list []cohort.Condition, all bool) {
	for i := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		l.condition(at, &list[i])
		for k := range list {
			a, b := &list[k], &list[i]
			if !all {
				a, b = b, a
			}
			switch {
			case k == i:
			case all && list[k].Not != nil && implies(&list[i], list[k].Not):
				l.warn("never-true", at, "this excludes what stands beside it: nobody can be both")
			case implies(a, b) && (k < i || !implies(b, a)):
				l.warn("no-effect", at, "this changes nothing: what stands beside it (place %d) already decides; remove one of them", k+1)
			}
		}
	}
}

// forever says whether a condition that has become true stays so for all time.
func (l *linter) forever(n *cohort.Condition, depth int) bool {
	each := func(list []cohort.Condition) bool {
		return !slices.ContainsFunc(list, func(n cohort.Condition) bool { return !l.forever(&n, depth) })
	}
	switch {
	case depth > cohort.MaxCohorts || n == nil:
		return false
	case n.Did != nil:
		return n.Did.Within == 0 && len(n.Did.NoneOf) == 0
	case n.Sum != nil:
		return n.Sum.Within == 0
	case n.Member != "":
		d := &l.c.Spec.Cohorts[l.cohorts[n.Member]]
		inside := d.When
		if d.Stay != nil {
			inside = d.Stay
		}
		return !l.yields(n.Member) && l.forever(inside, depth+1)
	case n.All != nil:
		return each(n.All)
	case n.Any != nil:
		return each(n.Any)
	default:
		return false
	}
}

// yields says whether a stronger cohort of a group can end a stay.
func (l *linter) yields(key string) bool {
	return slices.ContainsFunc(l.c.Spec.Groups, func(g cohort.Group) bool { return slices.Index(g.Cohorts, key) > 0 })
}

// groups looks for members of a group that a stronger one always outranks.
func (l *linter) groups() {
	for n, g := range l.c.Spec.Groups {
		for weak := range g.Cohorts {
			for strong := range weak {
				w, s := &l.c.Spec.Cohorts[l.cohorts[g.Cohorts[weak]]], &l.c.Spec.Cohorts[l.cohorts[g.Cohorts[strong]]]
				if w.When == nil || s.When == nil || w.LookBack != s.LookBack || w.IgnoreReplay != s.IgnoreReplay {
					continue // what they do not count may be another
				}
				if implies(w.When, s.When) {
					l.warn("outranked", fmt.Sprintf("groups[%d].cohorts[%d]", n, weak),
						"nobody can be in %q: whoever its rule takes, the stronger %q takes too; put it in front of that", g.Cohorts[weak], g.Cohorts[strong])
					break
				}
			}
		}
	}
}

func (l *linter) events() {
	list := l.c.Spec.Events
	for i := range list {
		p := &list[i]
		path := "events." + p.Key
		if !l.used[p.Key] {
			l.warn("unused-event", path, "no condition asks about event %q: remove it, or the cohort that needs it is missing", p.Key)
		}
		l.never(path+".where", p.Where, "no event")
		for k := range i {
			q := &list[k]
			if p.Where != nil || q.Where != nil || p.Source != q.Source && p.Source != "" && q.Source != "" || !shareKind(p.Kinds, q.Kinds) {
				continue
			}
			for n, name := range p.Names {
				if slices.Contains(q.Names, name) {
					l.warn("two-meanings", fmt.Sprintf("%s.names[%d]", path, n), "%q is event %q too: each such message counts as both; remove it from one of them", name, q.Key)
				}
			}
		}
	}
}

func shareKind(a, b []event.Kind) bool {
	track := []event.Kind{event.KindTrack}
	if len(a) == 0 {
		a = track
	}
	if len(b) == 0 {
		b = track
	}
	return slices.ContainsFunc(a, func(k event.Kind) bool { return slices.Contains(b, k) })
}

func (l *linter) audiences() {
	taken := make(map[string]map[string]string) // mode by cohort and platform
	for i := range l.c.Audiences {
		a := &l.c.Audiences[i]
		path := fmt.Sprintf("audiences[%d]", i)
		switch {
		case a.Mode == ModeTarget && a.Consent == "":
			l.warn("no-consent", path, "target audience %q has no consent gate: name one under consent, and here as consent: NAME", a.Key)
		case a.Mode == ModeExclude && a.LawfulBasis == "" && (a.Reason == "RECENT_PURCHASE" || a.Reason == "CUSTOMER"):
			l.warn("no-lawful-basis", path, "audience %q uploads contacts of customers and does not say on which ground: add lawful_basis: consent or legitimate_interest", a.Key)
		}
		for _, p := range a.Platforms {
			on := a.Cohort + " " + p
			if taken[on] == nil {
				taken[on] = make(map[string]string)
			}
			taken[on][a.Mode] = a.Key
			for _, mode := range slices.Sorted(maps.Keys(taken[on])) {
				if mode != a.Mode {
					l.warn("both-ways", path, "audience %q is the opposite of %q on %s: the same people are target and excluded; remove one", a.Key, taken[on][mode], p)
				}
			}
		}
	}
}

// spell is the inverse of ParseDuration, in the largest units that fit.
func spell(ms int64) string {
	var text strings.Builder
	for _, u := range []struct {
		name string
		ms   int64
	}{{"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1000}, {"ms", 1}} {
		if n := ms / u.ms; n > 0 {
			fmt.Fprintf(&text, "%d%s", n, u.name)
			ms %= u.ms
		}
	}
	return text.String()
}
