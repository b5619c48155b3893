package limits_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
)

func TestPerAddress_HoldsBackOneAndLetsOthersIn(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 16)
	bounded := limits.PerAddress(ln, 2)
	go func() {
		for {
			c, err := bounded.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	from := func(ip string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 5 * time.Second}
		c, err := d.DialContext(context.WithoutCancel(t.Context()), "tcp", ln.Addr().String())
		if err != nil {
			t.Skipf("this system has no %s: %v", ip, err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	first := from("127.0.0.1")
	served := []net.Conn{<-accepted}
	from("127.0.0.1")
	served = append(served, <-accepted)
	third := from("127.0.0.1")
	_ = third.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := third.Read(make([]byte, 1)); !isEnd(err) {
		t.Errorf("the third: got %v, want that it is closed", err)
	}
	from("127.0.0.2")
	if c := <-accepted; c == nil {
		t.Fatal("another address was not let in")
	}
	_ = first.Close()
	_ = served[0].Close()
	_ = served[0].Close() // twice gives back once
	from("127.0.0.1")
	<-accepted
	fifth := from("127.0.0.1")
	_ = fifth.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := fifth.Read(make([]byte, 1)); !isEnd(err) {
		t.Errorf("one more than were given back: got %v, want that it is closed", err)
	}
	_ = ln.Close()
	if limits.PerAddress(ln, 0) != ln {
		t.Error("0 does not mean no bound")
	}
}

// isEnd tells an end of the connection from one that stays open and silent.
func isEnd(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return errors.Is(err, io.EOF) || ok && !op.Timeout()
}
