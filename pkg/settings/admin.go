package settings

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// Admin says where health and metrics are served.
type Admin struct {
	Listen      string        `name:"admin" default:"127.0.0.1:9464" help:"Address of /healthz, /readyz and /metrics."`
	Pprof       bool          `help:"Serve profiles of this process at /debug/pprof/ on the admin address."`
	LogLevel    string        `default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
	StopTimeout time.Duration `name:"shutdown-timeout" default:"20s" help:"Time for an end in good order."`
}

// Serve makes the component of the admin port; more adds further routes. The port is
// taken at once, so that a busy one is told before anything starts.
func (a Admin) Serve(ctx context.Context, tel *telemetry.T, health *lifecycle.Health, more func(*http.ServeMux)) (lifecycle.Component, error) {
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", a.Listen)
	if err != nil {
		return lifecycle.Component{}, fmt.Errorf("admin address (--admin): %w", err)
	}
	mux := http.NewServeMux()
	health.Register(mux)
	mux.Handle("GET /metrics", tel.MetricsHandler)
	if a.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	if more != nil {
		more(mux)
	}
	return lifecycle.HTTP("admin", ln, &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
	}, 2*time.Second), nil
}
