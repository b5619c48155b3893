package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// surfaces are one request of each, whose message is right.
func surfaces(tb testing.TB, h *house) map[string]func() reply {
	tb.Helper()
	return map[string]func() reply{
		"reporting": func() reply { return h.report(tb, opened) },
		"pipelines": func() reply {
			return h.send(tb, http.MethodPost, "/v1/track", `{"event":"E","userId":"u"}`, withKey)
		},
		"batch": func() reply { return h.send(tb, http.MethodPost, "/v1/batch", mixedBatch, withKey) },
		"browser": func() reply {
			return h.send(tb, http.MethodPost, "/v1/t", `{"event":"E","userId":"u","writeKey":"`+writeKey+`"}`)
		},
		"destination": func() reply {
			return h.send(tb, http.MethodPost, "/v1/webhooks/pipelines", `[{"type":"track","event":"E","userId":"u"}]`, header("Authorization", token))
		},
		"track v1": func() reply {
			return h.send(tb, http.MethodPost, customerPath+"/events", `{"name":"E"}`, withTrack)
		},
		"entity": func() reply {
			return h.send(tb, http.MethodPost, "/api/v2/entity", `{"type":"person","action":"identify","identifiers":{"id":"a"}}`, withTrack)
		},
		"entities": func() reply {
			return h.send(tb, http.MethodPost, "/api/v2/batch", `{"batch":[{"type":"person","action":"identify","identifiers":{"id":"a"}},{"type":"x"}]}`, withTrack)
		},
	}
}

func TestOutage_NoSurfaceClaimsSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"away":              {kafkaio.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
		"full":              {kafkaio.ErrBackpressure, http.StatusServiceUnavailable, "backpressure"},
		"outcome unknown":   {kafkaio.ErrAmbiguous, http.StatusServiceUnavailable, "not_acknowledged"},
		"partly":            {&kafkaio.PartialError{Failed: []int{0}, Total: 2, Err: kafkaio.ErrUnavailable}, http.StatusServiceUnavailable, "unavailable"},
		"something else":    {errors.New("boom"), http.StatusServiceUnavailable, "unavailable"},
		"can never be sent": {kafkaio.ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.events.fail(c.err)
			for surface, send := range surfaces(t, h) {
				got := send()
				if got.status != c.status || !strings.Contains(got.body, `"code":"`+c.code+`"`) {
					t.Errorf("%s: got %d %s, want %d %s", surface, got.status, got.body, c.status, c.code)
				}
				if again := got.header.Get("Retry-After"); (again != "") != (c.status == http.StatusServiceUnavailable) {
					t.Errorf("%s: got Retry-After %q", surface, again)
				}
			}
			// It recovers by itself.
			h.events.fail(nil)
			for surface, send := range surfaces(t, h) {
				if got := send(); got.status != http.StatusOK && got.status != http.StatusMultiStatus {
					t.Errorf("%s after the outage: got %d %s", surface, got.status, got.body)
				}
			}
		})
	}
}

func TestOutage_KnownToBeAwayIsAnsweredBeforeTheBodyIsRead(t *testing.T) {
	for _, l := range []string{"events", "quarantine", "shut"} {
		h := newHouse(t)
		switch l {
		case "events":
			h.events.down = kafkaio.ErrUnavailable
		case "quarantine":
			h.quarantine.down = kafkaio.ErrUnavailable
		default:
			h.Shut()
		}
		if h.Ready() == nil {
			t.Errorf("%s: Ready says yes", l)
		}
		unread := func(r *http.Request) { r.Body = mustNotRead{t} }
		h.send(t, http.MethodPost, "/v1/track", "", withKey, unread).want(t, http.StatusServiceUnavailable)
		h.send(t, http.MethodPost, reportingPath, "", signed(signingKey, now(), nil), unread).want(t, http.StatusServiceUnavailable)
	}
}

type mustNotRead struct{ t *testing.T }

func (m mustNotRead) Read([]byte) (int, error) {
	m.t.Error("the body was read")
	return 0, errors.New("not to be read")
}
func (mustNotRead) Close() error { return nil }

// What cannot be understood is as dear as what can: no quarantine, no success.
func TestOutage_QuarantineThatFailsIsNoSuccess(t *testing.T) {
	h := newHouse(t)
	h.quarantine.fail(kafkaio.ErrUnavailable)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).want(t, http.StatusServiceUnavailable)
	if n := len(h.log(t)); n != 0 {
		t.Errorf("got %d events in the log, want none: quarantine goes first", n)
	}
	h.report(t, `{}`).want(t, http.StatusServiceUnavailable)
	h.report(t, opened).success(t) // it needs no quarantine
}

// The repeat of a request that failed in part gives everything the ids that it had.
func TestOutage_RepeatAfterAPartialFailureHasTheSameIDs(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).success(t)
	events, kept := h.log(t), h.kept(t)
	h.events.fail(&kafkaio.PartialError{Failed: []int{1}, Total: 2, Err: kafkaio.ErrAmbiguous})
	h.clock = h.clock.Add(time.Second)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).want(t, http.StatusServiceUnavailable)
	h.events.fail(nil)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).success(t)
	ids := func() (all []string) {
		for _, e := range h.log(t)[len(events):] {
			all = append(all, e.ID)
		}
		for _, q := range h.kept(t)[2*len(kept):] {
			all = append(all, q.ID)
		}
		return all
	}
	want := []string{events[0].ID, events[1].ID, kept[0].ID, kept[1].ID, kept[2].ID}
	if diff := cmp.Diff(want, ids()); diff != "" {
		t.Errorf("ids (-first +repeat):\n%s", diff)
	}
}

func TestOutage_AcknowledgementThatDoesNotComeIsNoSuccess(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.AckTimeout = 20 * time.Millisecond })
	h.events.hold = make(chan struct{})
	begun := time.Now()
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u"}`, withKey).want(t, http.StatusServiceUnavailable)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

// Facts are told apart by time and id: the repeat of a message without a time gets both
// of the first attempt, on this side and on the other side of a five-minute mark.
func TestOutage_RepeatOfWhatNamesNoTimeHasTheTimeOfTheFirstAttempt(t *testing.T) {
	for _, body := range []string{`{"name":"E"}`, `{"name":"E","id":"01ABC"}`} {
		h := newHouse(t)
		h.clock = h.clock.Add(-time.Millisecond) // the last of a window
		send := func() reply { return h.send(t, http.MethodPost, customerPath+"/events", body, withTrack) }
		h.events.fail(kafkaio.ErrAmbiguous)
		first := h.clock.UnixMilli()
		send().want(t, http.StatusServiceUnavailable)
		h.clock = h.clock.Add(4 * time.Second)
		send().want(t, http.StatusServiceUnavailable)
		h.events.fail(nil)
		h.clock = h.clock.Add(4 * time.Second)
		send().success(t)
		if e := h.only(t); e.EventAt != first || e.AcceptedAt != h.clock.UnixMilli() {
			t.Errorf("%s: got an event of %d, want of %d", body, e.EventAt, first)
		}
		h.clock = h.clock.Add(time.Hour)
		send().success(t)
		if got := h.log(t); got[1].EventAt != h.clock.UnixMilli() || (got[1].ID == got[0].ID) != strings.Contains(body, "01ABC") {
			t.Errorf("%s an hour later: got %+v", body, got[1])
		}
	}
}
