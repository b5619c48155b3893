package limits

import (
	"net"
	"net/netip"
	"sync"
)

// PerAddress bounds how many connections one address may hold of ln at once; more are closed
// unread. 0 = no bound, as behind a proxy, where all come from one address.
func PerAddress(ln net.Listener, most int) net.Listener {
	if most <= 0 {
		return ln
	}
	return &fair{Listener: ln, most: most, open: make(map[netip.Addr]int)}
}

type fair struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[netip.Addr]int // by address, those that are not 0
}

// Accept gives the next connection of an address that may have one more.
func (f *fair) Accept() (net.Conn, error) {
	for {
		conn, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addressOf(conn)
		if f.enter(addr) {
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { f.leave(addr) })}, nil
		}
		_ = conn.Close() // nobody is owed a word
	}
}

func (f *fair) enter(addr netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[addr] >= f.most {
		return false
	}
	f.open[addr]++
	return true
}

func (f *fair) leave(addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[addr]--; f.open[addr] <= 0 {
		delete(f.open, addr)
	}
}

// addressOf takes an IPv6 client by its network of 64 bits, which is what one subscriber has.
func addressOf(conn net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return addr
}

type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
