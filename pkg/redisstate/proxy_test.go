package redisstate_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// cut says where a proxy breaks the line to Redis.
type cut int

const (
	nowhere      cut = iota
	beforeWatch      // the first command of a commit never arrives
	beforeExec       // the writes arrive, EXEC does not
	beforeAnswer     // EXEC arrives, its answer does not come back
	stallWatch       // as above, but the line stays open and silent
	stallAnswer      // the same for EXEC's answer
	stallExec        // EXEC is held back
)

// proxy stands between a store and Redis and breaks the line where it is told to.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string // where new connections lead to
	where  cut
	lines  []net.Conn // every connection that is open
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		for _, line := range p.lines {
			_ = line.Close()
		}
		p.mu.Unlock()
		all.Wait()
	})
	return p
}

func (p *proxy) breakAt(where cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.where = where
}

// pointTo leads new connections elsewhere, as a name that moves to a new primary does.
func (p *proxy) pointTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) at() cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.where
}

func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.lines = append(p.lines, client, server)
	p.mu.Unlock()
	var answers sync.WaitGroup
	silent, executed := make(chan struct{}), make(chan struct{})
	answers.Go(func() {
		defer client.Close()
		var held []byte
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-silent:
				before := bytes.Contains(held, []byte("*"))
				held = append(held, buf[:n]...)
				if !before && bytes.Contains(held, []byte("*")) { // only EXEC answers with an array
					close(executed)
				}
				continue
			default:
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	defer answers.Wait()
	defer server.Close()
	buf := make([]byte, 1<<20) // holds a whole commit of these tests
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		sent := buf[:n]
		exec := bytes.Index(sent, []byte("*1\r\n$4\r\nexec\r\n"))
		watch := bytes.Contains(sent, []byte("\r\nwatch\r\n"))
		switch where := p.at(); {
		case where == beforeWatch && watch:
			_ = client.Close()
			return
		case where == stallWatch && watch:
			continue
		case where == beforeExec && exec >= 0:
			_, _ = server.Write(sent[:exec])
			_ = client.Close()
			return
		case where == stallExec && exec >= 0:
			sent = sent[:exec]
		case (where == beforeAnswer || where == stallAnswer) && exec >= 0:
			close(silent)
			_, _ = server.Write(sent)
			<-executed
			if where == beforeAnswer {
				_ = client.Close()
				return
			}
			continue
		}
		if _, err := server.Write(sent); err != nil {
			return
		}
	}
}
