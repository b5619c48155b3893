package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// samplesDir finds the samples that lie beside the repository, where they lie at all.
func samplesDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("no go.work above the test: run it inside the repository")
		}
		dir = parent
	}
	samples := filepath.Join(dir, "..", "shared", "facts", "customerio-samples")
	if _, err := os.Stat(filepath.Join(samples, "00-index.json")); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("the samples of Customer.io's bodies are missing, and CI=true: %v", err)
		}
		tb.Skip("the samples of Customer.io's bodies do not lie beside the repository")
	}
	return samples
}

type sample struct {
	File, Direction, Method, Path string
	Headers                       map[string]string
}

// expected is what a sample has to become. A text "@a/b" stands for what lies at that
// path of the sample, "inside @a/b" for the JSON that is text there.
type expected struct {
	Quarantine []string
	Events     []struct {
		Kind, Name, ID, At string
		CustomerID         string `json:"customer_id"`
		Email              string
		AnonymousID        string `json:"anonymous_id"`
		CioID              string `json:"cio_id"`
		OtherCustomerID    string `json:"other_customer_id"`
		OtherEmail         string `json:"other_email"`
		OtherCioID         string `json:"other_cio_id"`
		Properties         map[string][2]any
	}
}

func readJSON(tb testing.TB, path string, into any) {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

// TestSamples_BecomeTheirEvents: every sample that somebody sends us, with the headers
// that its sender sets, gives 200 {} and exactly the events that it means.
func TestSamples_BecomeTheirEvents(t *testing.T) {
	dir := samplesDir(t)
	var index struct{ Samples []sample }
	readJSON(t, filepath.Join(dir, "00-index.json"), &index)
	want := map[string]expected{}
	readJSON(t, filepath.Join("testdata", "expected.json"), &want)
	left := maps.Clone(want)
	for _, s := range index.Samples {
		if s.Direction != "in" {
			continue
		}
		t.Run(s.File, func(t *testing.T) {
			w, ok := want[s.File]
			if !ok {
				t.Fatal("testdata/expected.json does not say what this sample becomes")
			}
			body, err := os.ReadFile(filepath.Join(dir, s.File))
			if err != nil {
				t.Fatal(err)
			}
			h := newHouse(t)
			path, change, body := s.request(t, body)
			h.send(t, s.Method, path, string(body), change...).success(t)
			h.compare(t, w, body, path)
		})
		delete(left, s.File)
	}
	if len(left) > 0 {
		t.Errorf("expected outcomes without a sample: %q", slices.Sorted(maps.Keys(left)))
	}
}

// request sends the sample where it belongs here, with our keys.
func (s sample) request(tb testing.TB, body []byte) (path string, change []func(*http.Request), sent []byte) {
	tb.Helper()
	path = s.Path
	for name, value := range s.Headers {
		if !strings.Contains(value, "<") {
			change = append(change, header(name, value))
		}
	}
	authorization := s.Headers["Authorization"]
	switch {
	case s.Headers["X-CIO-Signature"] != "":
		path = "/v1/webhooks/customerio"
		change = append(change, signed(signingKey, now(), body))
	case strings.HasPrefix(path, "/<") && s.Headers["X-Signature"] != "":
		path = "/v1/webhooks/pipelines"
		change = append(change, header("X-Signature", sha1Of(sharedSecret, body)))
	case strings.HasPrefix(path, "/<"): // a batch comes unsigned
		path = "/v1/webhooks/pipelines"
		change = append(change, header("Authorization", "Bearer "+token))
	case strings.Contains(authorization, "write key"):
		change = append(change, withKey)
	case authorization != "":
		change = append(change, withTrack)
	case strings.HasPrefix(path, "/v1/"): // the key stands in the body
		var content map[string]any
		if err := json.Unmarshal(body, &content); err != nil {
			tb.Fatal(err)
		}
		known, _ := content["writeKey"].(string)
		body = []byte(strings.Replace(string(body), strconv.Quote(known), strconv.Quote(writeKey), 1))
	}
	return path, change, body
}

func (h *house) compare(t *testing.T, w expected, body []byte, path string) {
	t.Helper()
	var reasons []string
	for _, q := range h.kept(t) {
		reasons = append(reasons, q.Reason)
	}
	if diff := cmp.Diff(w.Quarantine, reasons); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
	var content any
	if err := json.Unmarshal(body, &content); err != nil {
		t.Fatal(err)
	}
	got := h.log(t)
	if len(got) != len(w.Events) {
		t.Fatalf("got %d events, want %d", len(got), len(w.Events))
	}
	at := func(text string) any { return lookup(t, content, text) }
	text := func(s string) string {
		if s == "path" {
			_, rest, _ := strings.Cut(path, "/customers/")
			id, _, _ := strings.Cut(rest, "/")
			return strings.ReplaceAll(id, "%40", "@")
		}
		v, _ := at(s).(string)
		return v
	}
	for i, e := range w.Events {
		want := event.Event{
			Kind: event.ParseKind(e.Kind), Source: sourceOf(path), Workspace: "main", Name: text(e.Name), AcceptedAt: now().UnixMilli(),
			IDs:        event.Identifiers{CustomerID: text(e.CustomerID), Email: text(e.Email), AnonymousID: text(e.AnonymousID), CioID: text(e.CioID)},
			Other:      event.Identifiers{CustomerID: text(e.OtherCustomerID), Email: text(e.OtherEmail), CioID: text(e.OtherCioID)},
			Properties: properties(t, content, e.Properties),
		}
		switch unit, at, _ := strings.Cut(e.At, " "); unit {
		case "seconds":
			want.EventAt = int64(lookup(t, content, at).(float64)) * 1000
		case "iso":
			parsed, err := time.Parse(time.RFC3339Nano, text(at))
			if err != nil {
				t.Fatal(err)
			}
			want.EventAt = parsed.UnixMilli()
		default:
			want.EventAt = want.AcceptedAt
		}
		ids := want.IDs
		if want.Kind == event.KindMerge { // it is filed under who vanishes
			ids = want.Other
			normalise.PutText(&want.Properties, event.PropertyInto, want.IDs.CustomerID)
		}
		switch {
		case ids.CustomerID != "":
			want.Person = ids.CustomerID
		case ids.Email != "":
			want.Person = h.cfg.Keys.EmailKey(ids.Email)
		case ids.AnonymousID != "":
			want.Person = ids.AnonymousID
		default:
			want.Person = "cio_" + ids.CioID
		}
		if want.ID = text(e.ID); e.ID == "derived" {
			size := 68
			if want.Kind == event.KindErase || want.Kind == event.KindUnerase {
				size = 36 // under a key
			}
			if want.ID = got[i].ID; !strings.HasPrefix(got[i].ID, "raw_") || len(got[i].ID) != size {
				t.Errorf("event %d: got id %q, want one that is derived", i, got[i].ID)
			}
		}
		for name, nested := range got[i].Properties.Nested { // the order of keys says nothing
			var v any
			if err := json.Unmarshal([]byte(nested), &v); err != nil {
				t.Errorf("event %d: %s is no JSON: %v", i, name, err)
			}
			canonical, _ := json.Marshal(v)
			got[i].Properties.Nested[name] = string(canonical)
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
	}
}

func sourceOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/v1/webhooks/customerio"):
		return event.SourceReporting
	case strings.HasPrefix(path, "/v1/webhooks/pipelines"):
		return event.SourceDestination
	case strings.HasPrefix(path, "/api/v2/"):
		return event.SourceTrackV2
	case strings.HasPrefix(path, "/api/v1/"):
		return event.SourceTrackV1
	}
	return event.SourcePipelines
}

// lookup resolves "@a/b" and "inside @a/b"; any other text stands for itself.
func lookup(tb testing.TB, content any, text string) any {
	tb.Helper()
	path, ok := strings.CutPrefix(text, "@")
	if !ok {
		inner, inside := strings.CutPrefix(text, "inside @")
		if !inside {
			return text
		}
		var v any
		if err := json.Unmarshal([]byte(lookup(tb, content, "@"+inner).(string)), &v); err != nil {
			tb.Fatal(err)
		}
		return v
	}
	for part := range strings.SplitSeq(path, "/") {
		switch c := content.(type) {
		case map[string]any:
			v, ok := c[part]
			if !ok {
				tb.Fatalf("the sample has nothing at %s", text)
			}
			content = v
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(c) {
				tb.Fatalf("the sample has nothing at %s", text)
			}
			content = c[i]
		default:
			tb.Fatalf("the sample has nothing at %s", text)
		}
	}
	return content
}

func properties(tb testing.TB, content any, want map[string][2]any) event.Properties {
	tb.Helper()
	var p event.Properties
	put := func(name string, kind, v any) {
		switch kind {
		case "string":
			if p.Strings == nil {
				p.Strings = map[string]string{}
			}
			p.Strings[name] = v.(string)
		case "number":
			if p.Numbers == nil {
				p.Numbers = map[string]float64{}
			}
			p.Numbers[name] = v.(float64)
		case "boolean":
			if p.Booleans == nil {
				p.Booleans = map[string]bool{}
			}
			p.Booleans[name] = v.(bool)
		case "json":
			text, err := json.Marshal(v)
			if err != nil {
				tb.Fatal(err)
			}
			if p.Nested == nil {
				p.Nested = map[string]string{}
			}
			p.Nested[name] = string(text)
		default:
			tb.Fatalf("%s: %v is no type of a property", name, kind)
		}
	}
	for name, w := range want {
		v := w[1]
		if text, ok := v.(string); ok {
			v = lookup(tb, content, text)
		}
		put(name, w[0], v)
	}
	return p
}
