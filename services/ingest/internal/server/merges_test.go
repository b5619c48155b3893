package server

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

func TestMerge_IsFiledUnderWhoVanishes(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		path, body, vanishing, into string
		change                      func(*http.Request)
	}{
		"track v1":         {"/api/v1/merge_customers", `{"primary":{"id":"u"},"secondary":{"cio_id":"c0ffee"}}`, "cio_c0ffee", "u", withTrack},
		"track v2":         {"/api/v2/entity", `{"type":"person","action":"merge","primary":{"email":"a@example.com"},"secondary":{"id":"v"}}`, "v", h.cfg.Keys.EmailKey("a@example.com"), withTrack},
		"alias":            {"/v1/alias", `{"userId":"u","previousId":"anon"}`, "anon", "u", withKey},
		"alias, anonymous": {"/v1/alias", `{"userId":"u","previousId":"anon","anonymousId":"anon"}`, "anon", "u", withKey},
		"alias of an email": {
			"/v1/alias", `{"userId":"u","previousId":"a@example.com"}`, h.cfg.Keys.EmailKey("a@example.com"), "u", withKey,
		},
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, c.path, c.body, c.change).success(t)
		if diff := cmp.Diff([]told{{event.NameMerge, c.vanishing, c.into}}, toldOf(h.all(t))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMerge_OfOnePersonWithThemselvesIsKept(t *testing.T) {
	for _, c := range []struct {
		path, body, reason string
		status             int
		change             func(*http.Request)
	}{
		{"/api/v1/merge_customers", `{"primary":{"id":"u"},"secondary":{"id":"u"}}`, normalise.ReasonSamePerson, http.StatusBadRequest, withTrack},
		{"/api/v1/merge_customers", `{"primary":{"id":"A@example.com"},"secondary":{"email":"a@example.com"}}`, normalise.ReasonSamePerson, http.StatusBadRequest, withTrack},
		{"/v1/alias", `{"userId":"u","previousId":"u"}`, normalise.ReasonSamePerson, http.StatusOK, withKey},
		{"/v1/alias", `{"anonymousId":"a","previousId":"u"}`, normalise.ReasonMissing, http.StatusOK, withKey},
	} {
		h := newHouse(t)
		h.send(t, http.MethodPost, c.path, c.body, c.change).want(t, c.status)
		h.onlyKept(t, c.reason)
	}
}
