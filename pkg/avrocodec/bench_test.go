package avrocodec

import (
	"fmt"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Records as they commonly are.

func commonEvent() event.Event {
	return event.Event{
		Kind: event.KindTrack, Source: event.SourcePipelines, Workspace: "main", ID: "01JD0000000000000000000000", Name: "Order Completed",
		EventAt: 1_764_000_000_000, AcceptedAt: 1_764_000_000_123, Person: "customer-0012345",
		IDs: event.Identifiers{CustomerID: "customer-0012345", Email: "somebody@example.com"},
		Properties: event.Properties{
			Strings:  map[string]string{"currency": "EUR", "order_id": "o-991823", "coupon": "SPRING"},
			Numbers:  map[string]float64{"total": 99.95, "items": 3},
			Booleans: map[string]bool{"first_order": true},
		},
	}
}

func commonTransition() cohort.Transition {
	return cohort.Transition{
		ID: cohort.ID{Partition: 7, Offset: 123_450_000, Ordinal: 1}, Op: cohort.OpEnter, Person: "customer-0012345", Cohort: "recent_purchaser_7d",
		Catalogue: "c0ffee00c0ffee00", EffectiveAt: 1_764_000_000_000, DecidedAt: 1_764_000_000_123, ValidUntil: 1_764_604_800_000,
		Reason: cohort.ReasonEvent, Version: 5, Evidence: []cohort.Evidence{{At: 1_764_000_000_000, Offset: 123_450_000}},
		SourceID: "01JD0000000000000000000000", SourceAt: 1_764_000_000_000, AcceptedAt: 1_764_000_000_123,
		Contacts: [][]byte{make([]byte, 48)},
	}
}

func commonProfile() cohort.Profile {
	return cohort.Profile{
		Person: "customer-0012345", Version: 5, Catalogue: "c0ffee00c0ffee00", UpdatedAt: 1_764_000_000_123,
		ID:          cohort.ID{Partition: 7, Offset: 123_450_000, Ordinal: 1},
		Memberships: []cohort.Membership{{Cohort: "recent_purchaser_7d", EnteredAt: 1_764_000_000_000, ValidUntil: 1_764_604_800_000}, {Cohort: "vip", EnteredAt: 1_764_000_000_000}},
	}
}

func commonSuppression() Suppression {
	return Suppression{
		Op: OpSuppress, Tenant: "main", Audience: "recent_buyers", Platform: "meta", Subject: "s_0123456789abcdef0123456789abcdef", Cohort: "recent_purchaser_7d",
		Catalogue: "c0ffee00c0ffee00", Version: 5, EffectiveAt: 1_764_000_000_000, EmittedAt: 1_764_000_000_130, ExpiresAt: 1_764_604_800_000, Reason: "RECENT_PURCHASE",
		Identifiers:  []Identifier{{Type: "email", Rule: "meta", RulesVersion: 1, Encoding: "hex", Value: "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"}},
		TransitionID: "7-123450000-1", SourceID: "01JD0000000000000000000000", AcceptedAt: 1_764_000_000_123,
	}
}

func BenchmarkCodec(b *testing.B) {
	compare(b, "event", FastEvent(), ReferenceEvent, commonEvent())
	compare(b, "transition", FastTransition(), ReferenceTransition, Fenced[cohort.Transition]{Value: commonTransition()})
	compare(b, "profile", FastProfile(), ReferenceProfile, Fenced[cohort.Profile]{Value: commonProfile()})
	compare(b, "suppression", FastSuppression(), ReferenceSuppression, Fenced[Suppression]{Value: commonSuppression()})
}

func compare[T any](b *testing.B, name string, fast Codec[T], newReference func() (Codec[T], error), v T) {
	b.Helper()
	reference, err := newReference()
	if err != nil {
		b.Fatal(err)
	}
	body, err := fast.Append(nil, &v)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		codec Codec[T]
	}{{"fast", fast}, {"goavro", reference}} {
		b.Run(fmt.Sprintf("%s/%s/encode", name, c.name), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			buf := make([]byte, 0, 4096)
			for b.Loop() {
				if _, err := c.codec.Append(buf, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%s/%s/decode", name, c.name), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			var into T
			for b.Loop() {
				if err := c.codec.Decode(body, &into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeEventHead(b *testing.B) {
	e := commonEvent()
	value := AppendEvent(nil, 1, &e)
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeEventHead(value, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolver(b *testing.B) {
	resolver, err := NewResolver(NewEmbedded())
	if err != nil {
		b.Fatal(err)
	}
	e := commonEvent()
	value := AppendEvent(nil, 1, &e)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := resolver.DecodeEventHead(ctx, value, &e); err != nil {
			b.Fatal(err)
		}
	}
}
