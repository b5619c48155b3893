package launch

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

const clusterSlots = 16384

// RedisCluster starts a Redis Cluster of n primaries for one test, with the slots spread evenly.
func RedisCluster(t testing.TB, n int) (addrs []string, servers []*Server) {
	t.Helper()
	for i := range n {
		addr, s := Redis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		addrs, servers = append(addrs, addr), append(servers, s)
		from, to := i*clusterSlots/n, (i+1)*clusterSlots/n-1
		if _, err := s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to)); err != nil {
			t.Fatalf("give redis %s its slots: %v", addr, err)
		}
		// Two nodes with one epoch would have to settle that first.
		if _, err := s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			t.Fatalf("give redis %s its epoch: %v", addr, err)
		}
	}
	for _, s := range servers[1:] {
		if err := meet(servers[0], s); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range servers {
		if err := s.proc.await(30*time.Second, func() error { return s.inCluster(n) }); err != nil {
			t.Fatal(err)
		}
	}
	return addrs, servers
}

// meet tells one node of another; the bus port has to be named, since it is not the usual one.
func meet(known, joining *Server) error {
	host, port, err := net.SplitHostPort(joining.Addr)
	if err != nil {
		return err
	}
	bus, err := joining.Do("CONFIG", "GET", "cluster-port")
	if err != nil {
		return err
	}
	_, busPort, _ := strings.Cut(bus, "\n")
	_, err = known.Do("CLUSTER", "MEET", host, port, busPort)
	return err
}

// inCluster says nil when this node sees all slots served and all nodes.
func (s *Server) inCluster(nodes int) error {
	info, err := s.Do("CLUSTER", "INFO")
	if err != nil {
		return err
	}
	for _, want := range []string{"cluster_state:ok", "cluster_slots_ok:16384", fmt.Sprintf("cluster_size:%d", nodes)} {
		if !strings.Contains(info, want+"\r\n") {
			return errors.New("not yet " + want)
		}
	}
	return nil
}
