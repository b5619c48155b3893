package api

import (
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
)

// feeds says whether a cohort feeds an audience: by itself, or as a member of what the
// audience is made of.
func feeds(in *rules.Rules, key string, a *catalogue.Audience) bool {
	if a.Cohort == key {
		return true
	}
	for i := range in.Spec.Cohorts {
		if d := &in.Spec.Cohorts[i]; d.Key == a.Cohort && d.Key == a.Key {
			return asksAbout(d.When, key)
		}
	}
	return false
}

func asksAbout(c *cohort.Condition, key string) bool {
	if c == nil {
		return false
	}
	if c.Member == key || asksAbout(c.Not, key) {
		return true
	}
	for _, list := range [][]cohort.Condition{c.All, c.Any} {
		for i := range list {
			if asksAbout(&list[i], key) {
				return true
			}
		}
	}
	return false
}

// audiences tells which audiences the cohort feeds and whether each holds the person.
func (x *explainer) audiences(key string) []AudienceStanding {
	list := []AudienceStanding{}
	for i := range x.rules.Audiences {
		a := &x.rules.Audiences[i]
		if !feeds(x.rules, key, a) {
			continue
		}
		one := AudienceStanding{Audience: a.Key, Name: a.Name, Mode: a.Mode, Platforms: a.Platforms}
		if own := only(x.standings, a.Cohort); own != nil {
			one.Holds = x.in(&own[0])
			if a.Consent != "" {
				one.Consent = &Consent{Gate: a.Consent, Value: string(gate(&own[0].Rule))}
			}
		}
		list = append(list, one)
	}
	return list
}

// gate gives the value of an audience's gate: of all conditions behind the first one,
// which is what the audience is made of.
func gate(rule *cohort.Explanation) cohort.Answer {
	value := cohort.AnswerYes
	if len(rule.Of) < 2 {
		return cohort.AnswerUnknown
	}
	for i := range rule.Of[1:] {
		switch v := rule.Of[1+i].Value; v {
		case cohort.AnswerNo:
			return v
		case cohort.AnswerUnknown:
			value = v
		case cohort.AnswerYes:
		}
	}
	return value
}
