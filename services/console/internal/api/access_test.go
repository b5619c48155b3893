package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/services/console/internal/auth"
	"github.com/cohortflow/cohortflow/services/console/internal/evidence"
)

// nobody is a log that does not answer in time.
type nobody struct{}

func (nobody) Read(_ context.Context, _ int32, _ []string, places map[int64]cohort.Evidence) map[int64]evidence.Event {
	out := make(map[int64]evidence.Event)
	for offset := range places {
		out[offset] = evidence.Event{Status: evidence.Unread}
	}
	return out
}

func TestAccess_OnlyWithAKeyWhereThereIsOne(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "order", noon)
	keys, err := auth.NewKeys("console-keys", []string{"a-key-to-read-with"})
	if err != nil {
		t.Fatal(err)
	}
	w.config = func(c *Config) { c.Keys = keys }
	s := w.server()
	for _, path := range []string{"/v1/people/ada", "/v1/people/ada/explain", "/v1/cohorts", "/v1/cohorts/buyers/size"} {
		for _, header := range []string{"", "Bearer another-key", "Basic a-key-to-read-with", "a-key-to-read-with"} {
			refused(t, s, 401, "unauthorized", "Authorization", path, "Authorization", header)
		}
		if a := ask(t, s, path, "Authorization", "Bearer a-key-to-read-with", "Host", "console.example.com"); a.Code != http.StatusOK {
			t.Errorf("%s with the key: got %d\n%s", path, a.Code, a.Body)
		}
	}
	if a := ask(t, s, "/v1/people/ada"); a.Header().Get("WWW-Authenticate") == "" {
		t.Error("401 does not say how to authenticate")
	}
	for _, path := range []string{"/openapi.json", "/openapi.yaml"} {
		if a := ask(t, s, path, "Host", "console.example.com"); a.Code != http.StatusOK || !strings.Contains(a.Body.String(), "/v1/people/{id}/explain") {
			t.Errorf("%s without a key: got %d", path, a.Code)
		}
	}
}

// Each route of the table is asked without a key, with a wrong one and with one of another kind. A
// new route has to be named here, with how it is asked for.
func TestAccess_EveryRouteAsksForAKey(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "order", noon)
	keys, err := auth.NewKeys("console-keys", []string{"a-key-to-read-with"})
	if err != nil {
		t.Fatal(err)
	}
	w.config = func(c *Config) { c.Keys = keys }
	s := w.server()
	targets := map[string]string{
		"GET /v1/cohorts": "/v1/cohorts", "GET /v1/cohorts/{id}/size": "/v1/cohorts/buyers/size",
		"GET /v1/people/{id}": "/v1/people/ada", "GET /v1/people/{id}/explain": "/v1/people/ada/explain",
	}
	for _, r := range s.table() {
		target, ok := targets[r.pattern]
		if !ok {
			t.Errorf("route %s is not tried: add it to the targets of this test", r.pattern)
			continue
		}
		delete(targets, r.pattern)
		for _, header := range []string{"", "Bearer", "Bearer ", "Bearer another-key-to-read", "bearer a-key-to-read-wit", "Basic YS1rZXktdG8tcmVhZC13aXRoOg==", "Bearer a-key-to-read-with,x"} {
			if a := ask(t, s, target, "Authorization", header); a.Code != http.StatusUnauthorized || strings.Contains(a.Body.String(), "ada") {
				t.Errorf("%s with %q: got %d %s, want 401 and nothing said", r.pattern, header, a.Code, a.Body)
			}
		}
		if a := ask(t, s, target, "Authorization", "Bearer a-key-to-read-with"); a.Code != http.StatusOK {
			t.Errorf("%s with the key: got %d", r.pattern, a.Code)
		}
	}
	for pattern := range targets {
		t.Errorf("there is no route %s any more", pattern)
	}
}

func TestAccess_WithoutKeysOnlyByLoopbackNames(t *testing.T) {
	s := newWorld(t).server()
	for _, host := range []string{"127.0.0.1:8090", "localhost:8090", "LOCALHOST", "[::1]:8090", "[::1]", "127.1.2.3"} {
		if a := ask(t, s, "/v1/cohorts", "Host", host); a.Code != http.StatusOK {
			t.Errorf("%s: got %d", host, a.Code)
		}
	}
	for _, host := range []string{"console.example.com", "localhost.example.com:8090", "10.0.0.1:8090", "", "127.0.0.1.example.com"} {
		refused(t, s, http.StatusMisdirectedRequest, "not_loopback", "Host", "/v1/cohorts", "Host", host)
	}
}

func TestRequests_MistakesNameTheFieldAndTheRemedy(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "order", noon)
	s := w.server()
	for target, field := range map[string]string{
		"/v1/people/ada?by=name":                              "by",
		"/v1/people/ada?by=email":                             "id",
		"/v1/people/ada?cohort=buyers":                        "query",
		"/v1/people/ada?by=key&by=key":                        "by",
		"/v1/people/" + strings.Repeat("a", 513):              "id",
		"/v1/people/ada/explain?at=yesterday":                 "at",
		"/v1/people/ada/explain?at=":                          "at",
		"/v1/people/ada/explain?at=1969-12-31T00:00:00Z":      "at",
		"/v1/people/ada/explain?at=2036-01-01T00:00:00Z":      "at",
		"/v1/people/ada/explain?at=9999-01-01T00:00:00Z":      "at",
		"/v1/people/ada/explain?At=2026-01-01T00:00:00Z":      "query",
		"/v1/cohorts?verify=true":                             "query",
		"/v1/cohorts/buyers/size?verify=yes":                  "verify",
		"/v1/people/ada/explain?cohort=buyers&cohort=spender": "cohort",
	} {
		refused(t, s, 400, "invalid", field, target)
	}
	refused(t, s, 404, "unknown_cohort", "cohort", "/v1/people/ada/explain?cohort=buyer")
	refused(t, s, 404, "unknown_cohort", "cohort", "/v1/people/ada/explain?cohort=")
	refused(t, s, 404, "unknown_cohort", "id", "/v1/cohorts/buyer/size")
	for _, path := range []string{"/", "/v1/people", "/v1/people/", "/v1/people//explain", "/v1/people/../cohorts", "/v1/people/./explain", "/v1/cohorts/", "/v2/cohorts"} {
		refused(t, s, 404, "no_such_path", "", path)
	}
	for _, target := range []string{"POST /v1/cohorts", "DELETE /v1/people/ada", "PUT /"} {
		refused(t, s, 405, "read_only", "method", target)
	}
}

func TestRequests_NeitherAnswerNorLogRepeatsTheID(t *testing.T) {
	w := newWorld(t)
	s := w.server()
	for _, path := range []string{
		"/v1/people/secret@example.com", "/v1/people/secret?by=email", "/v1/people/secret@example.com?by=nothing", "/v1/people/secret/explain?at=secret",
		"/v1/secret", "/v1/people/x?secret=1", "/v1/cohorts/secret/size",
	} {
		if a := ask(t, s, path); strings.Contains(a.Body.String(), "secret") {
			t.Errorf("%s: the answer repeats it: %s", path, a.Body)
		}
	}
}

func TestRequests_AreBoundedInNumberAndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.away = context.DeadlineExceeded // Redis hangs
		w.config = func(c *Config) { c.Timeout, c.MaxRequests = 2*time.Second, 2 }
		s := w.server()
		begun := time.Now()
		answered := make(chan int, 2)
		for range 2 {
			go func() { answered <- ask(t, s, "/v1/people/ada").Code }()
		}
		synctest.Wait()
		refused(t, s, 503, "overloaded", "", "/v1/people/ada")
		for range 2 {
			if code := <-answered; code != http.StatusServiceUnavailable {
				t.Errorf("got %d, want 503 when the time is over", code)
			}
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("took %s, want the timeout of 2s", took)
		}
		refused(t, s, 503, "timeout", "", "/v1/people/ada")
		w.away = &redisstate.RefusedError{Code: "LOADING", Message: "LOADING the data", Remedy: "wait"}
		if p := refused(t, s, 503, "redis_refuses", "", "/v1/people/ada"); p.Remedy != "wait" {
			t.Errorf("got remedy %q, want that of the store", p.Remedy)
		}
		w.away = redisstate.ErrUnavailable
		refused(t, s, 503, "redis_unavailable", "", "/v1/cohorts")
	})
}
