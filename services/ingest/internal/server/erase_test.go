package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

func withErase(r *http.Request) { r.Header.Set("Authorization", "Bearer "+eraseKey) }

func TestErase_IsARecordOfThePerson(t *testing.T) {
	h := newHouse(t)
	email := h.cfg.Keys.EmailKey("a@example.com")
	for body, want := range map[string]event.Event{
		`{"customer_id":"u","mode":"delete"}`:                      {Kind: event.KindErase, Name: event.NameDelete, Person: "u"},
		`{"customer_id":7,"mode":"suppress"}`:                      {Kind: event.KindErase, Name: event.NameSuppress, Person: "7"},
		`{"customer_id":"A@example.com","mode":"delete"}`:          {Kind: event.KindErase, Name: event.NameDelete, Person: email},
		`{"email":" a@Example.com ","mode":"delete"}`:              {Kind: event.KindErase, Name: event.NameDelete, Person: email},
		`{"anonymous_id":"x","mode":"unsuppress"}`:                 {Kind: event.KindUnerase, Name: "unsuppress", Person: "x"},
		`{"email":null,"anonymous_id":"x","mode":"delete"}` + "\n": {Kind: event.KindErase, Name: event.NameDelete, Person: "x"},
	} {
		h := newHouse(t)
		got := h.send(t, http.MethodPost, "/v1/erase", body, withErase)
		got.want(t, http.StatusAccepted)
		var answer erased
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
			t.Fatal(err)
		}
		e := h.only(t)
		if e.Kind != want.Kind || e.Name != want.Name || e.Person != want.Person || e.Source != normalise.SourceAdmin || e.Workspace != "main" || e.EventAt != now().UnixMilli() {
			t.Errorf("%s: got %+v", body, e)
		}
		if answer.EventID != e.ID || answer.Mode != strings.ToLower(e.Name) || answer.AcceptedAt != "2026-10-05T10:00:00.000Z" || answer.TookMs < 0 {
			t.Errorf("%s: got %s for %+v", body, got.body, e)
		}
		if len(h.links(t)) != 0 {
			t.Errorf("%s: got links %+v", body, h.links(t))
		}
	}
}

func TestErase_NeedsAKeyOfItsOwn(t *testing.T) {
	const body = `{"customer_id":"u","mode":"delete"}`
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"bearer":     {withErase, http.StatusAccepted},
		"basic":      {func(r *http.Request) { r.SetBasicAuth("", eraseKey) }, http.StatusAccepted},
		"ingest key": {header("Authorization", "Bearer "+ingestKey), http.StatusUnauthorized},
		"write key":  {withKey, http.StatusUnauthorized},
		"track":      {withTrack, http.StatusUnauthorized},
		"as user":    {func(r *http.Request) { r.SetBasicAuth(eraseKey, "") }, http.StatusUnauthorized},
		"none":       {func(*http.Request) {}, http.StatusUnauthorized},
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, "/v1/erase", body, c.change).want(t, c.want)
		if n := len(h.log(t)); (n == 1) != (c.want == http.StatusAccepted) {
			t.Errorf("%s: got %d events", name, n)
		}
	}
	h := newHouse(t, func(c *Config) { c.EraseKeys = &auth.Keys{} })
	h.send(t, http.MethodPost, "/v1/erase", body, withErase).want(t, http.StatusNotFound)
}

// The sender is told which field and what to do; what the call says is kept nowhere.
func TestErase_WrongCallsAreAnsweredAndNotKept(t *testing.T) {
	for body, want := range map[string][2]string{
		``: {"", normalise.ReasonMalformed}, `[]`: {"", normalise.ReasonShape},
		`{"customer_id":"u"}`:                                                {"mode", normalise.ReasonInvalid},
		`{"customer_id":"u","mode":"forget"}`:                                {"mode", normalise.ReasonInvalid},
		`{"mode":"delete"}`:                                                  {"customer_id", normalise.ReasonMissing},
		`{"customer_id":"","mode":"delete"}`:                                 {"customer_id", normalise.ReasonMissing},
		`{"customer_id":"u","email":"a@b.c","mode":"delete"}`:                {"customer_id", normalise.ReasonMissing},
		`{"customer_id":{},"mode":"delete"}`:                                 {"customer_id", normalise.ReasonInvalid},
		`{"email":"somebody","mode":"delete"}`:                               {"email", normalise.ReasonInvalid},
		`{"id":"u","mode":"delete"}`:                                         {"", normalise.ReasonShape},
		`{"customer_id":"` + strings.Repeat("x", 600) + `","mode":"delete"}`: {"id", normalise.ReasonTooLong},
	} {
		h := newHouse(t)
		got := h.send(t, http.MethodPost, "/v1/erase", body, withErase)
		got.want(t, http.StatusBadRequest)
		var p problem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Errors) != 1 || p.Errors[0].Field != want[0] || p.Code != want[1] || p.Errors[0].Message == "" {
			t.Errorf("%s: got %s", body, got.body)
		}
		if len(h.all(t))+len(h.kept(t)) != 0 {
			t.Errorf("%s: something was written", body)
		}
	}
}

// A repeat after an error erases as of the first attempt; one that was answered and comes
// again later erases again.
func TestErase_RepeatsAreOfTheFirstAttempt(t *testing.T) {
	h := newHouse(t)
	send := func() reply {
		return h.send(t, http.MethodPost, "/v1/erase", `{"email":"a@example.com","mode":"delete"}`, withErase)
	}
	h.events.fail(kafkaio.ErrAmbiguous)
	send().want(t, http.StatusServiceUnavailable)
	h.events.fail(nil)
	h.clock = h.clock.Add(time.Second)
	send().want(t, http.StatusAccepted)
	if e := h.only(t); e.EventAt != now().UnixMilli() {
		t.Errorf("got an event of %d, want of the first attempt", e.EventAt)
	}
	h.clock = h.clock.Add(time.Hour)
	send().want(t, http.StatusAccepted)
	if got := h.log(t); got[0].ID == got[1].ID {
		t.Error("got the same event twice")
	}
}

// The id of what erases stands in the proof: it must not be a hash that anybody can try out.
func TestErase_IDsLeadToNobody(t *testing.T) {
	ids := map[string]bool{}
	for _, secret := range []string{"k", "l"} {
		h := newHouse(t, func(c *Config) { c.Keys = keysOf(t, secret) })
		h.send(t, http.MethodPost, "/v1/erase", `{"email":"a@example.com","mode":"delete"}`, withErase).want(t, http.StatusAccepted)
		h.send(t, http.MethodDelete, "/api/v1/customers/a%40example.com", "", withTrack).success(t)
		for _, e := range h.log(t) {
			ids[e.ID] = true
		}
	}
	if len(ids) != 4 {
		t.Errorf("got %d ids, want one for each call and secret", len(ids))
	}
}
