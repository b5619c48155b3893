package recording_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/recording"
)

// at is 2026-11-27T08:00:00.000Z.
const at = int64(1_795_766_400_000)

func read(t *testing.T, name, text string, o recording.Options) ([]event.Event, error) {
	t.Helper()
	var all []event.Event
	err := recording.Read(name, strings.NewReader(text), o, func(e *event.Event) error {
		kept := *e
		all = append(all, kept)
		return nil
	})
	return all, err
}

var everything = recording.Options{Properties: true, EmailKey: func(email string) string { return "key of " + email }}

func TestRead_CSVWithTypedColumns(t *testing.T) {
	got, err := read(t, "x.csv", "\ufeffuser_id,event_id,price,event_time,event_name,product_id,total:number,gift:boolean\n"+
		"ada,o1,9.99,2026-11-27T09:00:00+01:00,Order Completed,007,100,true\n"+
		",,,2026-11-27T08:00:00.0000000000Z,\"a,b\",,,\n", everything)
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Event{
		{
			Kind: event.KindTrack, Source: event.SourcePipelines, ID: "o1", Name: "Order Completed", EventAt: at, AcceptedAt: at, Person: "ada",
			IDs: event.Identifiers{CustomerID: "ada"},
			Properties: event.Properties{
				Strings: map[string]string{"product_id": "007"}, Numbers: map[string]float64{"price": 9.99, "total": 100}, Booleans: map[string]bool{"gift": true},
			},
		},
		{Kind: event.KindTrack, Source: event.SourcePipelines, Name: "a,b", EventAt: at, AcceptedAt: at},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// One and the same order in every form.
func TestRead_NDJSONForms(t *testing.T) {
	want := event.Event{
		Kind: event.KindTrack, Source: event.SourcePipelines, ID: "o1", Name: "Order Completed", EventAt: at, AcceptedAt: at, Person: "ada",
		IDs: event.Identifiers{CustomerID: "ada"},
		Properties: event.Properties{
			Strings: map[string]string{"currency": "EUR"}, Numbers: map[string]float64{"total": 99.5}, Booleans: map[string]bool{"gift": false},
			Nested: map[string]string{"items": `[1,2]`},
		},
	}
	for name, line := range map[string]string{
		"normalised": `{"kind":"track","source":"pipelines","event_id":"o1","name":"Order Completed","event_at":"2026-11-27T08:00:00Z","customer_id":"ada","email":null,` +
			`"strings":{"currency":"EUR"},"numbers":{"total":99.5},"booleans":{"gift":false},"nested":{"items":"[1,2]"},"later":{"field":1}}`,
		"as Avro writes JSON": `{"kind":"track","event_id":"o1","name":{"string":"Order Completed"},"event_at":1795766400000,"accepted_at":1795766400001,"customer_id":{"string":"ada"},"replay":false,` +
			`"strings":{"currency":"EUR"},"numbers":{"total":99.5},"booleans":{"gift":false},"nested":{"items":"[1,2]"}}`,
		"a call": ` {"type":"track","userId":"ada","messageId":"o1","event":"Order Completed","timestamp":"2026-11-27T08:00:00.000Z",` +
			`"properties":{"currency":"EUR","total":99.5,"gift":false,"items":[1, 2]},"context":{"ip":"::1"}}`,
		"a batch": `{"sentAt":"2026-11-27T08:00:01Z","batch":[{"type":"track","userId":"ada","messageId":"o1","event":"Order Completed","originalTimestamp":1795766400000,` +
			`"properties":{"currency":"EUR","total":99.5,"gift":false,"items":[ 1,2 ]}}]}`,
	} {
		got, err := read(t, "x.ndjson", "\n"+line+"\n\n", everything)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]event.Event{want}, got, cmp.Transformer("accepted", func(e event.Event) event.Event { e.AcceptedAt = e.EventAt; return e })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A normalised event may say that it was accepted late, or is history told again: guardrails ask.
func TestRead_LateAndReplayed(t *testing.T) {
	got, err := read(t, "x.ndjson", `{"kind":"track","event_id":"o1","name":"order","event_at":1000,"accepted_at":90000,"customer_id":"ada","replay":true}
{"kind":"track","event_id":"o2","name":"order","event_at":1000,"accepted_at":10,"customer_id":"ada"}`, everything)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].AcceptedAt != 90_000 || !got[0].Replay || got[1].AcceptedAt != 1_000 || got[1].Replay {
		t.Errorf("got %+v", got)
	}
	if _, err := read(t, "x.ndjson", `{"kind":"track","name":"order","event_at":1000,"customer_id":"ada","replay":"yes"}`, everything); err == nil {
		t.Error("a replay flag that is no truth value was taken")
	}
}

func TestRead_PeopleByEmailAndConsent(t *testing.T) {
	text := `{"type":"identify","anonymousId":"anon","timestamp":1,"traits":{"email":" Ada@Example.com ","unsubscribed":"1","plan":"pro","gone":null,"cio_subscription_preferences":"{\"topics\":{\"topic_7\":true}}"}}
{"type":"page","anonymousId":"anon","name":"Home","category":"shop","timestamp":2,"context":{"traits":{"email":"ada@example.com"}}}
{"type":"screen","anonymousId":"anon","timestamp":3}
{"kind":"tick","event_at":4}`
	got, err := read(t, "x.jsonl", text, everything)
	if err != nil {
		t.Fatal(err)
	}
	source := event.SourcePipelines
	want := []event.Event{
		{
			Kind: event.KindIdentify, Source: source, EventAt: 1, AcceptedAt: 1, Person: "key of Ada@Example.com",
			IDs: event.Identifiers{AnonymousID: "anon", Email: "Ada@Example.com"},
			Properties: event.Properties{
				Strings:  map[string]string{"plan": "pro", "cio_subscription_preferences": `{"topics":{"topic_7":true}}`},
				Booleans: map[string]bool{"unsubscribed": true, "cio_subscription_preferences.topics.topic_7": true},
				Nested:   map[string]string{"gone": "null"},
			},
		},
		{
			Kind: event.KindPage, Source: source, Name: "Home", EventAt: 2, AcceptedAt: 2, Person: "key of ada@example.com",
			IDs: event.Identifiers{AnonymousID: "anon", Email: "ada@example.com"}, Properties: event.Properties{Strings: map[string]string{"category": "shop"}},
		},
		{Kind: event.KindScreen, Source: source, EventAt: 3, AcceptedAt: 3, Person: "anon", IDs: event.Identifiers{AnonymousID: "anon"}},
		{Kind: event.KindTick, Source: source, EventAt: 4, AcceptedAt: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	got, err = read(t, "x.jsonl", text, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Person != "" || got[0].IDs.Email == "" || got[2].Person != "anon" {
		t.Errorf("without keys for emails: got people %q and %q, want nobody and anon", got[0].Person, got[2].Person)
	}
}

// Packed or not is seen, whatever the name says.
func TestRead_PackedFiles(t *testing.T) {
	const text = "event_time,user_id,event_name\n2026-11-27T08:00:00.000Z,ada,x\n"
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.csv", "x.csv.gz"} {
		for _, content := range []string{text, packed.String()} {
			if got, err := read(t, name, content, recording.Options{}); err != nil || len(got) != 1 {
				t.Errorf("%s: got %d events and %v, want 1", name, len(got), err)
			}
		}
	}
	if _, err := read(t, "x.csv.gz", packed.String()[:packed.Len()-4], recording.Options{}); err == nil {
		t.Error("a file that was cut off: got no error")
	}
	if err := recording.CheckName("x.parquet"); !errors.Is(err, recording.ErrFormat) {
		t.Errorf("got %v, want that the format is not known", err)
	}
}

// Lines beyond the reader's memory are read, and those beyond any reason refused.
func TestRead_LongLines(t *testing.T) {
	line := func(length int) string {
		return `{"kind":"track","event_at":1,"name":"x","person":"p","strings":{"a":"` + strings.Repeat("a", length) + `"}}` + "\n"
	}
	got, err := read(t, "x.ndjson", line(1<<20)+line(1)+line(100_000), everything)
	if err != nil || len(got) != 3 || len(got[0].Properties.Strings["a"]) != 1<<20 {
		t.Errorf("got %d events and %v, want 3", len(got), err)
	}
	if _, err := read(t, "x.ndjson", line(1)+line(9<<20), everything); err == nil || !strings.HasPrefix(err.Error(), "x.ndjson:2:1: the line is longer") {
		t.Errorf("got %v, want that line 2 is too long", err)
	}
}

// Every error has its place and a remedy. UPDATE=1 writes the files anew.
func TestRead_FaultsNamePlaceAndRemedy(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.*son")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("testdata/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	if inputs = append(inputs, more...); len(inputs) < 15 {
		t.Fatalf("only %d inputs are there", len(inputs))
	}
	var got strings.Builder
	for _, path := range inputs {
		err := recording.ReadFile(path, everything, func(*event.Event) error { return nil })
		if _, ok := errors.AsType[*recording.Error](err); !ok {
			t.Errorf("%s: got %v, want a recording.Error", path, err)
			continue
		}
		got.WriteString(filepath.ToSlash(err.Error()) + "\n")
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/faults.txt", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("event_time,user_id,event_name\n2026-11-27T08:00:00.000Z,ada,x\n", true)
	f.Add(`{"kind":"track","event_at":1,"strings":{"a":"b"},"name":{"string":"x"}}`, false)
	f.Add(`{"batch":[{"type":"identify","timestamp":1,"traits":{"cio_subscription_preferences":{"a":{"b":true}}}}]}`, false)
	f.Fuzz(func(t *testing.T, text string, table bool) {
		name := "x.ndjson"
		if table {
			name = "x.csv"
		}
		_, err := read(t, name, text, everything)
		if fault, ok := errors.AsType[*recording.Error](err); ok && (fault.Line < 1 || fault.Column < 1) {
			t.Errorf("the fault has no place: %v", fault)
		}
	})
}
