package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// seeds are bodies of every surface: each target learns from the others' too.
func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		``, `null`, `{}`, `[]`, `{"batch":[]}`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`, opened, mixedBatch, padded(100),
		`{"event":"E","userId":48213,"timestamp":1791190800000,"properties":{"n":1e400,"big":12345678901234567890,"s":"\ud83d","d":{"x":[null]}}}`,
		`{"type":"identify","userId":"","traits":{"email":" a@example.com ","unsubscribed":"TRUE","cio_subscription_preferences":"{\"topics\":{\"topic_1\":true}}"}}`,
		`{"batch":[{"type":"track","event":"Report Delivery Event","anonymousId":"d","properties":{"deliveryId":"d","metric":"opened"}}],"sentAt":"2026-10-05T09:00:00Z","context":{"traits":{"email":"a@example.com"}}}`,
		`{"name":"E","id":"x","timestamp":"1791190800","data":{"recipient":"a@example.com"},"anonymous_id":null}`,
		`{"device":{"id":"d","platform":"ios","last_used":"1","attributes":null}}`,
		`{"primary":{"id":"a"},"secondary":{"cio_id":"cio_b"}}`, `{"ids":["a","",7,null]}`, `{"delivery_id":"d","metric":"opened","recipient":"a@example.com"}`,
		`{"type":"person","action":"event","identifiers":{"email":"a@example.com"},"name":"E","attributes":{"x":1}}`,
		`{"batch":[{"type":"object","action":"identify","identifiers":{"object_id":"o"},"cio_relationships":[{"identifiers":{"id":"u"}},{"identifiers":{}}]},{"type":"delivery","action":"event","identifiers":{"id":"d"},"name":"opened"}]}`,
		`{"metric":"cio_subscription_preferences_changed","object_type_type":"email","timestamp":1.5,"data":{"customer_id":"","identifiers":{"id":null,"cio_id":"c"},"content":"{\"topics\":{}}"}}`,
	} {
		f.Add([]byte(s))
	}
}

// empty forgets what was written: a house costs more than a request.
func (h *house) empty() {
	for _, l := range []*log{&h.events, &h.quarantine} {
		l.mu.Lock()
		l.records, l.calls = nil, 0
		l.mu.Unlock()
	}
}

// sound checks what holds of every request, whatever it said.
func (h *house) sound(t *testing.T, got reply, statuses ...int) (events []event.Event, kept int) {
	t.Helper()
	ok := false
	for _, s := range statuses {
		ok = ok || s == got.status
	}
	if !ok {
		t.Fatalf("got %d %s, want one of %v", got.status, got.body, statuses)
	}
	if !json.Valid([]byte(got.body)) {
		t.Fatalf("the answer is no JSON: %q", got.body)
	}
	events = h.log(t)
	for _, e := range events {
		if e.ID == "" || e.Kind == event.KindUnknown || e.EventAt > e.AcceptedAt || e.EventAt < 0 || !utf8.ValidString(e.Person+e.ID+e.Name+e.IDs.Email) {
			t.Fatalf("got event %+v", e)
		}
	}
	for _, q := range h.kept(t) {
		if q.Reason == normalise.ReasonInternal {
			t.Fatalf("a defect: %s on %q", q.Detail, q.Body)
		}
		if q.Reason == "" || q.ID == "" {
			t.Fatalf("got quarantine %+v", q)
		}
		kept++
	}
	return events, kept
}

func FuzzReporting(f *testing.F) {
	seeds(f)
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		h.empty()
		got := h.report(t, string(body))
		if len(body) > hardFactor*maxWebhook {
			return
		}
		// Signed is signed: never refused, and never lost.
		if events, kept := h.sound(t, got, http.StatusOK); len(events)+kept != 1 {
			t.Fatalf("got %d events and %d in quarantine, want one of them", len(events), kept)
		}
	})
}

func FuzzPipelines(f *testing.F) {
	seeds(f)
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/v1/batch", "/v1/track", "/v1/identify", "/v1/alias"} {
			h.empty()
			events, kept := h.sound(t, h.send(t, http.MethodPost, path, string(body), withKey), http.StatusOK, http.StatusRequestEntityTooLarge)
			if path != "/v1/batch" && len(body) <= maxBody && len(events)+kept != 1 {
				t.Fatalf("%s: got %d events and %d in quarantine, want one of them", path, len(events), kept)
			}
			h.empty()
			repeat, _ := h.sound(t, h.send(t, http.MethodPost, path, string(body), withKey), http.StatusOK, http.StatusRequestEntityTooLarge)
			for i := range events {
				if len(repeat) != len(events) || repeat[i].ID != events[i].ID || repeat[i].Person != events[i].Person {
					t.Fatalf("%s: the repeat differs: %+v, %+v", path, events, repeat)
				}
			}
		}
		h.empty()
		h.sound(t, h.send(t, http.MethodPost, "/v1/webhooks/pipelines", string(body), header("Authorization", token)), http.StatusOK, http.StatusRequestEntityTooLarge)
		h.empty() // nobody's
		if events, kept := h.sound(t, h.send(t, http.MethodPost, "/v1/b", strings.ReplaceAll(string(body), writeKey, "x")), http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge); len(events)+kept != 0 {
			t.Fatal("something of a stranger was written")
		}
	})
}

func FuzzTrackV1(f *testing.F) {
	seeds(f)
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range [][2]string{
			{http.MethodPut, customerPath},
			{http.MethodPost, customerPath + "/events"},
			{http.MethodPut, customerPath + "/devices"},
			{http.MethodPost, "/api/v1/events"},
			{http.MethodPost, "/api/v1/merge_customers"},
			{http.MethodPost, "/api/v1/metrics"},
			{http.MethodPost, "/push/events"},
			{http.MethodPost, "/api/v1/segments/7/add_customers"},
		} {
			h.empty()
			got := h.send(t, c[0], c[1], string(body), withTrack)
			events, kept := h.sound(t, got, http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
			if len(body) <= maxBody && len(events)+kept == 0 {
				t.Fatalf("%v: answered %d, and nothing was kept", c, got.status)
			}
		}
	})
}

func FuzzTrackV2(f *testing.F) {
	seeds(f)
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		h.empty()
		h.sound(t, h.send(t, http.MethodPost, "/api/v2/entity", string(body), withTrack), http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
		h.empty()
		got := h.send(t, http.MethodPost, "/api/v2/batch", string(body), withTrack)
		if _, kept := h.sound(t, got, http.StatusOK, http.StatusMultiStatus, http.StatusBadRequest, http.StatusRequestEntityTooLarge); got.status == http.StatusMultiStatus && kept == 0 {
			t.Fatalf("answered 207 and kept nothing: %s", got.body)
		}
	})
}

func FuzzSignature(f *testing.F) {
	f.Add("1791190875", "99b05a94b0d5ca078cf922d946c826951503ca61a6be061b4936401bc7bbe00b", []byte(opened))
	f.Add("", "", []byte{})
	f.Add("-1", "v0=00", []byte("{}"))
	f.Add("99999999999999999999", strings.Repeat("f", 64), []byte("x"))
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, stamp, signature string, body []byte) {
		if strings.ContainsAny(stamp+signature, "\r\n") || len(body) > maxWebhook {
			return
		}
		h.empty()
		got := h.send(t, http.MethodPost, reportingPath, string(body), func(r *http.Request) {
			r.Header["X-Cio-Timestamp"], r.Header["X-Cio-Signature"] = []string{stamp}, []string{signature}
		})
		want := http.StatusUnauthorized
		if signature == sha256Of(signingKey, stamp, body) || signature == sha256Of(olderKey, stamp, body) {
			want = http.StatusOK
		}
		if events, kept := h.sound(t, got, want); (len(events)+kept == 1) != (want == http.StatusOK) {
			t.Fatalf("answered %d, with %d events and %d in quarantine", got.status, len(events), kept)
		}
		// The same bytes signed rightly are taken, whatever the time says.
		right := h.send(t, http.MethodPost, reportingPath, string(body), func(r *http.Request) {
			r.Header["X-Cio-Timestamp"], r.Header["X-Cio-Signature"] = []string{stamp}, []string{sha256Of(signingKey, stamp, body)}
		})
		h.sound(t, right, http.StatusOK)
	})
}
