package avrocodec

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/avro"
	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/schemas"
)

// equal takes nil and empty for the same: a decoder uses slices and maps again.
var equal = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateNaNs()}

func TestCodecs_AgreeOnEverySchema(t *testing.T) {
	t.Run("event", func(t *testing.T) { agree(t, schemas.EventsSubject, FastEvent(), ReferenceEvent, anyEvent()) })
	t.Run("transition", func(t *testing.T) {
		agree(t, schemas.TransitionsSubject, FastTransition(), ReferenceTransition, anyFenced(anyTransition()))
	})
	t.Run("profile", func(t *testing.T) {
		agree(t, schemas.ProfilesSubject, FastProfile(), ReferenceProfile, anyFenced(anyProfile()))
	})
	t.Run("suppression", func(t *testing.T) {
		agree(t, schemas.SuppressionFamily, FastSuppression(), ReferenceSuppression, anyFenced(anySuppression()))
	})
	t.Run("receipt", func(t *testing.T) {
		agree(t, schemas.ReceiptsSubject, FastReceipt(), ReferenceReceipt, anyReceipt())
	})
	t.Run("quarantine", func(t *testing.T) {
		agree(t, schemas.QuarantineSubject, FastQuarantine(), ReferenceQuarantine, anyQuarantine())
	})
	t.Run("dead letter", func(t *testing.T) {
		agree(t, schemas.DeadLetterSubject, FastDeadLetter(), ReferenceDeadLetter, anyDeadLetter())
	})
}

// agree checks for random values that each codec reads what the other one wrote,
// that a third library takes the same bytes for the same schema, and that the fast
// codec, decoding into a used struct, leaves nothing of what was there before.
func agree[T any](t *testing.T, subject string, fast Codec[T], newReference func() (Codec[T], error), values *rapid.Generator[T]) {
	t.Helper()
	reference, err := newReference()
	if err != nil {
		t.Fatal(err)
	}
	newest, ok := schemas.Newest(subject)
	if !ok {
		t.Fatalf("no schema of %s", subject)
	}
	third, err := avro.Parse(newest.Text)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := values.Draw(t, "v")
		byFast, err := fast.Append(nil, &v)
		if err != nil {
			t.Fatalf("fast append: %v", err)
		}
		byReference, err := reference.Append(nil, &v)
		if err != nil {
			t.Fatalf("reference append: %v", err)
		}
		if len(byFast) != len(byReference) { // maps have an order with one of them only
			t.Fatalf("got %d bytes by fast, %d by reference", len(byFast), len(byReference))
		}
		if again, _ := fast.Append(nil, &v); !bytes.Equal(byFast, again) {
			t.Fatal("fast append of an equal value gave other bytes")
		}
		var native any
		if rest, err := third.Decode(byFast, &native); err != nil || len(rest) > 0 {
			t.Fatalf("third decode: %v, %d bytes left", err, len(rest))
		}

		used := values.Draw(t, "used")
		var byteless T
		for name, c := range map[string]struct {
			codec Codec[T]
			body  []byte
			into  *T
		}{
			"reference reads fast": {reference, byFast, new(T)},
			"fast reads reference": {fast, byReference, new(T)},
			"fast reads fast":      {fast, byFast, &byteless},
			"fast into a used one": {fast, byFast, &used},
		} {
			if err := c.codec.Decode(c.body, c.into); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(v, *c.into, equal, onlyNamed[T]()); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// onlyNamed compares of a fenced record the part that counts; the other one is
// left as it was.
func onlyNamed[T any]() cmp.Option {
	if _, ok := any(*new(T)).(interface{ named() any }); !ok {
		return cmp.Options{}
	}
	return cmp.Transformer("named", func(v T) any { return any(v).(interface{ named() any }).named() })
}

func (f Fenced[T]) named() any {
	if f.IsWatermark {
		return f.Watermark
	}
	return f.Value
}
