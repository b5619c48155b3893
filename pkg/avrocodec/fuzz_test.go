package avrocodec

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

func FuzzDecodeEvent(f *testing.F) {
	reference, err := ReferenceEvent()
	if err != nil {
		f.Fatal(err)
	}
	seed(f, "customerio.events.v1")
	f.Fuzz(func(t *testing.T, b []byte) {
		var head, full event.Event
		headErr := DecodeEventHead(b, &head)
		if err := DecodeEvent(b, &full); err == nil {
			if headErr != nil {
				t.Fatalf("the whole decodes and the head does not: %v", headErr)
			}
			full.Properties = event.Properties{}
			if diff := cmp.Diff(full, head, equal); diff != "" {
				t.Fatalf("head (-whole +head):\n%s", diff)
			}
		}
		agreeOn(t, b, FastEvent(), reference)
	})
}

func FuzzDecodeTransition(f *testing.F) {
	reference, err := ReferenceTransition()
	if err != nil {
		f.Fatal(err)
	}
	seed(f, "cohort.transitions.v1")
	f.Fuzz(func(t *testing.T, b []byte) {
		var v cohort.Transition
		var w cohort.Watermark
		op, err := DecodeTransition(b, &v, &w)
		if opOnly, errOnly := DecodeTransition(b, &v, nil); op != opOnly || (err == nil) != (errOnly == nil) {
			t.Fatalf("without a watermark: got %v %v, want %v %v", opOnly, errOnly, op, err)
		}
		agreeOn(t, b, FastTransition(), reference)
	})
}

func FuzzDecodeProfile(f *testing.F) {
	reference, err := ReferenceProfile()
	if err != nil {
		f.Fatal(err)
	}
	seed(f, "cohort.profiles.v1")
	f.Fuzz(func(t *testing.T, b []byte) { agreeOn(t, b, FastProfile(), reference) })
}

func FuzzDecodeSuppression(f *testing.F) {
	reference, err := ReferenceSuppression()
	if err != nil {
		f.Fatal(err)
	}
	seed(f, "ads.suppression.v1")
	f.Fuzz(func(t *testing.T, b []byte) { agreeOn(t, b, FastSuppression(), reference) })
}

func seed(f *testing.F, topic string) {
	f.Helper()
	for _, b := range goldenRecords(f, topic) {
		f.Add(b)
	}
}

// agreeOn takes arbitrary bytes. Where both codecs read them, they read the same;
// what the fast one reads, it writes so that both read the same again. The codecs
// may differ on what they refuse: goavro takes longer numbers and no key twice.
func agreeOn[T any](t *testing.T, b []byte, fast, reference Codec[T]) {
	t.Helper()
	if len(b) < headerLen {
		return
	}
	body := b[headerLen:]
	var got T
	if fast.Decode(body, &got) != nil {
		return
	}
	var other T
	if reference.Decode(body, &other) == nil {
		if diff := cmp.Diff(other, got, equal, onlyNamed[T]()); diff != "" {
			t.Fatalf("of the same bytes (-reference +fast):\n%s", diff)
		}
	}
	written, err := fast.Append(nil, &got)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Codec[T]{"fast": fast, "reference": reference} {
		var again T
		if err := c.Decode(written, &again); err != nil {
			t.Fatalf("%s does not read what fast wrote: %v", name, err)
		}
		if diff := cmp.Diff(got, again, equal, onlyNamed[T]()); diff != "" {
			t.Fatalf("%s, of what fast wrote (-want +got):\n%s", name, diff)
		}
	}
	if twice, _ := fast.Append(nil, &got); !bytes.Equal(written, twice) {
		t.Fatal("equal values, other bytes")
	}
}
