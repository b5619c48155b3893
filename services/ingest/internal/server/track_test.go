package server

import (
	"net/http"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

func TestTrack_WhoMaySend(t *testing.T) {
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"right":                  {withTrack, http.StatusOK},
		"any site, ingest key":   {basic("whatever", ingestKey), http.StatusOK},
		"wrong key":              {basic(siteID, "x"), http.StatusUnauthorized},
		"wrong site":             {basic("x", apiKey), http.StatusUnauthorized},
		"no password":            {basic(siteID+":"+apiKey, ""), http.StatusUnauthorized},
		"bearer":                 {header("Authorization", "Bearer "+apiKey), http.StatusUnauthorized},
		"no base64":              {header("Authorization", "Basic !!"), http.StatusUnauthorized},
		"key of another surface": {withKey, http.StatusUnauthorized},
		"nothing":                {func(*http.Request) {}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for _, path := range []string{customerPath + "/events", "/api/v2/entity"} {
				h.send(t, http.MethodPost, path, `{"name":"E","type":"person","action":"event","identifiers":{"id":"u"}}`, c.change).want(t, c.want)
			}
			if n := len(h.log(t)); (n == 2) != (c.want == http.StatusOK) {
				t.Errorf("got %d events", n)
			}
		})
	}
}

func TestTrack_OpenEndpointsBelieveNobodyAndAreBounded(t *testing.T) {
	const metric = `{"delivery_id":"d","metric":"opened","recipient":"a@example.com"}`
	h := newHouse(t)
	h.send(t, http.MethodPost, "/api/v1/metrics", metric).success(t)
	h.onlyKept(t, normalise.ReasonNoIdentity) // anybody may send it: it names nobody
	h = newHouse(t)
	h.send(t, http.MethodPost, "/api/v1/metrics", metric, withTrack).success(t)
	if e := h.only(t); e.IDs.Email != "a@example.com" || e.Name != "delivery_opened" {
		t.Errorf("got %+v", e)
	}
	h.send(t, http.MethodPost, "/api/v1/metrics", metric, func(r *http.Request) { r.SetBasicAuth("a", "b") }).want(t, http.StatusUnauthorized)
	h = newHouse(t, func(c *Config) { c.AnonymousPerSecond = 2 })
	for i := range 4 {
		want := http.StatusOK
		if i >= 2 {
			want = http.StatusServiceUnavailable
		}
		h.send(t, http.MethodPost, "/unsubscribe/dlv%3D%3D", "").want(t, want)
	}
	if q := h.kept(t); len(q) != 2 || q[0].Reason != normalise.ReasonNoIdentity {
		t.Errorf("got %+v", q)
	}
}

func TestTrack_WrongCallsAreAnsweredAndKept(t *testing.T) {
	for _, c := range []struct{ method, path, body, reason string }{
		{http.MethodPost, customerPath + "/events", `{"data":{}}`, normalise.ReasonMissing},
		{http.MethodPost, customerPath + "/events", `{"name":`, normalise.ReasonMalformed},
		{http.MethodPost, customerPath + "/events", `null`, normalise.ReasonShape},
		{http.MethodPost, customerPath + "/events", `{"name":"E","data":[]}`, normalise.ReasonShape},
		{http.MethodPost, customerPath + "/events", `{"name":"E","id":{}}`, normalise.ReasonInvalid},
		{http.MethodPost, "/api/v1/events", `{"name":"E"}`, normalise.ReasonMissing},
		{http.MethodPut, customerPath, `[]`, normalise.ReasonShape},
		{http.MethodPut, customerPath + "/devices", `{}`, normalise.ReasonMissing},
		{http.MethodPost, "/api/v1/metrics", `{"metric":"opened"}`, normalise.ReasonMissing},
		{http.MethodPost, "/api/v1/segments/7/add_customers", `{"ids":"a"}`, normalise.ReasonMissing},
		{http.MethodPost, "/api/v2/entity", `{"type":"planet"}`, normalise.ReasonUnknownType},
		{http.MethodPost, "/api/v2/entity", `{"type":"person","action":"identify"}`, normalise.ReasonMissing},
		{http.MethodPost, "/api/v2/batch", `{}`, normalise.ReasonMissing},
		{http.MethodPost, "/api/v2/batch", `[]`, normalise.ReasonShape},
	} {
		h := newHouse(t)
		h.send(t, c.method, c.path, c.body, withTrack).want(t, http.StatusBadRequest)
		if q := h.onlyKept(t, c.reason); string(q.Body) != c.body {
			t.Errorf("%s: got body %q", c.path, q.Body)
		}
	}
}

func TestTrack_SegmentNamesSeveralPeople(t *testing.T) {
	h := newHouse(t)
	h.send(t, http.MethodPost, "/api/v1/segments/14/add_customers", `{"ids":["a","",7,"b"]}`, withTrack).success(t)
	got := h.log(t)
	if len(got) != 3 || got[0].Person != "a" || got[1].Person != "7" || got[2].Person != "b" || got[0].ID == got[1].ID {
		t.Fatalf("got %+v", got)
	}
	for _, e := range got {
		if e.Kind != event.KindRelation || e.Properties.Strings["segment_id"] != "14" {
			t.Errorf("got %+v", e)
		}
	}
}

func TestTrack_Region(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.PublicHost = "events.example" })
	if got := h.send(t, http.MethodGet, "/api/v1/accounts/region", "", withTrack); got.status != http.StatusOK || got.body != `{"environment_id":0,"region":"us","url":"events.example"}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
	h.send(t, http.MethodGet, "/api/v1/accounts/region", "").want(t, http.StatusUnauthorized)
}
