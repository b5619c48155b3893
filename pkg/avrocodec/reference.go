package avrocodec

import (
	"fmt"
	"maps"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
)

func newReference[T any](subject string, toMap func(*T) map[string]any, fromMap func(fields, *T)) (Codec[T], error) {
	newest, ok := schemas.Newest(subject)
	if !ok {
		return nil, fmt.Errorf("make reference codec: %w: no schema for %s", ErrUnknownSchema, subject)
	}
	codec, err := newGoavro(newest.Text)
	if err != nil {
		return nil, fmt.Errorf("make reference codec of %s: %w", subject, err)
	}
	return reference[T]{codec: codec, toMap: toMap, fromMap: fromMap, standing: subject}, nil
}

// ReferenceEvent is goavro's codec of customerio.events.v1.
func ReferenceEvent() (Codec[event.Event], error) {
	return newReference(schemas.EventsSubject,
		func(e *event.Event) map[string]any {
			m := map[string]any{
				"kind": e.Kind.String(), "source": e.Source, "workspace": e.Workspace, "event_id": e.ID,
				"name": opt(branchText, e.Name), "event_at": e.EventAt, "accepted_at": e.AcceptedAt,
				"person": opt(branchText, e.Person), "replay": e.Replay, "clamped": e.Clamped,
				"strings": nativeMap(e.Properties.Strings), "numbers": nativeMap(e.Properties.Numbers),
				"booleans": nativeMap(e.Properties.Booleans), "nested": nativeMap(e.Properties.Nested),
			}
			identifiersToMap(m, "", &e.IDs)
			identifiersToMap(m, "other_", &e.Other)
			return m
		},
		func(m fields, e *event.Event) {
			*e = event.Event{
				Kind: event.ParseKind(m.text("kind")), Source: m.text("source"), Workspace: m.text("workspace"), ID: m.text("event_id"),
				Name: m.optText("name"), EventAt: m.time("event_at"), AcceptedAt: m.time("accepted_at"),
				Person: m.optText("person"), Replay: m.bool("replay"), Clamped: m.bool("clamped"),
				IDs: identifiersFromMap(m, ""), Other: identifiersFromMap(m, "other_"),
				Properties: event.Properties{
					Strings: mapOf[string](m, "strings"), Numbers: mapOf[float64](m, "numbers"),
					Booleans: mapOf[bool](m, "booleans"), Nested: mapOf[string](m, "nested"),
				},
			}
		})
}

func identifiersToMap(m map[string]any, prefix string, ids *event.Identifiers) {
	m[prefix+"customer_id"] = opt(branchText, ids.CustomerID)
	m[prefix+"email"] = opt(branchText, ids.Email)
	m[prefix+"anonymous_id"] = opt(branchText, ids.AnonymousID)
	m[prefix+"cio_id"] = opt(branchText, ids.CioID)
	m[prefix+"phone"] = opt(branchText, ids.Phone)
}

func identifiersFromMap(m fields, prefix string) event.Identifiers {
	return event.Identifiers{
		CustomerID: m.optText(prefix + "customer_id"), Email: m.optText(prefix + "email"),
		AnonymousID: m.optText(prefix + "anonymous_id"), CioID: m.optText(prefix + "cio_id"), Phone: m.optText(prefix + "phone"),
	}
}

// newFencedReference adds what the fenced topics have in common: the op and the
// watermark's fields.
func newFencedReference[T any](subject string, op func(*T) string, toMap func(*T) map[string]any, fromMap func(m fields, op string, v *T)) (Codec[Fenced[T]], error) {
	return newReference(subject,
		func(v *Fenced[T]) map[string]any {
			if !v.IsWatermark {
				m := toMap(&v.Value)
				m["op"] = op(&v.Value)
				return m // the watermark's fields default to null
			}
			m := toMap(new(T))
			m["op"] = opWatermark
			if _, ok := m["transition_id"]; ok {
				m["transition_id"] = ""
			}
			maps.Copy(m, watermarkToMap(&v.Watermark))
			return m
		},
		func(m fields, v *Fenced[T]) {
			if op := m.text("op"); op != opWatermark {
				fromMap(m, op, &v.Value)
				return
			}
			v.IsWatermark = true
			v.Watermark = watermarkFromMap(m)
		})
}

func watermarkToMap(w *cohort.Watermark) map[string]any {
	m := map[string]any{
		"partition": some(branchInt, w.Partition), "processed": some(branchLong, w.Processed), "log_time": some(branchTime, w.LogTime),
		"last_id": nil, "epoch": some(branchInt, int32(w.Epoch)), "tenure": some(branchLong, w.Tenure),
		"owner": some(branchText, w.Owner), "at": some(branchTime, w.At),
	}
	if w.Last.Offset >= 0 {
		m["last_id"] = some(branchText, FormatID(w.Last))
	}
	return m
}

func watermarkFromMap(m fields) cohort.Watermark {
	w := cohort.Watermark{
		Partition: m.optInt("partition"), Processed: m.optLong("processed"), LogTime: m.optTime("log_time"),
		Epoch: int16(m.optInt("epoch")), Tenure: m.optLong("tenure"), Owner: m.optText("owner"), At: m.optTime("at"),
	}
	w.Last = cohort.ID{Partition: w.Partition, Offset: -1}
	if m.m["last_id"] != nil {
		w.Last = idFromMap(m, m.optText("last_id"))
	}
	return w
}

func idFromMap(m fields, text string) cohort.ID {
	id, err := ParseID(text)
	if err != nil && *m.fault == nil {
		*m.fault = err
	}
	return id
}

// ReferenceTransition is goavro's codec of cohort.transitions.v1.
func ReferenceTransition() (Codec[Fenced[cohort.Transition]], error) {
	return newFencedReference(schemas.TransitionsSubject,
		func(t *cohort.Transition) string { return transitionOp(t.Op) },
		func(t *cohort.Transition) map[string]any {
			evidence := make([]any, len(t.Evidence))
			for i, e := range t.Evidence {
				evidence[i] = map[string]any{"offset": e.Offset, "at": e.At}
			}
			contacts := make([]any, len(t.Contacts))
			for i, c := range t.Contacts {
				contacts[i] = c
			}
			return map[string]any{
				"transition_id": FormatID(t.ID), "person": t.Person, "cohort": t.Cohort, "catalogue": t.Catalogue,
				"effective_at": t.EffectiveAt, "decided_at": t.DecidedAt, "valid_until": opt(branchTime, t.ValidUntil),
				"reason": t.Reason, "elapsed": t.Elapsed, "version": t.Version, "evidence": evidence,
				"source_id": opt(branchText, t.SourceID), "source_at": opt(branchTime, t.SourceAt),
				"accepted_at": t.AcceptedAt, "contacts": contacts,
				"warming_until": opt(branchTime, t.WarmingUntil),
			}
		},
		func(m fields, op string, t *cohort.Transition) {
			*t = cohort.Transition{
				Op: parseTransitionOp(op), Person: m.text("person"), Cohort: m.text("cohort"), Catalogue: m.text("catalogue"),
				EffectiveAt: m.time("effective_at"), DecidedAt: m.time("decided_at"), ValidUntil: m.optTime("valid_until"),
				Reason: m.text("reason"), Elapsed: m.bool("elapsed"), Version: m.long("version"),
				Evidence: listOf(m, "evidence", func(e fields) cohort.Evidence {
					return cohort.Evidence{Offset: e.long("offset"), At: e.time("at")}
				}),
				SourceID: m.optText("source_id"), SourceAt: m.optTime("source_at"), AcceptedAt: m.time("accepted_at"),
				Contacts:     listOf(m, "contacts", func(c fields) []byte { return c.bytes("") }),
				WarmingUntil: m.optTime("warming_until"),
			}
			if t.Op == cohort.OpUnknown {
				t.ID, _ = ParseID(m.text("transition_id"))
			} else {
				t.ID = idFromMap(m, m.text("transition_id"))
			}
		})
}

// ReferenceProfile is goavro's codec of cohort.profiles.v1.
func ReferenceProfile() (Codec[Fenced[cohort.Profile]], error) {
	return newFencedReference(schemas.ProfilesSubject,
		func(p *cohort.Profile) string {
			if p.Deleted {
				return opDelete
			}
			return opUpsert
		},
		func(p *cohort.Profile) map[string]any {
			memberships := make([]any, len(p.Memberships))
			for i, s := range p.Memberships {
				memberships[i] = map[string]any{"cohort": s.Cohort, "entered_at": s.EnteredAt, "valid_until": opt(branchTime, s.ValidUntil)}
			}
			return map[string]any{
				"person": p.Person, "version": p.Version, "catalogue": p.Catalogue, "updated_at": p.UpdatedAt,
				"transition_id": FormatID(p.ID), "memberships": memberships,
			}
		},
		func(m fields, op string, p *cohort.Profile) {
			*p = cohort.Profile{
				Deleted: op == opDelete, Person: m.text("person"), Version: m.long("version"), Catalogue: m.text("catalogue"),
				UpdatedAt: m.time("updated_at"), ID: idFromMap(m, m.text("transition_id")),
				Memberships: listOf(m, "memberships", func(s fields) cohort.Membership {
					return cohort.Membership{Cohort: s.text("cohort"), EnteredAt: s.time("entered_at"), ValidUntil: s.optTime("valid_until")}
				}),
			}
		})
}

// ReferenceSuppression is goavro's codec of ads.suppression.<platform>.v1.
func ReferenceSuppression() (Codec[Fenced[Suppression]], error) {
	return newFencedReference(schemas.SuppressionFamily,
		func(s *Suppression) string { return s.Op },
		func(s *Suppression) map[string]any {
			return map[string]any{
				"tenant": s.Tenant, "audience": s.Audience, "platform": s.Platform, "subject": s.Subject, "cohort": s.Cohort,
				"catalogue": s.Catalogue, "version": s.Version, "effective_at": s.EffectiveAt, "emitted_at": s.EmittedAt,
				"expires_at": opt(branchTime, s.ExpiresAt), "reason": s.Reason,
				"identifiers": digestsToList(s.Identifiers), "previous_identifiers": digestsToList(s.PreviousIdentifiers),
				"transition_id": s.TransitionID, "source_id": opt(branchText, s.SourceID), "accepted_at": s.AcceptedAt,
			}
		},
		func(m fields, op string, s *Suppression) {
			*s = Suppression{
				Op: op, Tenant: m.text("tenant"), Audience: m.text("audience"), Platform: m.text("platform"), Subject: m.text("subject"),
				Cohort: m.text("cohort"), Catalogue: m.text("catalogue"), Version: m.long("version"), EffectiveAt: m.time("effective_at"),
				EmittedAt: m.time("emitted_at"), ExpiresAt: m.optTime("expires_at"), Reason: m.text("reason"),
				Identifiers: listOf(m, "identifiers", digestFromMap), PreviousIdentifiers: listOf(m, "previous_identifiers", digestFromMap),
				TransitionID: m.text("transition_id"), SourceID: m.optText("source_id"), AcceptedAt: m.time("accepted_at"),
			}
		})
}

func digestsToList(ids []Identifier) []any {
	list := make([]any, len(ids))
	for i, d := range ids {
		list[i] = map[string]any{"type": d.Type, "rule": d.Rule, "rules_version": d.RulesVersion, "encoding": d.Encoding, "value": d.Value}
	}
	return list
}

func digestFromMap(m fields) Identifier {
	return Identifier{Type: m.text("type"), Rule: m.text("rule"), RulesVersion: m.int("rules_version"), Encoding: m.text("encoding"), Value: m.text("value")}
}

// ReferenceReceipt is goavro's codec of sink.receipts.v1.
func ReferenceReceipt() (Codec[Receipt], error) {
	return newReference(schemas.ReceiptsSubject,
		func(v *Receipt) map[string]any {
			return map[string]any{
				"destination": v.Destination, "transition_id": v.TransitionID, "person": v.Person, "cohort": v.Cohort, "op": v.Op,
				"version": v.Version, "outcome": v.Outcome, "status": v.Status, "message": opt(branchText, v.Message),
				"attempt": v.Attempt, "at": v.At, "accepted_at": v.AcceptedAt, "effective_at": v.EffectiveAt,
			}
		},
		func(m fields, v *Receipt) {
			*v = Receipt{
				Destination: m.text("destination"), TransitionID: m.text("transition_id"), Person: m.text("person"), Cohort: m.text("cohort"),
				Op: m.text("op"), Version: m.long("version"), Outcome: m.text("outcome"), Status: m.int("status"), Message: m.optText("message"),
				Attempt: m.int("attempt"), At: m.time("at"), AcceptedAt: m.time("accepted_at"), EffectiveAt: m.time("effective_at"),
			}
		})
}

// ReferenceQuarantine is goavro's codec of customerio.quarantine.v1.
func ReferenceQuarantine() (Codec[Quarantine], error) {
	return newReference(schemas.QuarantineSubject,
		func(q *Quarantine) map[string]any {
			return map[string]any{
				"id": q.ID, "source": q.Source, "workspace": opt(branchText, q.Workspace), "reason": q.Reason, "detail": opt(branchText, q.Detail),
				"method": q.Method, "path": q.Path, "headers": nativeMap(q.Headers), "content_type": opt(branchText, q.ContentType),
				"body": q.Body, "received_at": q.ReceivedAt, "truncated": q.Truncated,
			}
		},
		func(m fields, q *Quarantine) {
			*q = Quarantine{
				ID: m.text("id"), Source: m.text("source"), Workspace: m.optText("workspace"), Reason: m.text("reason"), Detail: m.optText("detail"),
				Method: m.text("method"), Path: m.text("path"), Headers: mapOf[string](m, "headers"), ContentType: m.optText("content_type"),
				Body: m.bytes("body"), ReceivedAt: m.time("received_at"), Truncated: m.bool("truncated"),
			}
		})
}

// ReferenceDeadLetter is goavro's codec of sink.deadletter.v1.
func ReferenceDeadLetter() (Codec[DeadLetter], error) {
	return newReference(schemas.DeadLetterSubject,
		func(v *DeadLetter) map[string]any {
			return map[string]any{
				"destination": v.Destination, "transition_id": opt(branchText, v.TransitionID), "reason": v.Reason,
				"transition": v.Transition, "at": v.At, "attempts": v.Attempts,
			}
		},
		func(m fields, v *DeadLetter) {
			*v = DeadLetter{
				Destination: m.text("destination"), TransitionID: m.optText("transition_id"), Reason: m.text("reason"),
				Transition: m.bytes("transition"), At: m.time("at"), Attempts: m.int("attempts"),
			}
		})
}
