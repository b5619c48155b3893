package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

const rules = `
version: 1
events:
  order:
    names: [Order Completed, order_completed]
    properties:
      total: {type: number, required: true}
      currency: string
cohorts:
  - key: buyers
    when: {did: {event: order, within: 24h}}
`

// strictHouse holds events to the rules above.
func strictHouse(t *testing.T, mode string) *house {
	t.Helper()
	c, err := catalogue.Load("rules.yaml", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	h.taxonomy = taxonomy.New(c, mode)
	h.reopen(h.cfg)
	return h
}

const (
	untyped = `{"event":"order_completed","userId":"u","messageId":"m","timestamp":"2026-10-05T09:00:00Z","properties":{"currency":978}}`
	correct = `{"event":"Order Completed","userId":"u","properties":{"total":84.5,"currency":"EUR","more":[1]}}`
)

func TestTaxonomy_ModesSayWhatBecomesOfTheEvent(t *testing.T) {
	for mode, want := range map[string]struct{ events, kept, status int }{
		taxonomy.Off:    {1, 0, http.StatusOK},
		taxonomy.Warn:   {1, 0, http.StatusOK},
		taxonomy.Keep:   {1, 1, http.StatusOK},
		taxonomy.Refuse: {0, 1, http.StatusBadRequest},
	} {
		t.Run(mode, func(t *testing.T) {
			h := strictHouse(t, mode)
			h.send(t, http.MethodPost, "/v1/track", untyped, withKey, header("X-Strict-Mode", "1")).want(t, want.status)
			kept := h.kept(t)
			if n := len(h.log(t)); n != want.events || len(kept) != want.kept {
				t.Fatalf("got %d events and %d kept, want %+v", n, len(kept), want)
			}
			for _, q := range kept {
				const detail = "event order, property total: expected number, found nothing; event order, property currency: expected string, found number: " +
					"send it as the catalogue declares it, or change the catalogue"
				if q.Reason != normalise.ReasonTaxonomy || q.Detail != detail || string(q.Body) != untyped {
					t.Errorf("got %+v", q)
				}
			}
			h.send(t, http.MethodPost, "/v1/track", correct, withKey, header("X-Strict-Mode", "1")).success(t)
			if n := len(h.kept(t)); n != want.kept {
				t.Errorf("a right event: got %d kept, want %d", n, want.kept)
			}
		})
	}
}

// The event is in the log with what it said, and its copy besides, with one produce each.
func TestTaxonomy_CopyLeavesTheEventAsItIs(t *testing.T) {
	h := strictHouse(t, taxonomy.Keep)
	h.send(t, http.MethodPost, "/v1/track", untyped, withKey).success(t)
	if e := h.only(t); e.ID != "m" || e.Properties.Numbers["currency"] != 978 {
		t.Errorf("got %+v", e)
	}
}

// replayed sends a copy as docs/ingest.md says, later.
func (h *house) replayed(t *testing.T, q avrocodec.Quarantine) {
	t.Helper()
	body := string(q.Body)
	if strings.HasSuffix(q.Path, "/batch") {
		body = `{"batch":[` + body + `]}`
	}
	change := []func(*http.Request){withKey, header(replayHeader, "1")}
	if strings.HasPrefix(q.Path, "/api/") {
		change[0] = withTrack
	}
	for name, value := range q.Headers {
		change = append(change, header(name, value))
	}
	h.send(t, q.Method, q.Path, body, change...).success(t)
}

// Played again, a copy is the same event at the same time, however it was named: facts
// are told apart by time and id, so nobody buys twice.
func TestTaxonomy_CopyPlayedAgainDoesNotDouble(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		change     func(*http.Request)
	}{
		"id and time":              {"/v1/track", untyped, withKey},
		"neither id nor time":      {"/v1/track", `{"event":"order_completed","userId":"u"}`, withKey},
		"id without a time":        {"/v1/track", `{"event":"order_completed","userId":"u","messageId":"m"}`, withKey},
		"a stamp ahead":            {"/v1/track", `{"event":"order_completed","userId":"u","messageId":"m","timestamp":"2026-10-05T10:30:00Z"}`, withKey},
		"in a batch":               {"/v1/batch", `{"batch":[{"type":"identify","userId":"x"}, {"type":"track","event":"order_completed","userId":"u"}]}`, withKey},
		"track v1":                 {customerPath + "/events", `{"name":"order_completed"}`, withTrack},
		"track v2, in a batch":     {"/api/v2/batch", `{"batch":[{"type":"person","action":"event","identifiers":{"id":"u"},"name":"order_completed"}]}`, withTrack},
		"a wrong clock, corrected": {"/v1/batch", `{"sentAt":"2026-10-05T11:00:05Z","batch":[{"type":"track","event":"order_completed","userId":"u","messageId":"m","originalTimestamp":"2026-10-05T09:00:00Z"}]}`, withKey},
	} {
		t.Run(name, func(t *testing.T) {
			h := strictHouse(t, taxonomy.Keep)
			h.send(t, http.MethodPost, c.path, c.body, c.change).success(t)
			all := h.log(t)
			first, kept := all[len(all)-1], h.kept(t)
			if len(kept) != 1 {
				t.Fatalf("got %d kept", len(kept))
			}
			h.clock = h.clock.Add(3 * 24 * time.Hour)
			h.replayed(t, kept[0])
			again := h.log(t)[len(all):]
			if len(again) != 1 {
				t.Fatalf("got %d events", len(again))
			}
			want := first
			want.AcceptedAt, want.Replay, want.Clamped = h.clock.UnixMilli(), true, false
			if diff := cmp.Diff(want, again[0]); diff != "" {
				t.Errorf("(-first +again):\n%s", diff)
			}
			if kept := h.kept(t); len(kept) != 2 || kept[0].ID != kept[1].ID || cmp.Diff(kept[0].Headers, kept[1].Headers) != "" {
				t.Errorf("the copies differ: %+v", kept)
			}
		})
	}
}

// Only what says that it is a replay, and only one message, has its id and time from headers.
func TestPin_HoldsForOneMessageOfAReplay(t *testing.T) {
	pin := []func(*http.Request){withKey, header("X-Cohortflow-Event-Id", "first"), header("X-Cohortflow-Event-At", "1791190800000")}
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","messageId":"m"}`, pin...).success(t)
	h.send(t, http.MethodPost, "/v1/batch", `{"batch":[{"type":"track","event":"E","userId":"u","messageId":"m"},{"type":"track","event":"E","userId":"u","messageId":"n"}]}`,
		append(pin, header(replayHeader, "1"))...).success(t)
	for _, bad := range []string{"", "-1", "soon", "99999999999999999"} {
		h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u","messageId":"bad"}`, withKey, header(replayHeader, "1"),
			header("X-Cohortflow-Event-Id", "first"), header("X-Cohortflow-Event-At", bad)).success(t)
	}
	var ids []string
	for _, e := range h.log(t) {
		ids = append(ids, e.ID)
	}
	if diff := cmp.Diff([]string{"m", "first", "n", "bad", "bad", "bad", "bad"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// A line for each property at most once a minute, with the count; what is left at the end.
func TestTaxonomy_IsShownOnceAMinute(t *testing.T) {
	h := strictHouse(t, taxonomy.Warn)
	lines := func() []string {
		var list []string
		for l := range strings.SplitSeq(h.logged.String(), "\n") {
			if strings.Contains(l, "events break what the catalogue declares") {
				_, l, _ = strings.Cut(l, "event=")
				list = append(list, l)
			}
		}
		h.logged.Reset()
		return list
	}
	const one = `{"event":"order_completed","userId":"u"}`
	for range 3 {
		h.send(t, http.MethodPost, "/v1/track", one, withKey).success(t)
	}
	if diff := cmp.Diff([]string{"order property=total missing=1 of_another_type=0"}, lines()); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	h.clock = h.clock.Add(time.Minute)
	h.send(t, http.MethodPost, "/v1/track", strings.Replace(one, `"}`, `","properties":{"total":"84.50"}}`, 1), withKey).success(t)
	if diff := cmp.Diff([]string{"order property=total missing=2 of_another_type=1"}, lines()); diff != "" {
		t.Errorf("a minute later (-want +got):\n%s", diff)
	}
	h.send(t, http.MethodPost, "/v1/track", one, withKey).success(t)
	h.taxonomy.Flush(h.cfg.Log, h.clock.UnixMilli())
	if diff := cmp.Diff([]string{"order property=total missing=1 of_another_type=0"}, lines()); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}
