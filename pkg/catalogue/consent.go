package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// Attributes in which consent stands, as ingest writes them whatever surface told of it.
const (
	unsubscribed = "unsubscribed"
	topicOf      = "cio_subscription_preferences.topics.topic_"
)

// notUnsubscribed stands in every gate: whoever unsubscribed from everything is no target.
const notUnsubscribed = `!(has(attributes.unsubscribed) && attributes.unsubscribed == true)`

// granted are the forms of yes that an attribute is taken to mean; anything else, and
// nothing, is no.
const granted = `[true, 1, "1", "true", "True", "TRUE", "yes", "Yes", "YES"]`

// maxTopic bounds the numbers of topics.
const maxTopic = 1_000_000

// consent reads the gates: by name, what has to be known of a person before an audience
// may hold them. What is not known is no consent.
func (l *loader) consent(e entry) {
	l.gates = make(map[string][]cohort.Condition)
	entries, _ := l.mapping(e.path, "consent", e.node)
	for _, gate := range entries {
		l.key(gate.path, "consent", gate.key, gate.at)
		l.gates[gate.key] = l.gate(gate)
	}
}

func (l *loader) gate(e entry) []cohort.Condition {
	allowed := []string{"attribute", "topic", "subscribed"}
	f, ok := l.fields(e.path, "a consent", e.node, allowed, nil)
	if !ok {
		return nil
	}
	if len(f) != 1 {
		l.fault(e.path, e.at, "consent %q is exactly one of attribute: name, topic: number, subscribed: true", e.key)
		return nil
	}
	var grant string
	switch {
	case f["attribute"].path != "":
		a := f["attribute"]
		name, ok := l.text(a, "attribute")
		if !ok {
			return nil
		}
		grant = fmt.Sprintf("attributes[%s] in %s", strconv.Quote(name), granted)
	case f["topic"].path != "":
		t := f["topic"]
		n, ok := l.integer(t, "topic")
		if !ok {
			return nil
		}
		if n < 1 || n > maxTopic {
			l.fault(t.path, placeOf(t.node), "topic is %d: give the number of a subscription topic, from 1", n)
			return nil
		}
		grant = fmt.Sprintf("attributes[%q] == true", topicOf+strconv.FormatInt(n, 10))
	default:
		s := f["subscribed"]
		if b, ok := l.value(s.path, s.node).(*ast.BoolNode); !ok || !b.Value {
			l.fault(s.path, placeOf(s.node), "subscribed can only be true: who is not is never a target")
			return nil
		}
		return l.traits(e, "attributes."+unsubscribed+" == false")
	}
	return l.traits(e, notUnsubscribed, grant)
}

func (l *loader) traits(e entry, texts ...string) (list []cohort.Condition) {
	for _, text := range texts {
		p, err := predicate.Compile(text, predicate.Attributes, nil)
		if err != nil {
			l.fault(e.path, e.at, "consent %q: %v", e.key, err)
			return nil
		}
		list = append(list, cohort.Condition{Attribute: p})
	}
	return list
}

// derive makes a cohort of an audience that is more than one cohort: an expression, or
// one behind a gate. It stands behind the cohorts of the file, under the audience's key.
func (l *loader) derive(f map[string]entry, a *Audience, c *Catalogue) {
	faults := len(l.faults)
	var base cohort.Condition
	switch when, given := f["when"]; {
	case given && f["cohort"].path != "":
		l.fault(when.path, when.at, "an audience has either cohort or when: write the cohort as {member: %s} inside when", a.Cohort)
	case given:
		base = *l.condition(when, 0)
		l.membersOnly(when.path, &base, c.cohortKeys())
	default:
		base.Member = a.Cohort
	}
	var gate []cohort.Condition
	if e, ok := f["consent"]; ok {
		a.Consent = l.choice(e, "consent", slices.Sorted(maps.Keys(l.gates)))
		gate = l.gates[a.Consent]
	}
	if len(l.faults) > faults || a.Key == "" || base.Member == "" && f["when"].path == "" || f["when"].path == "" && a.Consent == "" {
		return
	}
	if slices.Contains(c.cohortKeys(), a.Key) {
		l.fault(f["key"].path, placeOf(f["key"].node), "audience %q has the key of a cohort, and is more than that: give it another", a.Key)
		return
	}
	rule := base
	if len(gate) > 0 {
		rule = cohort.Condition{All: append([]cohort.Condition{base}, gate...)}
	}
	l.places[fmt.Sprintf("cohorts[%d]", len(c.Spec.Cohorts))] = placeOf(f["key"].node)
	a.Cohort = a.Key
	c.Spec.Cohorts = append(c.Spec.Cohorts, cohort.Definition{Key: a.Key, When: &rule})
	c.Cohorts = append(c.Cohorts, Cohort{Key: a.Key, Name: a.Name, Description: a.Description, Audience: true})
}

// membersOnly holds an audience to cohorts: whatever asks about events or attributes is
// a cohort first, so that it can be seen and tested by itself.
func (l *loader) membersOnly(path string, n *cohort.Condition, known []string) {
	switch {
	case n.Member != "":
		if !slices.Contains(known, n.Member) {
			l.fault(path+".member", l.nearest(path+".member"), "unknown cohort %q%s", n.Member, suggest(n.Member, known))
		}
	case n.Not != nil:
		l.membersOnly(path+".not", n.Not, known)
	case n.All != nil:
		for i := range n.All {
			l.membersOnly(fmt.Sprintf("%s.all[%d]", path, i), &n.All[i], known)
		}
	case n.Any != nil:
		for i := range n.Any {
			l.membersOnly(fmt.Sprintf("%s.any[%d]", path, i), &n.Any[i], known)
		}
	case n.Did != nil, n.Sum != nil, n.Silent != nil, n.Quiet != nil, n.Attribute != nil, n.During != nil:
		l.fault(path, l.nearest(path), "an audience is made of cohorts (member, all, any, not): make this condition a cohort and name it")
	}
}
