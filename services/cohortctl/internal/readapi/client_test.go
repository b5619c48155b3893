package readapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func server(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func ask(t *testing.T, address, key string, path ...string) (Size, error) {
	t.Helper()
	c, err := New(address, key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var a Size
	_, err = c.Get(ctx, url.Values{"by": {"key"}}, &a, path...)
	return a, err
}

func TestGet_AsksForThePathPartByPart(t *testing.T) {
	address := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/behind/v1/people/a%2Fb%3Fc%20d@x/explain" || r.URL.RawQuery != "by=key" || r.Header.Get("Authorization") != "Bearer secret-1" {
			t.Errorf("got %s?%s with %q", r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"))
		}
		_, _ = fmt.Fprint(w, `{"size": 7, "new": "field"}`)
	})
	if a, err := ask(t, address+"/behind/", "secret-1", "v1", "people", "a/b?c d@x", "explain"); err != nil || a.Size != 7 {
		t.Errorf("got %+v and %v", a, err)
	}
}

func TestGet_AsksAgainWhileTheServerCounts(t *testing.T) {
	asked := 0
	address := server(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprint(w, `{"detail": "everybody is being counted", "remedy": "ask again"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"size": 7}`)
	})
	if a, err := ask(t, address, ""); err != nil || a.Size != 7 || asked != 3 {
		t.Errorf("got %+v and %v after %d questions", a, err, asked)
	}
	asked = -100
	c, err := New(address, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, nil, &Size{}); err == nil || !strings.Contains(err.Error(), "everybody is being counted") || !strings.Contains(err.Error(), "--timeout") {
		t.Errorf("got %v, want what the server said and that the time was over", err)
	}
}

func TestGet_ErrorsSayWhatToDo(t *testing.T) {
	says := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, text)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"key":      {says(401, `{"detail": "the key is missing or not known here", "remedy": "send Authorization"}`), "--key"},
		"person":   {says(404, `{"type": "urn:cohortflow:problem:unknown_person", "detail": "nobody", "remedy": "say with by="}`), "nobody: say with --by"},
		"cohort":   {says(404, `{"type": "urn:cohortflow:problem:unknown_cohort", "detail": "no such cohort", "remedy": "GET /v1/cohorts"}`), "cohortctl cohorts list"},
		"redis":    {says(503, `{"detail": "Redis does not answer", "remedy": "bring Redis back"}`), "Redis does not answer: bring Redis back"},
		"stranger": {says(200, "<html>"), "is no read API"},
		"nothing":  {says(404, "404 page not found"), "is no read API (404"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusFound)
		}, "is no read API (302"},
	} {
		if _, err := ask(t, server(t, c.answer), "secret-1", "v1", "people", "ada"); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "ada") {
			t.Errorf("%s: got %v, want an error with %q that names nobody", name, err, c.want)
		}
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	if _, err := ask(t, closed.URL, "", "v1", "people", "ada"); err == nil || !strings.Contains(err.Error(), "--url") || strings.Contains(err.Error(), "ada") {
		t.Errorf("nobody there: got %v, want how to name the address, and nobody", err)
	}
	for _, address := range []string{"console:8090", "ftp://console", "http://", "http://user:word@console", "http://console?x=1"} {
		if _, err := New(address, ""); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:8090") {
			t.Errorf("%s: got %v, want how an address looks", address, err)
		}
	}
}
