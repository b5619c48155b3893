package server

import (
	"net/http"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/track"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// trackCall is one call of the Track API, v1.
type trackCall struct {
	name string
	open bool     // needs no authentication
	ids  []string // names of the path's wildcards
	bare bool     // the body says nothing
	read func(c *call, id func(string) string, body wire.Value, e *event.Event, emit func() *normalise.Fault) *normalise.Fault
}

// one adapts what makes a single event.
func one(read func(id func(string) string, body wire.Value, e *event.Event) *normalise.Fault) func(*call, func(string) string, wire.Value, *event.Event, func() *normalise.Fault) *normalise.Fault {
	return func(_ *call, id func(string) string, body wire.Value, e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
		if fault := read(id, body, e); fault != nil {
			return fault
		}
		return emit()
	}
}

// command adapts what a path says without a body.
func command(read func(identifier string, e *event.Event) *normalise.Fault) func(*call, func(string) string, wire.Value, *event.Event, func() *normalise.Fault) *normalise.Fault {
	return one(func(id func(string) string, _ wire.Value, e *event.Event) *normalise.Fault {
		return read(id("identifier"), e)
	})
}

// trackRoutes is the surface of the Track API, v1.
func (s *Server) trackRoutes(route func(pattern string, serve func(*call))) {
	const customer = "/api/v1/customers/{identifier}"
	who := []string{"identifier"}
	add := func(pattern string, t trackCall) {
		route(pattern, func(c *call) { c.track(&t) })
	}
	add("PUT "+customer, trackCall{name: "identify", ids: who, read: one(func(id func(string) string, body wire.Value, e *event.Event) *normalise.Fault {
		return track.Identify(id("identifier"), body, e)
	})})
	add("DELETE "+customer, trackCall{name: "delete", ids: who, bare: true, read: command(track.Delete)})
	add("POST "+customer+"/suppress", trackCall{name: "suppress", ids: who, bare: true, read: command(track.Suppress)})
	add("POST "+customer+"/unsuppress", trackCall{name: "unsuppress", ids: who, bare: true, read: command(track.Unsuppress)})
	add("POST "+customer+"/events", trackCall{name: "event", ids: who, read: one(func(id func(string) string, body wire.Value, e *event.Event) *normalise.Fault {
		return track.Event(id("identifier"), body, e)
	})})
	add("PUT "+customer+"/devices", trackCall{name: "device", ids: who, read: one(func(id func(string) string, body wire.Value, e *event.Event) *normalise.Fault {
		return track.Device(id("identifier"), body, e)
	})})
	add("DELETE "+customer+"/devices/{device}", trackCall{
		name: "delete_device", ids: []string{"identifier", "device"}, bare: true,
		read: one(func(id func(string) string, _ wire.Value, e *event.Event) *normalise.Fault {
			return track.DeleteDevice(id("identifier"), id("device"), e)
		}),
	})
	add("POST /api/v1/events", trackCall{name: "event", read: one(func(_ func(string) string, body wire.Value, e *event.Event) *normalise.Fault {
		return track.Event("", body, e)
	})})
	add("POST /api/v1/merge_customers", trackCall{name: "merge", read: one(func(_ func(string) string, body wire.Value, e *event.Event) *normalise.Fault {
		return track.Merge(body, e)
	})})
	for _, action := range []string{"add_customers", "remove_customers"} {
		add("POST /api/v1/segments/{segment}/"+action, trackCall{
			name: action, ids: []string{"segment"},
			read: func(c *call, id func(string) string, body wire.Value, e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
				return track.Segment(id("segment"), action, c.r.URL.Query().Get("id_type"), body, e, emit)
			},
		})
	}
	add("POST /api/v1/metrics", trackCall{
		name: "metric", open: true,
		read: func(c *call, _ func(string) string, body wire.Value, e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
			_, trusted := c.trackKey()
			if fault := track.Metric(body, trusted, e); fault != nil {
				return fault
			}
			return emit()
		},
	})
	push := trackCall{name: "push", open: true, read: one(func(_ func(string) string, body wire.Value, e *event.Event) *normalise.Fault {
		return track.PushEvent(body, e)
	})}
	add("POST /api/v1/push/events", push)
	add("POST /push/events", push) // as the Ruby client has it
	add("POST /unsubscribe/{delivery}", trackCall{
		name: "unsubscribe", open: true, ids: []string{"delivery"}, bare: true,
		read: one(func(id func(string) string, _ wire.Value, e *event.Event) *normalise.Fault {
			return track.Unsubscribe(id("delivery"), e)
		}),
	})
	route("GET /api/v1/accounts/region", s.region)
}

// track takes one call of v1. What is wrong is kept and answered 400, as Customer.io does.
func (c *call) track(t *trackCall) {
	workspace, ok := c.entitled(t.open)
	if !ok {
		return
	}
	leave, ok := c.admit()
	if !ok {
		return
	}
	defer leave()
	var raw []byte
	var unreadable *normalise.Fault
	if t.bare {
		if !c.work() {
			return
		}
	} else {
		b, fault, ok := c.body(c.s.cfg.MaxBody)
		if !ok {
			return
		}
		defer b.Release()
		raw, unreadable = trimmed(b.Bytes()), fault
	}
	ids := make([]string, len(t.ids))
	for i, name := range t.ids {
		ids[i] = c.r.PathValue(name)
	}
	batch := c.begin(workspace, t.name, ids...)
	defer batch.Release()
	batch.Items(0, raw, func(e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
		if unreadable != nil {
			return unreadable
		}
		v, fault := message(raw)
		if fault != nil {
			return fault
		}
		return t.read(c, c.r.PathValue, v, e, emit)
	})
	c.settle(batch)
}

// settle writes and answers a call of one message.
func (c *call) settle(batch *intake.Batch) {
	if !c.write(batch) {
		return
	}
	if refused := batch.Refused(); len(refused) > 0 {
		c.invalid(refused, false)
		return
	}
	c.ok()
}

// entitled finds out who sends. open endpoints take anybody, at a bounded rate, since
// what they tell is kept. When it says no, the request is answered.
func (c *call) entitled(open bool) (workspace string, ok bool) {
	if workspace, ok = c.trackKey(); ok {
		return workspace, true
	}
	switch {
	case !open || c.r.Header.Get("Authorization") != "":
		c.refuse(unauthorized)
	case !c.s.anonymous.AllowN(c.s.cfg.Now(), 1):
		c.refuse(overloaded)
	default:
		return c.s.cfg.DefaultWorkspace, true
	}
	return "", false
}

func (c *call) trackKey() (workspace string, ok bool) {
	user, password, ok := auth.Basic(c.r.Header.Get("Authorization"))
	if !ok || password == "" {
		return "", false
	}
	// Both are looked at always, so that the time tells nothing.
	workspace, exact := c.s.cfg.TrackKeys.Workspace(user + ":" + password)
	other, wide := c.s.cfg.TrackPasswords.Workspace(password)
	if exact {
		return workspace, true
	}
	return other, wide
}

// region answers where the account lives: here.
func (s *Server) region(c *call) {
	if _, ok := c.entitled(false); !ok {
		return
	}
	host := s.cfg.PublicHost
	if host == "" {
		host = c.r.Host
	}
	answer(c.w, http.StatusOK, map[string]any{"url": host, "region": "us", "environment_id": 0})
}
