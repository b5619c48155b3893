// Package faultproxy is a reverse proxy that answers 500 to some requests, so
// that client libraries retry. It knows nothing of what it carries.
package faultproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
)

// When says at which moment a request is broken.
type When int

// The two faults a client cannot tell apart, and their alternation.
const (
	Before  When = iota // the server never sees the request: a retry is its first arrival
	After               // the server has taken the request and its answer is lost: a retry is a repeat
	InTurns             // Before and After alternate
)

// Config says what is broken and how often.
type Config struct {
	Target string // base URL of the server behind
	Every  int    // every n-th request is broken; 0 breaks none
	When   When
	Status int // answered to a broken request; 0 means 500
}

// Proxy is an http.Handler. It may be used by many goroutines.
type Proxy struct {
	cfg      Config
	forward  *httputil.ReverseProxy
	requests atomic.Int64
	broken   atomic.Int64
}

// New checks the configuration and returns a proxy that is ready to serve.
func New(cfg Config) (*Proxy, error) {
	target, err := url.Parse(cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("fault proxy target: %w", err)
	}
	if target.Host == "" || target.Scheme == "" {
		return nil, fmt.Errorf("fault proxy target %q: give scheme and host, as in http://127.0.0.1:8080", cfg.Target)
	}
	if cfg.Every < 0 {
		return nil, errors.New("fault proxy: every must not be negative; 0 breaks nothing")
	}
	if cfg.Status == 0 {
		cfg.Status = http.StatusInternalServerError
	}
	p := &Proxy{cfg: cfg}
	p.forward = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	return p, nil
}

// Requests is the number of requests that came in, broken ones included.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

// Broken is the number of requests that were answered with the fault.
func (p *Proxy) Broken() int64 { return p.broken.Load() }

// ServeHTTP passes the request on or breaks it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := p.requests.Add(1)
	if p.cfg.Every == 0 || n%int64(p.cfg.Every) != 0 {
		p.forward.ServeHTTP(w, r)
		return
	}
	turn := p.broken.Add(1)
	if p.cfg.When == After || p.cfg.When == InTurns && turn%2 == 0 {
		p.forward.ServeHTTP(&discard{header: http.Header{}}, r)
	} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // the client went away: there is nobody to answer
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.cfg.Status)
	_, _ = io.WriteString(w, `{"code":"fault","message":"broken on purpose","meta":{"errors":["broken on purpose"]}}`)
}

// discard takes the server's answer and loses it.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
