package cohort

import (
	"fmt"
	"strings"
)

// Answer is the value of a condition at an instant.
type Answer string

// Answers. Unknown happens only about the past: what was forgotten since could matter.
const (
	AnswerYes     Answer = "yes"
	AnswerNo      Answer = "no"
	AnswerUnknown Answer = "unknown"
)

// Explanation is one condition at an instant: its value, how near it is to the other
// one, when it changes by itself, and the events behind it.
type Explanation struct {
	Condition string // did, sum, silent, quiet, attribute, member, during, not, all, any
	Text      string // in the words of the catalogue; empty for not, all, any
	Value     Answer
	Have      float64 // events in the window, the sum in it, ms passed since the newest event; with Need
	Need      float64 // what they have to come to; 0 = the condition does not count
	Next      int64   // instant after which the value may be another with no event coming; Never = none
	Evidence  []Evidence
	Of        []Explanation
}

// Standing is how a person stands to one cohort, and why.
type Standing struct {
	Cohort     string
	In         bool
	EnteredAt  int64 // 0 where In is false
	ValidUntil int64 // when the stay ends by itself; 0 = not by itself
	LeavingAt  int64 // when a stay that dwells ends, if nothing changes; 0 = it does not dwell
	Outranked  bool  // a stronger cohort of the group holds the person
	Rule       Explanation
}

// Explain tells how the person stands to every cohort at t, in catalogue order. Before
// the instant that was judged last it tells what the facts that are still kept say of
// that time, which is not always what was decided then.
func (g *Program) Explain(p *Person, t int64) []Standing {
	list := make([]Standing, 0, len(g.cohorts))
	for i := range g.cohorts {
		c := &g.cohorts[i]
		s := p.standing(i)
		if p.judged != unjudged {
			s = g.project(p, i, s, t)
		}
		one := Standing{Cohort: c.key, In: s.in, Rule: c.decides(s.in).explain(p, t)}
		if c.outranks != nil {
			v, _ := c.outranks.at(p, t)
			one.Outranked = v == yes
		}
		if s.in {
			one.EnteredAt, one.ValidUntil = s.entered, validUntil(g.leavesAt(p, i, s, max(t, p.judged)))
			if s.leaving != Never {
				one.LeavingAt = s.leaving + c.dwell
			}
		}
		list = append(list, one)
	}
	return list
}

// project carries how a person stands on from the instant judged last to t, or asks the
// facts where t lies before it.
func (g *Program) project(p *Person, index int, s standing, t int64) standing {
	if t < p.judged {
		v, _ := g.cohorts[index].inside.at(p, t)
		switch {
		case s.in && s.entered <= t:
			return s
		case v == yes && !g.cohorts[index].path:
			return standing{in: true, entered: t, leaving: Never}
		default:
			return outside()
		}
	}
	for at, look := p.judged, 0; at <= t && look < maxLook; look++ {
		s, at = g.move(p, index, s, at)
	}
	return s
}

func answer(v truth) Answer {
	return [...]Answer{no: AnswerNo, unknown: AnswerUnknown, yes: AnswerYes}[v]
}

// explained fills what every condition has.
func explained(c condition, p *Person, t int64, kind, text string) Explanation {
	v, next := c.at(p, t)
	e := Explanation{Condition: kind, Text: text, Value: answer(v), Next: next}
	var d Decisions
	e.Evidence = d.explain(c, p, t)
	return e
}

func (c allOf) explain(p *Person, t int64) Explanation {
	return joined(c, p, t, "all", c)
}

func (c anyOf) explain(p *Person, t int64) Explanation {
	return joined(c, p, t, "any", c)
}

func (c negation) explain(p *Person, t int64) Explanation {
	return joined(c, p, t, "not", []condition{c.of})
}

func joined(c condition, p *Person, t int64, kind string, of []condition) Explanation {
	e := explained(c, p, t, kind, "")
	e.Evidence = nil // its parts have it
	for _, child := range of {
		e.Of = append(e.Of, child.explain(p, t))
	}
	return e
}

func (c *did) explain(p *Person, t int64) Explanation {
	text := c.event.name
	if c.event.nth > 1 {
		text += fmt.Sprintf(" at least %d times", c.event.nth)
	}
	if c.within > 0 {
		text += " within " + duration(c.within)
	}
	e := explained(c, p, t, "did", text+noneOf(c.breakers))
	e.Need = float64(c.event.nth)
	facts := p.facts[c.event.pattern]
	for i := laterThan(facts, t); i < len(facts) && (c.within == 0 || facts[i].At > t-c.within) && e.Have < e.Need; i++ {
		e.Have++
	}
	return e
}

func (c *sum) explain(p *Person, t int64) Explanation {
	text := fmt.Sprintf("%s of %s comes to %g", c.property, c.event.name, float64(c.least)/amountScale)
	if c.within > 0 {
		text += " within " + duration(c.within)
	}
	e := explained(c, p, t, "sum", text)
	e.Need = float64(c.least) / amountScale
	facts, total := p.facts[c.event.pattern], int64(0)
	for i := laterThan(facts, t); i < len(facts) && (c.within == 0 || facts[i].At > t-c.within); i++ {
		total += facts[i].Value
	}
	e.Have = float64(total) / amountScale
	return e
}

func (c *pause) explain(p *Person, t int64) Explanation {
	kind := "silent"
	if len(c.breakers) > 0 {
		kind = "quiet"
	}
	e := explained(c, p, t, kind, c.event.name+" not for "+duration(c.length)+noneOf(c.breakers))
	if x, k := c.event.at(p, t); k == known {
		e.Have, e.Need = float64(t-x), float64(c.length)
	}
	return e
}

func (c *trait) explain(p *Person, t int64) Explanation {
	return explained(c, p, t, "attribute", c.predicate.Text())
}

func (c *member) explain(p *Person, t int64) Explanation {
	return explained(c, p, t, "member", c.program.keys[c.cohort])
}

func (c span) explain(p *Person, t int64) Explanation {
	return explained(c, p, t, "during", c.text)
}

func (c weekly) explain(p *Person, t int64) Explanation {
	return explained(c, p, t, "during", c.of.String())
}

func noneOf(breakers []ask) string {
	if len(breakers) == 0 {
		return ""
	}
	names := make([]string, 0, len(breakers))
	for _, b := range breakers {
		names = append(names, b.name)
	}
	return ", with none of " + strings.Join(names, ", ") + " since"
}

// duration writes a duration as catalogues do: 90m, 24h, 7d, 1h30m.
func duration(ms int64) string {
	var text strings.Builder
	for _, unit := range []struct {
		name string
		ms   int64
	}{{"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1_000}, {"ms", 1}} {
		if n := ms / unit.ms; n > 0 {
			fmt.Fprintf(&text, "%d%s", n, unit.name)
			ms -= n * unit.ms
		}
	}
	return text.String()
}
