package cohort

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// narrowed names what a pattern keeps: an event, narrowed by a test of its properties and by what the
// cohort that asks does not count, counted or summed.
type narrowed struct {
	event    string
	where    Predicate
	property string
	guard    guard
}

// guard holds events back from a cohort by what stands in their record alone, so that no order of
// arrival, batch or merge of people can make another event count.
type guard struct {
	lookBack int64 // ms; 0 = none
	noReplay bool
}

func (d *Definition) guard() guard { return guard{d.LookBack, d.IgnoreReplay} }

// admits says whether an event counts.
func (g guard) admits(e *event.Event) bool {
	if g.noReplay && e.Replay {
		return false
	}
	return g.lookBack <= 0 || bounded(e.AcceptedAt)-bounded(e.EventAt) <= g.lookBack
}

func bounded(t int64) int64 { return min(max(t, -maxTime), maxTime) }

// String is empty for none.
func (g guard) String() string {
	var words []string
	if g.lookBack > 0 {
		words = append(words, "at most "+duration(g.lookBack)+" late")
	}
	if g.noReplay {
		words = append(words, "no replays")
	}
	return strings.Join(words, ", ")
}

func (n narrowed) key() string {
	key := n.event
	if n.where != nil {
		key += "\x00where\x00" + n.where.Text()
	}
	if n.property != "" {
		key += "\x00sum\x00" + n.property
	}
	if n.guard.lookBack > 0 {
		key += "\x00look_back\x00" + strconv.FormatInt(n.guard.lookBack, 10)
	}
	if n.guard.noReplay {
		key += "\x00replay\x00ignore"
	}
	return key
}

func (n narrowed) String() string {
	text := n.event
	if n.where != nil {
		text += " where " + n.where.Text()
	}
	if g := n.guard.String(); g != "" {
		text += " (" + g + ")"
	}
	return text
}

// ask registers that the cohort under work asks for the nth newest event of a
// pattern. How many are kept is known only at the end: see identify.
func (c *compiler) ask(at string, n narrowed, nth int) ask {
	if _, ok := c.declared[n.event]; !ok {
		c.faults.unknown(at, "event", n.event, c.known)
		return ask{}
	}
	g := &c.program
	n.guard = c.spec.Cohorts[c.current].guard()
	key := n.key()
	i, ok := c.patterns[key]
	if !ok {
		i = len(g.patterns)
		c.patterns[key] = i
		g.patterns = append(g.patterns, pattern{key: key, event: n.event, where: n.where, property: n.property, guard: n.guard, id: patternID(key), keep: nth})
	}
	p := &g.patterns[i]
	p.keep = max(p.keep, nth)
	p.use(c.current, nth)
	k := &g.cohorts[c.current]
	if !slices.Contains(k.patterns, i) {
		k.patterns = append(k.patterns, i)
	}
	return ask{pattern: i, nth: nth, name: n.String()}
}

func (p *pattern) use(cohort, depth int) {
	for i := range p.uses {
		if p.uses[i].cohort == cohort {
			p.uses[i].depth = max(p.uses[i].depth, depth)
			return
		}
	}
	p.uses = append(p.uses, use{cohort: cohort, depth: depth})
}
