package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

func (d *destination) setHealth(f func() error) { d.mu.Lock(); d.health = f; d.mu.Unlock() }

func (d *destination) err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.health == nil {
		return nil
	}
	return d.health()
}

func (a *App) watch(parts []*part) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = func() error {
		var errs []error
		for _, p := range parts {
			errs = append(errs, p.feed.Ready())
			for _, w := range p.writers {
				errs = append(errs, w.Err())
			}
		}
		return errors.Join(errs...)
	}
}

// Ready says whether every destination has its partitions and all of them work. A
// destination that does not answer makes nothing unready: that is what retries are
// for. See Health for it. It does no IO.
func (a *App) Ready(context.Context) error {
	a.mu.Lock()
	state := a.state
	a.mu.Unlock()
	if state == nil {
		return errors.New("sink is starting")
	}
	return state()
}

// Health is what the destinations themselves say, by name; nil where all is well.
func (a *App) Health() map[string]error {
	out := make(map[string]error, len(a.destinations))
	for _, d := range a.destinations {
		out[d.name] = d.err()
	}
	return out
}

// Register adds GET /destinations, one line per destination with what it says of
// itself, to the routes of an admin port.
func (a *App) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /destinations", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		for _, d := range a.destinations {
			state := "ok"
			if err := d.err(); err != nil {
				state = err.Error()
			}
			_, _ = fmt.Fprintf(w, "%s: %s\n", d.name, state)
		}
	})
}
