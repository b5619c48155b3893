package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// HTTP is a component that serves srv on ln. When it is stopped it takes no new
// connection, answers what it has taken, for at most drain, and returns once the
// last answer is out. The caller sets the limits (timeouts, header size) of srv.
func HTTP(name string, ln net.Listener, srv *http.Server, drain time.Duration) Component {
	unused := watchUnused(srv)
	return Component{Name: name, Run: func(ctx context.Context) error {
		failed := make(chan error, 1)
		go func() { failed <- srv.Serve(ln) }()
		select {
		case err := <-failed:
			return fmt.Errorf("serve %s: %w", ln.Addr(), err)
		case <-ctx.Done():
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		unused.close()
		err := srv.Shutdown(limit)
		if err != nil {
			err = errors.Join(fmt.Errorf("drain requests for %s: %w", drain, err), srv.Close())
		}
		if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	}}
}

// unused holds the connections on which nothing was ever sent. A server that stops waits
// five seconds for them, which is more than some have.
type unused struct {
	mu      sync.Mutex
	stopped bool
	conns   map[net.Conn]struct{}
}

func watchUnused(srv *http.Server) *unused {
	u := &unused{conns: make(map[net.Conn]struct{})}
	next := srv.ConnState
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		u.mu.Lock()
		if state == http.StateNew && !u.stopped {
			u.conns[c] = struct{}{}
		} else {
			delete(u.conns, c)
		}
		late := state == http.StateNew && u.stopped
		u.mu.Unlock()
		if late {
			_ = c.Close()
		}
		if next != nil {
			next(c, state)
		}
	}
	return u
}

func (u *unused) close() {
	u.mu.Lock()
	u.stopped = true
	conns := u.conns
	u.conns = make(map[net.Conn]struct{})
	u.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
}
