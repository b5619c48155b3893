package main

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// proxy is a TCP connection that can be cut, silenced and led elsewhere.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	cut    bool
	mute   bool // connections stay, and nothing goes through
	open   map[net.Conn]bool
	all    sync.WaitGroup
}

func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &proxy{listener: l, target: target, open: map[net.Conn]bool{}}
	p.all.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) close() {
	_ = p.listener.Close()
	p.set(func() { p.cut = true })
	p.all.Wait()
}

// set changes what the proxy does and breaks every connection that is there.
func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	for c := range p.open {
		_ = c.Close()
	}
	clear(p.open)
}

// silence lets nothing through and breaks nothing, for as long as it is on.
func (p *proxy) silence(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = on
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target, cut := p.target, p.cut
		p.mu.Unlock()
		out, err := net.DialTimeout("tcp", target, time.Second)
		if cut || err != nil {
			_ = in.Close()
			if err == nil {
				_ = out.Close()
			}
			continue
		}
		p.mu.Lock()
		p.open[in], p.open[out] = true, true
		p.mu.Unlock()
		p.all.Go(func() { p.copy(in, out) })
		p.all.Go(func() { p.copy(out, in) })
	}
}

func (p *proxy) copy(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, from)
		delete(p.open, to)
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		for p.muted() {
			time.Sleep(10 * time.Millisecond)
		}
		if _, failed := to.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (p *proxy) muted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mute && !p.cut
}
