package server

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var wildcard = regexp.MustCompile(`\{[a-z]+\}`)

// open are the routes that take something without a key, and why that is right. Every other one is
// held to refuse whoever shows none.
//
//nolint:gochecknoglobals // a table
var open = map[string]string{
	"/m":                      "what browser clients tell of themselves is dropped",
	"/api/v1/metrics":         "as at Customer.io; believed of nobody and bounded by anonymous-rate",
	"/api/v1/push/events":     "as at Customer.io; believed of nobody and bounded by anonymous-rate",
	"/push/events":            "as at Customer.io; believed of nobody and bounded by anonymous-rate",
	"/unsubscribe/{delivery}": "as at Customer.io; the delivery names the person, and the rate is bounded",
}

// Each route is asked without a key, with a wrong one and with those of other surfaces. A new route
// refuses them all, or has to be named above.
func TestAccess_EveryRouteAsksForItsKey(t *testing.T) {
	others := map[string]func(*http.Request){
		"none":             func(*http.Request) {},
		"empty":            header("Authorization", ""),
		"a wrong bearer":   header("Authorization", "Bearer wrong"),
		"a wrong basic":    func(r *http.Request) { r.SetBasicAuth("wrong", "wrong") },
		"an erase key":     withErase,
		"a write key":      withKey,
		"a Track key":      withTrack,
		"a token":          header("Authorization", "Bearer "+token),
		"a signature of 0": header("X-Signature", strings.Repeat("0", 40)),
		"reporting of 0": func(r *http.Request) {
			r.Header.Set("X-CIO-Timestamp", "1791190870")
			r.Header.Set("X-CIO-Signature", strings.Repeat("0", 64))
		},
	}
	// own says with which of these a route may be asked.
	own := func(path string) string {
		switch {
		case path == "/v1/erase":
			return "an erase key"
		case strings.HasPrefix(path, "/api/"):
			return "a Track key"
		case strings.HasPrefix(path, "/v1/webhooks/pipelines"):
			return "a token"
		case strings.Contains(path, "webhooks"):
			return "" // signatures alone
		}
		return "a write key"
	}
	found := map[string]bool{}
	n := 0
	for _, pattern := range newHouse(t).patterns {
		method, path, _ := strings.Cut(pattern, " ")
		bare := strings.TrimPrefix(path, "/v1")
		if open[bare] != "" {
			found[bare] = true
			continue
		}
		if method == http.MethodOptions {
			continue // tells which methods and headers there are
		}
		target := wildcard.ReplaceAllString(path, "some")
		for name, change := range others {
			if name == own(path) {
				continue
			}
			h := newHouse(t)
			got := h.send(t, method, target, `{"event":"E","userId":"u","type":"track","name":"E"}`, change)
			if got.status != http.StatusUnauthorized && got.status != http.StatusNotFound {
				t.Errorf("%s with %s: got %d %s, want 401 or 404", pattern, name, got.status, got.body)
			}
			if len(h.all(t))+len(h.kept(t)) != 0 {
				t.Errorf("%s with %s: something was written", pattern, name)
			}
			n++
		}
	}
	for path, why := range open {
		if !found[path] {
			t.Errorf("%s (%s) is no route any more", path, why)
		}
	}
	if n < 200 {
		t.Errorf("only %d calls were tried", n)
	}
}
