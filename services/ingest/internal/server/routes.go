package server

import (
	"net/http"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/pipelines"
)

// shortPaths are what the browser client calls; the mobile ones use /b.
//
//nolint:gochecknoglobals // a table
var shortPaths = map[string]string{
	pipelines.Track: "/t", pipelines.Identify: "/i", pipelines.Page: "/p",
	pipelines.Screen: "/s", pipelines.Group: "/g", pipelines.Alias: "/a",
}

// routes is the whole surface of the service.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern, source string, serve func(*call)) {
		s.patterns = append(s.patterns, pattern)
		mux.Handle(pattern, s.observed(source, serve))
	}
	both := func(method, path string, serve func(*call)) {
		route(method+" /v1"+path, event.SourcePipelines, serve)
		route(method+" "+path, event.SourcePipelines, serve)
	}

	route("POST /v1/webhooks/customerio", event.SourceReporting, s.reporting)
	route("POST /v1/webhooks/customerio/{name}", event.SourceReporting, s.reporting)
	route("POST /webhooks/reporting", event.SourceReporting, s.reporting)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch} {
		route(method+" /v1/webhooks/pipelines", event.SourceDestination, s.destination)
	}

	for kind, short := range shortPaths {
		serve := func(c *call) { c.pipelines(kind) }
		for _, path := range []string{"/" + kind, short} {
			both(http.MethodPost, path, serve)
			both(http.MethodOptions, path, preflight)
		}
	}
	for _, path := range []string{"/batch", "/b"} {
		both(http.MethodPost, path, func(c *call) { c.pipelines("") })
		both(http.MethodOptions, path, preflight)
	}
	both(http.MethodGet, "/projects/{key}/settings", s.settings)
	both(http.MethodOptions, "/projects/{key}/settings", preflight)
	both(http.MethodPost, "/m", clientMetrics)
	both(http.MethodOptions, "/m", preflight)

	s.trackRoutes(func(pattern string, serve func(*call)) { route(pattern, event.SourceTrackV1, serve) })
	route("POST /api/v2/entity", event.SourceTrackV2, s.entity)
	route("POST /api/v2/batch", event.SourceTrackV2, s.entities)

	if s.cfg.EraseKeys.Any() {
		route("POST /v1/erase", normalise.SourceAdmin, s.erase)
	}

	nothing := s.observed("unknown", func(c *call) {
		c.refuse(refusal{status: http.StatusNotFound, code: "not_found", message: "there is nothing at this path with this method"})
	})
	mux.Handle("/", nothing)
	return s.careful(mux, nothing)
}

// careful stands before the mux: it ends what a handler panics with, and it answers the
// paths that the mux would redirect. No client expects to be redirected, and some
// would repeat the call at another place with another meaning.
func (s *Server) careful(mux, nothing http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.rescue(w)
		if r.Method == http.MethodConnect || unclean(r.URL.EscapedPath()) {
			nothing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func unclean(path string) bool {
	return !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path, "/./") || strings.Contains(path, "/../") ||
		strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..")
}

func (s *Server) rescue(w http.ResponseWriter) {
	p := recover()
	switch p {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(p)
	}
	// The value may hold a part of the message; where it happened says enough.
	s.cfg.Log.Error("a request made the handler panic", "at", where())
	answer(w, http.StatusInternalServerError, problem{Code: "internal_error", Message: "a defect in the server"})
}
