// Package saleswingstest is a SalesWings of one's own for tests and rehearsals: it
// answers as the vendor's server is described to, checks what it is sent, keeps it,
// and fails on demand. It holds everything in memory.
package saleswingstest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Activity is one item that the server took.
type Activity struct {
	Surface      string // "segment" or "core"
	Kind         string // "Track" or "Identify"
	Data         string
	UserID       string
	AnonymousID  string
	Email        string
	Timestamp    time.Time
	TransitionID string // values.transition_id; empty for identify
	Values       map[string]any
	Asked        time.Time // when its request came in
	Taken        time.Time // when the server took it
}

// Request is one call that came in.
type Request struct {
	At     time.Time
	Path   string
	Items  int
	Status int // what was answered; 0 while it hangs
}

// Server is an http.Handler. It is safe for concurrent use.
type Server struct {
	key string

	mu       sync.Mutex
	script   []Fault
	always   Fault
	onTaken  func(Activity)
	requests []Request
	taken    []Activity
	counts   map[string]int
}

// New returns a server that admits one key.
func New(apiKey string) *Server { return &Server{key: apiKey, counts: map[string]int{}} }

// Script makes the next requests fail, one fault each; nil lets one pass.
func (s *Server) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, faults...)
}

// Always makes every request beyond the script fail; nil ends it.
func (s *Server) Always(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = f
}

// OnTaken is called for every item that is taken, in order.
func (s *Server) OnTaken(f func(Activity)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onTaken = f
}

// Requests returns all calls so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Taken returns all items taken so far, in order.
func (s *Server) Taken() []Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Activity(nil), s.taken...)
}

// Tracks are the Taken items that carry a transition.
func (s *Server) Tracks() []Activity {
	var out []Activity
	for _, a := range s.Taken() {
		if a.Kind == "Track" {
			out = append(out, a)
		}
	}
	return out
}

// Counts says how often each transition id was taken.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.counts))
	maps.Copy(out, s.counts)
	return out
}

// Count is Counts of one id.
func (s *Server) Count(transitionID string) int { return s.Counts()[transitionID] }

// maxBody is the batch size of the vendor's framework.
const maxBody = 4 << 20

// ServeHTTP answers POST on the batch paths of both surfaces, and GET on the path
// that checks a key.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, asked := s.begin(r)
	rec := &recorder{ResponseWriter: w}
	defer func() { s.end(n, rec.status) }()
	if r.Header.Get("Authorization") != "Bearer "+s.key {
		writeJSON(rec, http.StatusUnauthorized, map[string]string{"message": "Unauthorized"})
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == "/api/core/project/account" {
		writeJSON(rec, http.StatusOK, map[string]string{"name": "test"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rec, r.Body, maxBody))
	if err != nil {
		writeJSON(rec, http.StatusRequestEntityTooLarge, map[string]string{"message": "too large"})
		return
	}
	items, err := split(r, body)
	if err != nil {
		writeJSON(rec, http.StatusNotFound, map[string]string{"message": err.Error()})
		return
	}
	s.count(n, len(items))
	call := &Call{Request: r, Items: len(items), asked: asked, failed: map[int]itemError{}}
	for _, it := range items {
		a, _ := it.read()
		call.TransitionIDs = append(call.TransitionIDs, a.TransitionID)
	}
	call.take = func() { s.take(call, items) }
	if fault := s.next(); fault != nil && fault(rec, call) {
		return
	}
	call.take()
	answer(rec, call)
}

func (s *Server) begin(r *http.Request) (n int, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = time.Now()
	s.requests = append(s.requests, Request{At: at, Path: r.URL.Path})
	return len(s.requests) - 1, at
}

func (s *Server) count(n, items int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[n].Items = items
}

func (s *Server) end(n, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[n].Status = status
}

func (s *Server) next() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.script) > 0 {
		f := s.script[0]
		s.script = s.script[1:]
		return f
	}
	return s.always
}

// take keeps the items that neither the fault nor their own form refuses.
func (s *Server) take(call *Call, items []item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, it := range items {
		if _, failed := call.failed[i]; failed {
			continue
		}
		a, err := it.read()
		if err != nil {
			call.failed[i] = itemError{http.StatusBadRequest, err.Error()}
			continue
		}
		a.Asked, a.Taken = call.asked, time.Now()
		s.taken = append(s.taken, a)
		if a.TransitionID != "" {
			s.counts[a.TransitionID]++
		}
		if s.onTaken != nil {
			s.onTaken(a)
		}
	}
}

func answer(w http.ResponseWriter, call *Call) {
	if len(call.failed) == 0 {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "Accepted")
		return
	}
	type failed struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
		Index   int    `json:"index"`
	}
	list := []failed{}
	for i := range call.Items {
		if e, ok := call.failed[i]; ok {
			list = append(list, failed{e.status, e.message, i})
		}
	}
	writeJSON(w, http.StatusMultiStatus, map[string]any{
		"itemsProcessed": call.Items, "success": call.Items - len(list), "error": len(list), "errorResponses": list,
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// split finds the items of a batch on either surface.
func split(r *http.Request, body []byte) ([]item, error) {
	var raw []json.RawMessage
	var surface, kind string
	switch {
	case r.Method != http.MethodPost:
		return nil, fmt.Errorf("no %s here", r.Method)
	case r.URL.Path == "/api/core/events/batches":
		surface = "core"
		var doc struct{ Events []json.RawMessage }
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		raw = doc.Events
	case strings.HasPrefix(r.URL.Path, "/api/segment/events/") && strings.HasSuffix(r.URL.Path, "/batches"):
		surface = "segment"
		kind = strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/segment/events/"), "/batches")
		if err := json.Unmarshal(body, &raw); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	default:
		return nil, fmt.Errorf("no such path")
	}
	items := make([]item, len(raw))
	for i := range raw {
		items[i] = item{surface, kind, raw[i]}
	}
	return items, nil
}

// recorder remembers the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
