package api

import (
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/console/internal/evidence"
	"github.com/cohortflow/cohortflow/services/console/internal/receipts"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// furthest is how far ahead of log time a person can be explained.
const furthest = cohort.MaxDuration

// explain answers GET /v1/people/{id}/explain.
func (s *Server) explain(ctx context.Context, r *http.Request) (any, *Problem) {
	if p := allowed(r, "by", "at", "cohort"); p != nil {
		return nil, p
	}
	asked, p := readInstant(r)
	if p != nil {
		return nil, p
	}
	found, p := s.find(ctx, r)
	if p != nil {
		return nil, p
	}
	logTime := found.Checkpoint.LogTime
	at, basis := logTime, basisDecided
	if asked != nil {
		at = *asked
	}
	switch {
	case at > logTime+furthest:
		return nil, invalid("at", "at is more than ten years ahead of log time", "give an earlier instant, or leave at out for log time")
	case at > logTime:
		basis = basisProjected
	case at < logTime:
		basis = basisFacts
	}
	standings := found.Rules.Program.Explain(&found.Person, at)
	shown := standings
	if key := r.URL.Query().Get("cohort"); r.URL.Query().Has("cohort") {
		if shown = only(standings, key); shown == nil {
			return nil, unknownCohort("cohort")
		}
	}
	a := &Explanation{Person: found.Key, Followed: list(found.Followed), At: instant(at), Basis: basis, AsOf: s.asOf(ctx, found)}
	x := explainer{at: at, past: basis == basisFacts, rules: found.Rules, names: cohortNames(found.Rules), standings: standings, person: found}
	x.events = s.events(ctx, found, shown)
	x.sent, x.more = s.sent(found)
	a.Deliveries = s.knownDeliveries(found)
	a.Cohorts = make([]Standing, 0, len(shown))
	for i := range shown {
		a.Cohorts = append(a.Cohorts, x.standing(&shown[i]))
	}
	return a, nil
}

// readInstant reads at. In a query a plus sign that was not escaped is a space.
func readInstant(r *http.Request) (*int64, *Problem) {
	text := r.URL.Query().Get("at")
	if !r.URL.Query().Has("at") {
		return nil, nil //nolint:nilnil // no instant was asked for
	}
	t, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil || t.UnixMilli() < 0 {
		return nil, invalid("at", "at is no instant of RFC 3339 from 1970 on", "write it as 2026-01-31T12:00:00Z")
	}
	ms := t.UnixMilli()
	return &ms, nil
}

func only(all []cohort.Standing, key string) []cohort.Standing {
	for i := range all {
		if all[i].Cohort == key {
			return all[i : i+1]
		}
	}
	return nil
}

// events reads the events behind what is shown, in a part of the time, so that an answer
// goes out in time whatever the log does.
func (s *Server) events(ctx context.Context, p *state.Person, shown []cohort.Standing) map[int64]evidence.Event {
	places := make(map[int64]cohort.Evidence)
	for i := range shown {
		collect(places, &shown[i].Rule)
	}
	if len(places) == 0 {
		return nil
	}
	ctx, span := s.step(ctx, "read evidence", p.Partition)
	defer span.End()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadTimeout)
	defer cancel()
	return s.cfg.Events.Read(ctx, p.Partition, p.Keys(), places)
}

func collect(places map[int64]cohort.Evidence, e *cohort.Explanation) {
	for _, place := range e.Evidence {
		places[place.Offset] = place
	}
	for i := range e.Of {
		collect(places, &e.Of[i])
	}
}

// sent gives what is known of deliveries, under every key that the person had, by cohort.
func (s *Server) sent(p *state.Person) (byCohort map[string][]receipts.Receipt, more bool) {
	byCohort = make(map[string][]receipts.Receipt)
	for _, key := range p.Keys() {
		found, gone := s.cfg.Receipts.Of(key)
		more = more || gone
		for _, r := range found {
			byCohort[r.Cohort] = append(byCohort[r.Cohort], r)
		}
	}
	return byCohort, more
}

func (s *Server) knownDeliveries(p *state.Person) KnownDeliveries {
	k := KnownDeliveries{Complete: true, CaughtUp: true}
	since := int64(0)
	for _, key := range p.Keys() {
		known := s.cfg.Receipts.Known(s.cfg.People.PartitionOf(key))
		k.Complete, k.CaughtUp = k.Complete && known.Whole, k.CaughtUp && known.CaughtUp
		since = max(since, known.Since)
	}
	if !k.Complete {
		k.Since = optional(since)
	}
	return k
}

// explainer turns what the core explains into an answer.
type explainer struct {
	at        int64
	past      bool
	rules     *rules.Rules
	names     map[string]string
	standings []cohort.Standing
	person    *state.Person
	events    map[int64]evidence.Event
	sent      map[string][]receipts.Receipt
	more      bool
}

func (x *explainer) standing(s *cohort.Standing) Standing {
	a := Standing{
		Cohort: s.Cohort, Name: x.names[s.Cohort], In: x.in(s), Outranked: s.Outranked,
		ValidUntil: optional(s.ValidUntil), LeavingAt: optional(s.LeavingAt), WarmingUntil: optional(x.person.WarmingUntil(s.Cohort)),
		Rule: x.rule(&s.Rule), Audiences: x.audiences(s.Cohort), Deliveries: []Delivery{}, MoreSent: x.more,
	}
	if a.NextChange = a.Rule.NextChange; s.In {
		a.EnteredAt, a.NextChange = optional(s.EnteredAt), a.ValidUntil
	}
	for _, r := range x.sent[s.Cohort] {
		a.Deliveries = append(a.Deliveries, Delivery{
			Destination: r.Destination, Op: r.Op, Outcome: r.Outcome, Status: r.Status, Message: r.Message, Attempt: r.Attempt,
			At: instant(r.At), TransitionID: r.TransitionID, Version: r.Version,
		})
	}
	return a
}

// in says whether the person is in a cohort; nil where nobody can tell any more: the core
// then says no.
func (x *explainer) in(s *cohort.Standing) *bool {
	if x.past && !s.In && (x.rules.Path(s.Cohort) || s.Rule.Value == cohort.AnswerUnknown) {
		return nil
	}
	return &s.In
}

func (x *explainer) rule(e *cohort.Explanation) Rule {
	a := Rule{
		Condition: e.Condition, Text: e.Text, Value: string(e.Value), NextChange: optional(e.Next),
		Evidence: make([]Evidence, 0, len(e.Evidence)), Of: make([]Rule, 0, len(e.Of)),
	}
	if a.NextChange != nil {
		a.ChangesInMs = new(e.Next - x.at)
	}
	if e.Need > 0 {
		a.Margin = &Margin{Have: e.Have, Need: e.Need, Missing: rounded(max(0, e.Need-e.Have)), Unit: unit(e.Condition)}
	}
	for _, place := range e.Evidence {
		a.Evidence = append(a.Evidence, x.evidence(place))
	}
	for i := range e.Of {
		a.Of = append(a.Of, x.rule(&e.Of[i]))
	}
	return a
}

// rounded takes off what a subtraction of decimals leaves behind.
func rounded(v float64) float64 { return math.Round(v*10_000) / 10_000 }

func unit(condition string) string {
	switch condition {
	case "did":
		return "events"
	case "sum":
		return "amount"
	}
	return "ms"
}

func (x *explainer) evidence(place cohort.Evidence) Evidence {
	e := x.events[place.Offset]
	a := Evidence{At: instant(place.At), Offset: place.Offset, Status: string(e.Status)}
	if e.Status == evidence.Found || e.Status == evidence.Absorbed {
		a.ID, a.Kind, a.Name, a.Source, a.Replay = &e.ID, &e.Kind, &e.Name, &e.Source, &e.Replay
		a.EventAt, a.AcceptedAt = new(instant(e.EventAt)), new(instant(e.AcceptedAt))
	}
	return a
}
