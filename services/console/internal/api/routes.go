package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/services/console/internal/auth"
)

// answerer gives the answer to a request, or why there is none.
type answerer func(ctx context.Context, r *http.Request) (any, *Problem)

// route is one thing that can be asked for.
type route struct {
	pattern string
	serve   answerer
	within  func(*http.Request) time.Duration
}

// table lists everything that can be asked for with a key.
func (s *Server) table() []route {
	usual := func(*http.Request) time.Duration { return s.cfg.Timeout }
	counting := func(r *http.Request) time.Duration {
		if r.URL.Query().Has("verify") {
			return s.cfg.CountTimeout
		}
		return s.cfg.Timeout
	}
	return []route{
		{"GET /v1/cohorts", s.cohorts, usual},
		{"GET /v1/cohorts/{id}/size", s.size, counting},
		{"GET /v1/people/{id}", s.person, usual},
		{"GET /v1/people/{id}/explain", s.explain, usual},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.table() {
		mux.Handle(r.pattern, s.observed(s.asked(r)))
	}
	mux.Handle("GET /openapi.json", s.observed(s.open(descriptionJSON, "application/openapi+json")))
	mux.Handle("GET /openapi.yaml", s.observed(s.open(descriptionYAML, "application/openapi+yaml")))
	nothing := s.observed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			s.refuse(w, r, problem(http.StatusMethodNotAllowed, "read_only", "this API only reads", "use GET").of("method"))
			return
		}
		s.refuse(w, r, nothingHere())
	}))
	mux.Handle("/", nothing)
	return s.careful(mux, nothing)
}

// asked lets in who may ask, if there is room, and answers in time.
func (s *Server) asked(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := s.admit(r); p != nil {
			s.refuse(w, r, p)
			return
		}
		select {
		case s.gate <- struct{}{}:
			defer func() { <-s.gate }()
		default:
			s.refuse(w, r, problem(http.StatusServiceUnavailable, "overloaded", "too many requests at once", "ask again a little later, or raise console-max-requests").again(1))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), to.within(r))
		defer cancel()
		body, p := to.serve(ctx, r)
		if p != nil {
			s.refuse(w, r, p)
			return
		}
		write(w, http.StatusOK, "application/json", body)
	})
}

// open serves what everybody may read.
func (s *Server) open(text []byte, kind string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text)
	})
}

// admit says who may ask: whoever has a key. Where there is none the service listens on
// a loopback address alone, and then the name that was asked for has to be one as well,
// else a page in a browser of this machine could have its own name lead here.
func (s *Server) admit(r *http.Request) *Problem {
	if !s.cfg.Keys.Any() {
		if !loopback(r.Host) {
			return problem(http.StatusMisdirectedRequest, "not_loopback", "without console-keys only loopback addresses are answered to",
				"ask at 127.0.0.1 or localhost, or set console-keys").of("Host")
		}
		return nil
	}
	if !s.cfg.Keys.Admit(r.Header.Get("Authorization"), auth.Read) {
		return unauthorized()
	}
	return nil
}

// loopback says whether host, with or without a port, is this machine and nothing else.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// refuse answers a problem, counts it, and logs what is ours to mend.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p *Problem) {
	s.meters.refuse(r.Context(), p.code)
	if p.Status == http.StatusInternalServerError {
		s.cfg.Log.ErrorContext(r.Context(), "a request could not be answered", "reason", p.code, "detail", p.Detail, "route", r.Pattern)
	}
	p.write(w)
}

// careful stands before the mux: it ends what a handler panics with, and answers the
// paths that the mux would redirect, since an id may look like a path.
func (s *Server) careful(mux, nothing http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.rescue(w)
		path := r.URL.EscapedPath()
		if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../") {
			nothing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) rescue(w http.ResponseWriter) {
	p := recover()
	switch p {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(p)
	}
	// The value may hold an id; where it happened says enough.
	s.cfg.Log.Error("a request made the handler panic", "at", where())
	problem(http.StatusInternalServerError, "internal_error", "a defect in the server", "report it with the line of the log").write(w)
}
