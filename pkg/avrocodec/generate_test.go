package avrocodec

import (
	"math"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Generators of every record type: empty, unicode, long and extreme values.

func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Just(""),
		rapid.String(),
		rapid.SampledFrom([]string{"null", "\x00", "ä€𝄞", "a\nb", string(make([]byte, 200))}),
		rapid.StringN(60, 70, -1), // around the one-byte limit of a length
	)
}

func anyLong() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.SampledFrom([]int64{0, 1, -1, 63, 64, -64, -65, math.MaxInt64, math.MinInt64, 1_764_000_000_000}),
		rapid.Int64(),
	)
}

func anyInt() *rapid.Generator[int32] {
	return rapid.OneOf(rapid.SampledFrom([]int32{0, -1, math.MaxInt32, math.MinInt32}), rapid.Int32())
}

func anyBytes() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, 80) }

func anyID() *rapid.Generator[cohort.ID] {
	return rapid.Custom(func(t *rapid.T) cohort.ID {
		return cohort.ID{
			Partition: rapid.Int32Min(0).Draw(t, "partition"),
			Offset:    rapid.Int64Min(0).Draw(t, "offset"),
			Ordinal:   rapid.Int32Min(0).Draw(t, "ordinal"),
		}
	})
}

func anyIdentifiers(t *rapid.T, name string) event.Identifiers {
	return event.Identifiers{
		CustomerID:  anyText().Draw(t, name+"customer_id"),
		Email:       anyText().Draw(t, name+"email"),
		AnonymousID: anyText().Draw(t, name+"anonymous_id"),
		CioID:       anyText().Draw(t, name+"cio_id"),
		Phone:       anyText().Draw(t, name+"phone"),
	}
}

func anyEvent() *rapid.Generator[event.Event] {
	return rapid.Custom(func(t *rapid.T) event.Event {
		return event.Event{
			Kind:       event.Kind(rapid.IntRange(0, int(event.KindCatalog)).Draw(t, "kind")),
			Source:     anyText().Draw(t, "source"),
			Workspace:  anyText().Draw(t, "workspace"),
			ID:         anyText().Draw(t, "id"),
			Name:       anyText().Draw(t, "name"),
			EventAt:    anyLong().Draw(t, "event_at"),
			AcceptedAt: anyLong().Draw(t, "accepted_at"),
			Person:     anyText().Draw(t, "person"),
			IDs:        anyIdentifiers(t, ""),
			Other:      anyIdentifiers(t, "other "),
			Replay:     rapid.Bool().Draw(t, "replay"),
			Clamped:    rapid.Bool().Draw(t, "clamped"),
			Properties: event.Properties{
				Strings:  rapid.MapOfN(anyText(), anyText(), 0, 40).Draw(t, "strings"),
				Numbers:  rapid.MapOfN(anyText(), rapid.Float64(), 0, 5).Draw(t, "numbers"),
				Booleans: rapid.MapOfN(anyText(), rapid.Bool(), 0, 5).Draw(t, "booleans"),
				Nested:   rapid.MapOfN(anyText(), anyText(), 0, 5).Draw(t, "nested"),
			},
		}
	})
}

func anyWatermark() *rapid.Generator[cohort.Watermark] {
	return rapid.Custom(func(t *rapid.T) cohort.Watermark {
		w := cohort.Watermark{
			Partition: anyInt().Draw(t, "partition"),
			Processed: anyLong().Draw(t, "processed"),
			LogTime:   anyLong().Draw(t, "log_time"),
			Last:      anyID().Draw(t, "last"),
			Epoch:     rapid.Int16().Draw(t, "epoch"),
			Tenure:    anyLong().Draw(t, "tenure"),
			Owner:     anyText().Draw(t, "owner"),
			At:        anyLong().Draw(t, "at"),
		}
		if rapid.Bool().Draw(t, "no last") {
			w.Last = cohort.ID{Partition: w.Partition, Offset: -1}
		}
		return w
	})
}

func anyFenced[T any](value *rapid.Generator[T]) *rapid.Generator[Fenced[T]] {
	return rapid.Custom(func(t *rapid.T) Fenced[T] {
		if rapid.Bool().Draw(t, "is watermark") {
			return Fenced[T]{IsWatermark: true, Watermark: anyWatermark().Draw(t, "watermark")}
		}
		return Fenced[T]{Value: value.Draw(t, "value")}
	})
}

func anyTransition() *rapid.Generator[cohort.Transition] {
	return rapid.Custom(func(t *rapid.T) cohort.Transition {
		return cohort.Transition{
			ID:          anyID().Draw(t, "id"),
			Op:          rapid.SampledFrom([]cohort.Op{cohort.OpEnter, cohort.OpExit, cohort.OpErased, cohort.OpUnknown}).Draw(t, "op"),
			Person:      anyText().Draw(t, "person"),
			Cohort:      anyText().Draw(t, "cohort"),
			Catalogue:   anyText().Draw(t, "catalogue"),
			EffectiveAt: anyLong().Draw(t, "effective_at"),
			DecidedAt:   anyLong().Draw(t, "decided_at"),
			ValidUntil:  anyLong().Draw(t, "valid_until"),
			Reason:      anyText().Draw(t, "reason"),
			Elapsed:     rapid.Bool().Draw(t, "elapsed"),
			Version:     anyLong().Draw(t, "version"),
			Evidence: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cohort.Evidence {
				return cohort.Evidence{At: anyLong().Draw(t, "at"), Offset: anyLong().Draw(t, "offset")}
			}), 0, 70).Draw(t, "evidence"),
			SourceID:   anyText().Draw(t, "source_id"),
			SourceAt:   anyLong().Draw(t, "source_at"),
			AcceptedAt: anyLong().Draw(t, "accepted_at"),
			Contacts:   rapid.SliceOfN(anyBytes(), 0, 5).Draw(t, "contacts"),

			WarmingUntil: anyLong().Draw(t, "warming_until"),
		}
	})
}

func anyProfile() *rapid.Generator[cohort.Profile] {
	return rapid.Custom(func(t *rapid.T) cohort.Profile {
		return cohort.Profile{
			Person:    anyText().Draw(t, "person"),
			Version:   anyLong().Draw(t, "version"),
			Catalogue: anyText().Draw(t, "catalogue"),
			UpdatedAt: anyLong().Draw(t, "updated_at"),
			ID:        anyID().Draw(t, "id"),
			Memberships: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cohort.Membership {
				return cohort.Membership{Cohort: anyText().Draw(t, "cohort"), EnteredAt: anyLong().Draw(t, "entered_at"), ValidUntil: anyLong().Draw(t, "valid_until")}
			}), 0, 10).Draw(t, "memberships"),
			Deleted: rapid.Bool().Draw(t, "deleted"),
		}
	})
}

func anySuppression() *rapid.Generator[Suppression] {
	digests := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Identifier {
		return Identifier{
			Type: anyText().Draw(t, "type"), Rule: anyText().Draw(t, "rule"), RulesVersion: anyInt().Draw(t, "rules_version"),
			Encoding: anyText().Draw(t, "encoding"), Value: anyText().Draw(t, "value"),
		}
	}), 0, 5)
	return rapid.Custom(func(t *rapid.T) Suppression {
		return Suppression{
			Op:                  rapid.OneOf(rapid.SampledFrom([]string{OpSuppress, OpRelease}), rapid.String()).Filter(func(s string) bool { return s != opWatermark }).Draw(t, "op"),
			Tenant:              anyText().Draw(t, "tenant"),
			Audience:            anyText().Draw(t, "audience"),
			Platform:            anyText().Draw(t, "platform"),
			Subject:             anyText().Draw(t, "subject"),
			Cohort:              anyText().Draw(t, "cohort"),
			Catalogue:           anyText().Draw(t, "catalogue"),
			Version:             anyLong().Draw(t, "version"),
			EffectiveAt:         anyLong().Draw(t, "effective_at"),
			EmittedAt:           anyLong().Draw(t, "emitted_at"),
			ExpiresAt:           anyLong().Draw(t, "expires_at"),
			Reason:              anyText().Draw(t, "reason"),
			Identifiers:         digests.Draw(t, "identifiers"),
			PreviousIdentifiers: digests.Draw(t, "previous_identifiers"),
			TransitionID:        anyText().Draw(t, "transition_id"),
			SourceID:            anyText().Draw(t, "source_id"),
			AcceptedAt:          anyLong().Draw(t, "accepted_at"),
		}
	})
}

func anyReceipt() *rapid.Generator[Receipt] {
	return rapid.Custom(func(t *rapid.T) Receipt {
		return Receipt{
			Destination: anyText().Draw(t, "destination"), TransitionID: anyText().Draw(t, "transition_id"), Person: anyText().Draw(t, "person"),
			Cohort: anyText().Draw(t, "cohort"), Op: anyText().Draw(t, "op"), Version: anyLong().Draw(t, "version"),
			Outcome: anyText().Draw(t, "outcome"), Status: anyInt().Draw(t, "status"), Message: anyText().Draw(t, "message"),
			Attempt: anyInt().Draw(t, "attempt"), At: anyLong().Draw(t, "at"), AcceptedAt: anyLong().Draw(t, "accepted_at"),
			EffectiveAt: anyLong().Draw(t, "effective_at"),
		}
	})
}

func anyQuarantine() *rapid.Generator[Quarantine] {
	return rapid.Custom(func(t *rapid.T) Quarantine {
		return Quarantine{
			ID: anyText().Draw(t, "id"), Source: anyText().Draw(t, "source"), Workspace: anyText().Draw(t, "workspace"),
			Reason: anyText().Draw(t, "reason"), Detail: anyText().Draw(t, "detail"), Method: anyText().Draw(t, "method"),
			Path: anyText().Draw(t, "path"), Headers: rapid.MapOfN(anyText(), anyText(), 0, 5).Draw(t, "headers"),
			ContentType: anyText().Draw(t, "content_type"), Body: anyBytes().Draw(t, "body"),
			ReceivedAt: anyLong().Draw(t, "received_at"), Truncated: rapid.Bool().Draw(t, "truncated"),
		}
	})
}

func anyDeadLetter() *rapid.Generator[DeadLetter] {
	return rapid.Custom(func(t *rapid.T) DeadLetter {
		return DeadLetter{
			Destination: anyText().Draw(t, "destination"), TransitionID: anyText().Draw(t, "transition_id"), Reason: anyText().Draw(t, "reason"),
			Transition: anyBytes().Draw(t, "transition"), At: anyLong().Draw(t, "at"), Attempts: anyInt().Draw(t, "attempts"),
		}
	})
}
