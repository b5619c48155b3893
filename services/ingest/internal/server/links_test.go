package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
)

// told is a link record without what it has from its message.
type told struct{ Name, Weaker, Into string }

func toldOf(events []event.Event) (list []told) {
	for _, e := range events {
		list = append(list, told{e.Name, e.Person, e.Properties.Strings[event.PropertyInto]})
	}
	return list
}

func TestLinks_EveryWeakerKeyOfAMessageIsTold(t *testing.T) {
	h := newHouse(t)
	email := h.cfg.Keys.EmailKey("a@example.com")
	other := h.cfg.Keys.EmailKey("b@example.com")
	const stamp = `"timestamp":1791190800`
	pipelines := func(path, body string) func(*house) reply {
		return func(h *house) reply { return h.send(t, http.MethodPost, path, body, withKey) }
	}
	track := func(method, path, body string) func(*house) reply {
		return func(h *house) reply { return h.send(t, method, path, body, withTrack) }
	}
	for name, c := range map[string]struct {
		send func(*house) reply
		want []told
	}{
		"pipelines identify": {
			pipelines("/v1/identify", `{"userId":"u","anonymousId":"anon","traits":{"email":" A@Example.com ","phone":"+15550100"}}`),
			[]told{{event.NameRelink, email, "u"}, {event.NameLink, "anon", "u"}},
		},
		"pipelines track, email from the context": {
			pipelines("/v1/track", `{"event":"E","anonymousId":"anon","context":{"traits":{"email":"a@example.com"}}}`),
			[]told{{event.NameLink, "anon", email}},
		},
		"pipelines, customer id alone":  {pipelines("/v1/track", `{"event":"E","userId":"u"}`), nil},
		"pipelines, anonymous id alone": {pipelines("/v1/track", `{"event":"E","anonymousId":"anon"}`), nil},
		"pipelines, both ids the same":  {pipelines("/v1/track", `{"event":"E","userId":"u","anonymousId":"u"}`), nil},
		"pipelines, an email as customer id": {
			pipelines("/v1/identify", `{"userId":"a@example.com","anonymousId":"anon","traits":{"email":"A@EXAMPLE.com"}}`),
			[]told{{event.NameLink, "anon", email}},
		},
		"pipelines, an email as customer id and another one": {
			pipelines("/v1/identify", `{"userId":"a@example.com","traits":{"email":"b@example.com"}}`),
			[]told{{event.NameRelink, other, email}},
		},
		"destination": {
			func(h *house) reply {
				return h.send(t, http.MethodPost, "/v1/webhooks/pipelines", `[{"type":"track","event":"E","userId":"u","anonymousId":"anon"}]`, header("Authorization", token))
			},
			[]told{{event.NameLink, "anon", "u"}},
		},
		"reporting": {
			func(h *house) reply {
				return h.report(t, `{"event_id":"e","object_type":"email","metric":"opened",`+stamp+`,"data":{"identifiers":{"id":"u","email":"a@example.com","cio_id":"c0ffee"}}}`)
			},
			[]told{{event.NameRelink, email, "u"}, {event.NameLink, "cio_c0ffee", "u"}},
		},
		"reporting, guest": {
			func(h *house) reply {
				return h.report(t, `{"event_id":"e","object_type":"email","metric":"opened",`+stamp+`,"data":{"identifiers":{"email":"a@example.com","cio_id":"c0ffee"}}}`)
			},
			[]told{{event.NameLink, "cio_c0ffee", email}},
		},
		"track v1 identify": {
			track(http.MethodPut, customerPath, `{"email":"a@example.com","anonymous_id":"anon","cio_id":"cio_c0ffee"}`),
			[]told{{event.NameRelink, email, "u_1"}, {event.NameLink, "anon", "u_1"}, {event.NameLink, "cio_c0ffee", "u_1"}},
		},
		"track v1 identify by email": {
			track(http.MethodPut, "/api/v1/customers/a%40example.com", `{"id":"u","anonymous_id":"anon"}`),
			[]told{{event.NameRelink, email, "u"}, {event.NameLink, "anon", "u"}},
		},
		"track v1 event": {
			track(http.MethodPost, customerPath+"/events", `{"name":"E","anonymous_id":"anon"}`),
			[]told{{event.NameLink, "anon", "u_1"}},
		},
		"track v2": {
			track(http.MethodPost, "/api/v2/entity", `{"type":"person","action":"identify","identifiers":{"id":"u","cio_id":"c0ffee"},"attributes":{"email":"a@example.com"}}`),
			[]told{{event.NameRelink, email, "u"}, {event.NameLink, "cio_c0ffee", "u"}},
		},
		"track v2, a phone is no key": {
			track(http.MethodPost, "/api/v2/entity", `{"type":"person","action":"event","name":"E","identifiers":{"id":"u","phone":"+15550100"}}`), nil,
		},
		"erasing binds nothing": {
			track(http.MethodPost, "/api/v2/entity", `{"type":"person","action":"delete","identifiers":{"id":"u","email":"a@example.com"}}`), nil,
		},
		"unsuppressing neither": {
			track(http.MethodPost, "/api/v2/entity", `{"type":"person","action":"unsuppress","identifiers":{"id":"u","email":"a@example.com"}}`), nil,
		},
		"merge": {
			track(http.MethodPost, "/api/v1/merge_customers", `{"primary":{"id":"u","email":"a@example.com"},"secondary":{"id":"v","email":"b@example.com"}}`),
			[]told{{event.NameRelink, email, "u"}, {event.NameRelink, other, "u"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.send(h).success(t)
			if diff := cmp.Diff(c.want, toldOf(h.links(t))); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
			if _, calls := h.events.taken(); calls != 1 {
				t.Errorf("got %d produces, want one for events and links", calls)
			}
		})
	}
}

// A link has the times and the identifiers of its message and none of its properties.
func TestLinks_RecordSaysOfTheMessageWhoAndWhen(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/identify", `{"userId":"u","anonymousId":"anon","messageId":"m","timestamp":"2026-10-05T09:00:00Z","traits":{"email":"a@example.com","plan":"pro"}}`, withKey, header(replayHeader, "1")).success(t)
	of := h.only(t)
	for _, got := range h.links(t) {
		want := of
		want.Kind, want.Name, want.Person, want.ID = event.KindMerge, got.Name, got.Person, got.ID
		want.Properties = event.Properties{Strings: map[string]string{event.PropertyInto: "u"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !strings.HasPrefix(got.ID, "m/link-") {
			t.Errorf("got id %q", got.ID)
		}
		if strings.Contains(got.Person, "@") {
			t.Errorf("got key %q: nothing personal stands in a key", got.Person)
		}
	}
	if l := h.links(t); len(l) != 2 || l[0].ID == l[1].ID {
		t.Errorf("got %d links, want two of different ids", len(l))
	}
}

const linking = `{"event":"E","userId":"u","anonymousId":"anon"}`

// Within one request a link is told once as well, and told again when another came between.
func TestLinks_AreToldOnceInABatch(t *testing.T) {
	h := newHouse(t)
	call := func(user string) string {
		return `{"type":"track","event":"E","userId":"` + user + `","anonymousId":"anon"}`
	}
	h.send(t, http.MethodPost, "/v1/batch", `{"batch":[`+strings.Join([]string{call("u"), call("u"), call("v"), call("u"), call("u")}, ",")+`]}`, withKey).success(t)
	want := []told{{event.NameLink, "anon", "u"}, {event.NameLink, "anon", "v"}, {event.NameLink, "anon", "u"}}
	if diff := cmp.Diff(want, toldOf(h.links(t))); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func TestLinks_AreToldOnceAnHour(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.send(t, http.MethodPost, "/v1/track", linking, withKey).success(t)
	}
	h.send(t, http.MethodPost, "/v1/batch", `{"batch":[{"type":"track",`+linking[1:]+`,{"type":"track",`+linking[1:]+`]}`, withKey).success(t)
	if n := len(h.links(t)); n != 1 {
		t.Errorf("got %d records of one link, want one", n)
	}
	h.clock = h.clock.Add(time.Hour)
	h.send(t, http.MethodPost, "/v1/track", linking, withKey).success(t)
	if n := len(h.links(t)); n != 2 {
		t.Errorf("an hour later: got %d, want another one", n)
	}
	// The same key of another workspace is another link.
	h.send(t, http.MethodPost, "/v1/track", linking, func(r *http.Request) { r.SetBasicAuth("wk-other", "") }).success(t)
	if n := len(h.links(t)); n != 3 {
		t.Errorf("another workspace: got %d, want another one", n)
	}
}

func TestLinks_WithoutMemoryAreToldEachTime(t *testing.T) {
	h := newHouse(t)
	h.linkCache = 0
	h.reopen(h.cfg)
	for range 3 {
		h.send(t, http.MethodPost, "/v1/track", linking, withKey).success(t)
	}
	if n := len(h.links(t)); n != 3 {
		t.Errorf("got %d, want 3", n)
	}
}

// What was not acknowledged is not thought to be told.
func TestLinks_AreToldAgainAfterAnError(t *testing.T) {
	for _, err := range []error{kafkaio.ErrUnavailable, &kafkaio.PartialError{Failed: []int{1}, Total: 2, Err: kafkaio.ErrAmbiguous}} {
		h := newHouse(t)
		h.events.fail(err)
		h.send(t, http.MethodPost, "/v1/track", linking, withKey).want(t, http.StatusServiceUnavailable)
		h.events.fail(nil)
		h.send(t, http.MethodPost, "/v1/track", linking, withKey).success(t)
		if n := len(h.links(t)); n != 1 {
			t.Errorf("%v: got %d links, want one", err, n)
		}
	}
	// Nor is what was taken back because the request could not be read to its end.
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/batch", `{"batch":[{"type":"track",`+linking[1:]+`,{]}`, withKey).success(t)
	h.send(t, http.MethodPost, "/v1/track", linking, withKey).success(t)
	if n := len(h.links(t)); n != 1 {
		t.Errorf("got %d links, want one", n)
	}
}

// Where the room of a request ends between an event and its links, neither is taken.
func TestLinks_GoWithTheirEventOrNotAtAll(t *testing.T) {
	var calls []string
	for i := range 20 {
		calls = append(calls, fmt.Sprintf(`{"type":"identify","userId":"u%d","anonymousId":"anon%d","messageId":"m%d","traits":{"email":"a%d@example.com"}}`, i, i, i, i))
	}
	for room := 2000; room < 2600; room += 20 {
		h := newHouse(t)
		h.Open(intake.NewWriter(intake.Config{
			Events: &h.events, Quarantine: &h.quarantine, EventsID: eventsID, QuarantineID: quarantineID, Partitions: partitions,
			MaxRecord: 32 << 10, MaxKept: 16 << 10, MaxRequest: room, Links: true, LinkCache: 1 << 10, Tracer: h.cfg.TracerProvider.Tracer("test"), Meter: h.cfg.MeterProvider.Meter("test"),
		}))
		h.send(t, http.MethodPost, "/v1/batch", `{"batch":[`+strings.Join(calls, ",")+`]}`, withKey).success(t)
		events, links, kept := len(h.log(t)), len(h.links(t)), len(h.kept(t))
		if events == 0 || kept == 0 || events+kept != len(calls) || links != 2*events {
			t.Errorf("room for %d bytes: got %d events, %d links, %d kept", room, events, links, kept)
		}
	}
}
