package avrocodec

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
)

var writeGolden = flag.Bool("write-golden", false, "write golden files that do not exist yet; existing ones are never touched")

// Bytes that releases have written, and that stand in Kafka, decode for ever to
// the same values, whatever version comes after. The golden files, one for each
// version of a subject, are never edited; a line is one record in hex.
func TestGolden_DecodesForEver(t *testing.T) {
	mark := cohort.Watermark{
		Partition: 7, Processed: 123_456, LogTime: 1_764_000_000_123, Last: cohort.ID{Partition: 7, Offset: 123_450, Ordinal: 2},
		Epoch: 41, Tenure: 42, Owner: "processor-0", At: 1_764_000_000_456,
	}
	first := cohort.Watermark{Partition: 3, Last: cohort.ID{Partition: 3, Offset: -1}, Owner: "processor-1"}
	digest := Identifier{Type: "email", Rule: "meta", RulesVersion: 1, Encoding: "hex", Value: "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"}

	golden(t, schemas.EventsSubject, 1, FastEvent(),
		event.Event{
			Kind: event.KindTrack, Source: event.SourcePipelines, Workspace: "main", ID: "01JD0000000000000000000000", Name: "Order Completed",
			EventAt: 1_764_000_000_000, AcceptedAt: 1_764_000_000_123, Person: "cust-1",
			IDs:    event.Identifiers{CustomerID: "cust-1", Email: "test@example.com", AnonymousID: "anon-1", CioID: "cio_1", Phone: "+441134960000"},
			Other:  event.Identifiers{CustomerID: "cust-0", Email: "old@example.com", AnonymousID: "anon-0", CioID: "cio_0", Phone: "+441134960001"},
			Replay: true, Clamped: true,
			Properties: event.Properties{
				Strings:  map[string]string{"currency": "EUR", "ünï": "𝄞", "": ""},
				Numbers:  map[string]float64{"total": 99.95, "n": -1},
				Booleans: map[string]bool{"gift": true, "paid": false},
				Nested:   map[string]string{"items": `[{"sku":"A"}]`, "gone": "null"},
			},
		},
		event.Event{Kind: event.KindTick, Source: event.SourceOwner, ID: "tick-1", EventAt: 1_764_000_000_000, AcceptedAt: 1_764_000_000_000})

	golden(t, schemas.TransitionsSubject, 1, FastTransition(),
		Fenced[cohort.Transition]{Value: cohort.Transition{
			ID: cohort.ID{Partition: 7, Offset: 123_450, Ordinal: 2}, Op: cohort.OpEnter, Person: "cust-1", Cohort: "recent_purchaser_7d", Catalogue: "c0ffee",
			EffectiveAt: 1_764_000_000_000, DecidedAt: 1_764_000_000_123, ValidUntil: 1_764_604_800_000, Reason: cohort.ReasonEvent, Elapsed: true, Version: 5,
			Evidence: []cohort.Evidence{{At: 1_764_000_000_000, Offset: 123_450}, {At: -1, Offset: 0}},
			SourceID: "01JD0000000000000000000000", SourceAt: 1_764_000_000_000, AcceptedAt: 1_764_000_000_123,
			Contacts: [][]byte{{1, 0, 255}, {}},
		}},
		Fenced[cohort.Transition]{Value: cohort.Transition{Op: cohort.OpExit, Person: "cust-1", Cohort: "high_intent_24h", Reason: cohort.ReasonWindowEnded, Version: 6}},
		Fenced[cohort.Transition]{IsWatermark: true, Watermark: mark},
		Fenced[cohort.Transition]{IsWatermark: true, Watermark: first})

	golden(t, schemas.TransitionsSubject, 2, FastTransition(),
		Fenced[cohort.Transition]{Value: cohort.Transition{
			ID: cohort.ID{Partition: 7, Offset: 123_450, Ordinal: 2}, Op: cohort.OpEnter, Person: "cust-1", Cohort: "recent_purchaser_7d", Catalogue: "c0ffee",
			EffectiveAt: 1_764_000_000_000, DecidedAt: 1_764_000_000_123, ValidUntil: 1_764_604_800_000, Reason: cohort.ReasonEvent, Elapsed: true, Version: 5,
			Evidence: []cohort.Evidence{{At: 1_764_000_000_000, Offset: 123_450}, {At: -1, Offset: 0}},
			SourceID: "01JD0000000000000000000000", SourceAt: 1_764_000_000_000, AcceptedAt: 1_764_000_000_123,
			Contacts: [][]byte{{1, 0, 255}, {}}, WarmingUntil: 1_764_086_400_000,
		}},
		Fenced[cohort.Transition]{Value: cohort.Transition{Op: cohort.OpExit, Person: "cust-1", Cohort: "high_intent_24h", Reason: cohort.ReasonMerged, Version: 6}},
		Fenced[cohort.Transition]{Value: cohort.Transition{Op: cohort.OpErased, ID: cohort.ID{Partition: 7, Offset: 123_460}, Person: "s_1", Reason: cohort.ReasonErased, DecidedAt: 1_764_000_000_123, Version: 7}},
		Fenced[cohort.Transition]{IsWatermark: true, Watermark: mark},
		Fenced[cohort.Transition]{IsWatermark: true, Watermark: first})

	golden(t, schemas.ProfilesSubject, 1, FastProfile(),
		Fenced[cohort.Profile]{Value: cohort.Profile{
			Person: "cust-1", Version: 5, Catalogue: "c0ffee", UpdatedAt: 1_764_000_000_123, ID: cohort.ID{Partition: 7, Offset: 123_450, Ordinal: 2},
			Memberships: []cohort.Membership{{Cohort: "recent_purchaser_7d", EnteredAt: 1_764_000_000_000, ValidUntil: 1_764_604_800_000}, {Cohort: "lapsed_60d", EnteredAt: 1}},
		}},
		Fenced[cohort.Profile]{Value: cohort.Profile{Person: "cust-2", Version: 9, Deleted: true}},
		Fenced[cohort.Profile]{IsWatermark: true, Watermark: mark})

	golden(t, schemas.SuppressionFamily, 1, FastSuppression(),
		Fenced[Suppression]{Value: Suppression{
			Op: OpSuppress, Tenant: "acme", Audience: "buyers", Platform: "meta", Subject: "s-1", Cohort: "recent_purchaser_7d", Catalogue: "c0ffee", Version: 5,
			EffectiveAt: 1_764_000_000_000, EmittedAt: 1_764_000_000_130, ExpiresAt: 1_764_604_800_000, Reason: "RECENT_PURCHASE",
			Identifiers:         []Identifier{digest, {Type: "phone", Rule: "meta", RulesVersion: 1, Encoding: "base64", Value: "AAEC"}},
			PreviousIdentifiers: []Identifier{digest}, TransitionID: "7-123450-2", SourceID: "01JD0000000000000000000000", AcceptedAt: 1_764_000_000_123,
		}},
		Fenced[Suppression]{Value: Suppression{Op: OpRelease, Platform: "meta", Subject: "s-1", Version: 6, Reason: "window_ended", TransitionID: "7-123460-0"}},
		Fenced[Suppression]{IsWatermark: true, Watermark: mark})

	golden(t, schemas.ReceiptsSubject, 1, FastReceipt(),
		Receipt{
			Destination: "saleswings", TransitionID: "7-123450-2", Person: "cust-1", Cohort: "recent_purchaser_7d", Op: "enter", Version: 5, Outcome: OutcomeDelivered,
			Status: 207, Message: "accepted", Attempt: 1, At: 1_764_000_000_200, AcceptedAt: 1_764_000_000_123, EffectiveAt: 1_764_000_000_000,
		},
		Receipt{Outcome: OutcomeAmbiguous, Attempt: 2})

	golden(t, schemas.QuarantineSubject, 1, FastQuarantine(),
		Quarantine{
			ID: "q-1", Source: event.SourceReporting, Workspace: "main", Reason: "unknown_shape", Detail: "field metric: want text", Method: "POST",
			Path: "/v1/webhooks/customerio", Headers: map[string]string{"user-agent": "x", "content-type": "application/json"}, ContentType: "application/json",
			Body: []byte("{\"a\":\x00}"), ReceivedAt: 1_764_000_000_123, Truncated: true,
		},
		Quarantine{ID: "q-2"})

	golden(t, schemas.DeadLetterSubject, 1, FastDeadLetter(),
		DeadLetter{Destination: "saleswings", TransitionID: "7-123450-2", Reason: "400 invalid_email", Transition: []byte{0, 0, 0, 0, 3, 10}, At: 1_764_000_000_200, Attempts: 3},
		DeadLetter{Destination: "saleswings", Reason: "unreadable"})
}

func TestGolden_ThereIsOneForEveryVersion(t *testing.T) {
	for _, v := range schemas.Versions() {
		if _, err := os.Stat(goldenFile(v.Subject, v.Version)); err != nil {
			t.Errorf("%s version %d: %v", v.Subject, v.Version, err)
		}
	}
}

func goldenFile(subject string, version int) string {
	return filepath.Join("testdata", fmt.Sprintf("%s-v%d.hex", subject, version))
}

// golden decodes a version's file by the road that services take for a record of
// any version, and, for the version in force, checks that equal values still give
// the same bytes.
func golden[T any](t *testing.T, subject string, version int, codec Codec[T], want ...T) {
	t.Helper()
	t.Run(fmt.Sprintf("%s v%d", subject, version), func(t *testing.T) {
		registry := NewEmbedded()
		id := embeddedID(t, subject, version)
		name := goldenFile(subject, version)
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && *writeGolden {
			text = []byte(goldenText(t, id, codec, want))
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(string(text))
		if len(lines) != len(want) {
			t.Fatalf("%s: got %d records, want %d", name, len(lines), len(want))
		}
		resolver, err := NewResolver(registry)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range lines {
			b, err := hex.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := SchemaID(b); err != nil || got != id {
				t.Fatalf("record %d: got schema id %d (%v), want %d", i, got, err, id)
			}
			b, err = resolver.toNewest(t.Context(), familyOf(t, subject), b)
			if err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
			var got T
			if err := codec.Decode(b[headerLen:], &got); err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
			if diff := cmp.Diff(want[i], got, equal); diff != "" {
				t.Errorf("record %d (-want +got):\n%s", i, diff)
			}
		}
		if newest, _ := schemas.Newest(subject); newest.Version == version {
			if got := goldenText(t, id, codec, want); got != string(text) {
				t.Errorf("the values are now written as\n%s\nwant\n%s", got, text)
			}
		}
	})
}

func goldenText[T any](t *testing.T, id uint32, codec Codec[T], values []T) string {
	t.Helper()
	var text strings.Builder
	for i := range values {
		b, err := codec.Append(appendHeader(nil, id), &values[i])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%x\n", b)
	}
	return text.String()
}

func embeddedID(t *testing.T, subject string, version int) uint32 {
	t.Helper()
	for _, v := range schemas.Versions() {
		if v.Subject == subject && v.Version == version {
			return v.ID
		}
	}
	t.Fatalf("no version %d of %s", version, subject)
	return 0
}

func familyOf(t *testing.T, subject string) int {
	t.Helper()
	for i := range familyCount {
		if familySubject(i) == subject {
			return i
		}
	}
	t.Fatalf("no family for %s", subject)
	return 0
}
