package faultproxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/test/clients/faultproxy"
)

// send posts the bodies in turn and returns the answers' codes and what the server saw.
func send(t *testing.T, cfg faultproxy.Config, bodies ...string) (codes []int, seen []string, p *faultproxy.Proxy) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("server reads the body: %v", err)
		}
		seen = append(seen, r.URL.Path+" "+string(body))
	}))
	defer server.Close()
	cfg.Target = server.URL
	p, err := faultproxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(p)
	defer front.Close()
	for _, b := range bodies {
		resp, err := http.Post(front.URL+"/v1/batch", "application/json", strings.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		codes = append(codes, resp.StatusCode)
	}
	return codes, seen, p
}

func TestProxy_BreaksEveryNthRequest(t *testing.T) {
	all := []string{"/v1/batch a", "/v1/batch b", "/v1/batch c", "/v1/batch d"}
	for _, c := range []struct {
		name  string
		cfg   faultproxy.Config
		codes []int
		seen  []string
	}{
		{"none", faultproxy.Config{}, []int{200, 200, 200, 200}, all},
		{"before", faultproxy.Config{Every: 2}, []int{200, 500, 200, 500}, []string{all[0], all[2]}},
		{"after", faultproxy.Config{Every: 2, When: faultproxy.After}, []int{200, 500, 200, 500}, all},
		{"in turns", faultproxy.Config{Every: 2, When: faultproxy.InTurns, Status: 503}, []int{200, 503, 200, 503}, []string{all[0], all[2], all[3]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			codes, seen, p := send(t, c.cfg, "a", "b", "c", "d")
			if diff := cmp.Diff(c.codes, codes); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.seen, seen); diff != "" {
				t.Errorf("what the server saw (-want +got):\n%s", diff)
			}
			broken := int64(0)
			for _, code := range codes {
				if code >= 500 {
					broken++
				}
			}
			if p.Requests() != 4 || p.Broken() != broken {
				t.Errorf("got %d requests and %d broken, want 4 and %d", p.Requests(), p.Broken(), broken)
			}
		})
	}
}

func TestNew_RefusesATargetWithoutHost(t *testing.T) {
	if _, err := faultproxy.New(faultproxy.Config{Target: "127.0.0.1"}); err == nil {
		t.Error("got no error for a target without scheme and host")
	}
	if _, err := faultproxy.New(faultproxy.Config{Target: "http://127.0.0.1:1", Every: -1}); err == nil {
		t.Error("got no error for a negative interval")
	}
}
