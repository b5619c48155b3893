package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// HTTP is a component that serves srv on ln. When it is stopped it takes no new
// connection, answers what it has taken, for at most drain, and returns once the
// last answer is out. The caller sets the limits (timeouts, header size) of srv.
func HTTP(name string, ln net.Listener, srv *http.Server, drain time.Duration) Component {
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
