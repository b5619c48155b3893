package lifecycle

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Check says whether one precondition of the service holds. It must be quick and
// its error must not hold anything personal or secret: it is shown to callers.
type Check func(ctx context.Context) error

// checkTimeout bounds all checks of one readiness request.
const checkTimeout = 2 * time.Second

// Health answers the questions of an orchestrator. Liveness never depends on other
// systems: a restart does not mend them. It is safe for concurrent use.
type Health struct {
	mu       sync.Mutex
	names    []string // in order of Add
	checks   map[string]Check
	stopping bool
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth() *Health { return &Health{checks: map[string]Check{}} }

// Add puts a readiness check in place; the same name replaces it.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.checks[name]; !ok {
		h.names = append(h.names, name)
	}
	h.checks[name] = check
}

// Stopping makes readiness fail from now on, so that no new work is sent here while
// the rest is worked off.
func (h *Health) Stopping() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
}

// Ready runs all checks and returns the error of the first that fails, by name.
func (h *Health) Ready(ctx context.Context) error {
	names, checks, err := h.snapshot()
	for i := 0; err == nil && i < len(names); i++ {
		if checkErr := checks[i](ctx); checkErr != nil {
			err = fmt.Errorf("%s: %w", names[i], checkErr)
		}
	}
	return err
}

func (h *Health) snapshot() (names []string, checks []Check, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return nil, nil, fmt.Errorf("shutdown: in progress")
	}
	for _, name := range h.names {
		names = append(names, name)
		checks = append(checks, h.checks[name])
	}
	return names, checks, nil
}

// Register adds GET /healthz (the process answers) and GET /readyz (every check
// holds; with ?verbose one line per check) to mux.
func (h *Health) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", h.serveReady)
}

func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	names, checks, err := h.snapshot()
	verbose := r.URL.Query().Has("verbose")
	var lines []string
	for i, check := range checks {
		state := "ok"
		if checkErr := check(ctx); checkErr != nil {
			state = checkErr.Error()
			if err == nil {
				err = fmt.Errorf("%s: %w", names[i], checkErr)
			}
		}
		lines = append(lines, names[i]+": "+state)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	switch {
	case verbose:
		for _, line := range lines {
			_, _ = fmt.Fprintln(w, line)
		}
		if err != nil && len(lines) == 0 {
			_, _ = fmt.Fprintln(w, err)
		}
	case err != nil:
		_, _ = fmt.Fprintln(w, err)
	default:
		_, _ = fmt.Fprintln(w, "ok")
	}
}
