// Package taxonomy holds events to what the catalogue declares of their properties.
// It does no IO and reads no clock.
package taxonomy

import (
	"fmt"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Modes: what becomes of an event that breaks what is declared of it.
const (
	Off    = "off"    // nothing is looked at
	Warn   = "warn"   // it is counted and shown
	Keep   = "keep"   // a copy is in quarantine besides
	Refuse = "refuse" // it is in quarantine and not in the log
)

// Rules that an event can break.
const (
	RuleRequired = "required" // the property is missing, or null
	RuleType     = "type"     // it is of another type than declared
)

// Violation is one property that breaks what is declared. All of it comes from the
// catalogue and from tables here, so that it is bounded and tells of nobody.
type Violation struct {
	Event    string // key in the catalogue
	Property string
	Rule     string
	Expected string // string, number, boolean or any
	Found    string // as Expected, or nothing, object, array, large number
}

// Checker knows what is declared. A nil Checker knows nothing and finds nothing. It is
// safe for concurrent use.
type Checker struct {
	mode  string
	names map[string][]declared // by name of the event as sent
	any   []declared            // events that are told by their kind alone
	ledger
}

// declared is an event of the catalogue that declares properties.
type declared struct {
	key        string
	source     string // that alone counts; "" = any
	kinds      uint32
	properties []catalogue.Property
}

// New makes a Checker of what the catalogue declares; nil where there is nothing to
// check. rules may be nil.
func New(rules *catalogue.Catalogue, mode string) *Checker {
	if rules == nil || mode == Off || len(rules.Taxonomy) == 0 {
		return nil
	}
	c := &Checker{mode: mode, names: make(map[string][]declared)}
	for i := range rules.Spec.Events {
		c.declare(&rules.Spec.Events[i], rules.Taxonomy)
	}
	return c
}

func (c *Checker) declare(p *cohort.Pattern, taxonomy map[string][]catalogue.Property) {
	properties := taxonomy[p.Key]
	if len(properties) == 0 {
		return
	}
	d := declared{key: p.Key, source: p.Source, properties: properties, kinds: 1 << event.KindTrack}
	if len(p.Kinds) > 0 {
		d.kinds = 0
	}
	for _, k := range p.Kinds {
		d.kinds |= 1 << k
	}
	if len(p.Names) == 0 {
		c.any = append(c.any, d)
	}
	for _, name := range p.Names {
		c.names[name] = append(c.names[name], d)
	}
}

// Mode is what becomes of an event that breaks what is declared of it.
func (c *Checker) Mode() string {
	if c == nil {
		return Off
	}
	return c.mode
}

// Check appends to dst what of an event breaks what is declared of it. Whether the
// event passes the pattern's own where does not matter: that may ask for just the
// property that is missing.
func (c *Checker) Check(e *event.Event, dst []Violation) []Violation {
	if c == nil {
		return dst
	}
	for _, list := range [2][]declared{c.names[e.Name], c.any} {
		for i := range list {
			if d := &list[i]; d.kinds&(1<<e.Kind) != 0 && (d.source == "" || d.source == e.Source) {
				dst = d.check(&e.Properties, dst)
			}
		}
	}
	return dst
}

func (d *declared) check(p *event.Properties, dst []Violation) []Violation {
	for _, want := range d.properties {
		found := typeOf(p, want.Name)
		v := Violation{Event: d.key, Property: want.Name, Rule: RuleType, Expected: want.Type, Found: found}
		switch {
		case found == nothing && want.Required:
			v.Rule = RuleRequired
		case found == nothing, found == want.Type, want.Type == "any":
			continue
		}
		dst = append(dst, v)
	}
	return dst
}

const nothing = "nothing"

// typeOf says what stands under a name, in the words of the catalogue. null is nothing,
// as it is for conditions; a number that a float64 cannot hold is none that they could read.
func typeOf(p *event.Properties, name string) string {
	if _, ok := p.Strings[name]; ok {
		return "string"
	}
	if _, ok := p.Numbers[name]; ok {
		return "number"
	}
	if _, ok := p.Booleans[name]; ok {
		return "boolean"
	}
	json := p.Nested[name]
	switch {
	case json == "", json == "null":
		return nothing
	case json[0] == '{':
		return "object"
	case json[0] == '[':
		return "array"
	}
	return "large number"
}

// Detail says in words what is wrong, for whoever reads the quarantine.
func Detail(list []Violation) string {
	const most = 8
	var b strings.Builder
	for i, v := range list {
		if i == most {
			fmt.Fprintf(&b, "; and %d more", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "event %s, property %s: expected %s, found %s", v.Event, v.Property, v.Expected, v.Found)
	}
	b.WriteString(": send it as the catalogue declares it, or change the catalogue")
	return b.String()
}
