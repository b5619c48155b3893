package lifecycle

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, h *Health, path string) (int, string) {
	t.Helper()
	mux := http.NewServeMux()
	h.Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealth_ReadinessFollowsChecksAndLivenessDoesNot(t *testing.T) {
	h := NewHealth()
	down := errors.New("connection refused")
	h.Add("kafka", func(context.Context) error { return nil })
	h.Add("redis", func(context.Context) error { return down })

	if code, body := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "redis: connection refused") {
		t.Errorf("readyz with redis down: got %d %q", code, body)
	}
	if code, body := get(t, h, "/readyz?verbose"); code != http.StatusServiceUnavailable || body != "kafka: ok\nredis: connection refused\n" {
		t.Errorf("verbose: got %d %q", code, body)
	}
	if code, _ := get(t, h, "/healthz"); code != http.StatusOK {
		t.Errorf("healthz with redis down: got %d, want 200: a restart would not mend redis", code)
	}
	if err := h.Ready(t.Context()); !errors.Is(err, down) {
		t.Errorf("Ready: got %v, want %v", err, down)
	}
	h.Add("redis", func(context.Context) error { return nil })
	if code, body := get(t, h, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz after recovery: got %d %q", code, body)
	}
	h.Stopping()
	if code, body := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "shutdown") {
		t.Errorf("readyz while stopping: got %d %q", code, body)
	}
}
