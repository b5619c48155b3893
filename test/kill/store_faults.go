package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cohortflow/cohortflow/test/launch"
)

// stores are a Redis and its replica. The processor speaks to the one that is in force through a proxy, and so does
// the replica to its primary.
type stores struct {
	dir      string
	front    *proxy // of the processor
	between  *proxy // of the replica
	servers  []*launch.Server
	standing *launch.Server // the one in force
}

// newStores attaches a replica to a running Redis.
func newStores(dir string, primary *launch.Server) (*stores, error) {
	s := &stores{dir: dir, servers: []*launch.Server{primary}, standing: primary}
	var err error
	if s.front, err = newProxy(primary.Addr); err != nil {
		return nil, err
	}
	if s.between, err = newProxy(primary.Addr); err != nil {
		return nil, err
	}
	return s, s.attach()
}

// attach starts a replica of the one in force.
func (s *stores) attach() error {
	dir := filepath.Join(s.dir, fmt.Sprintf("replica%d", len(s.servers)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder of the replica: %w", err)
	}
	s.between.set(func() { s.between.target = s.standing.Addr })
	host, port, err := net.SplitHostPort(s.between.addr())
	if err != nil {
		return err
	}
	r, err := launch.StartRedis(dir, "--replicaof", host+" "+port, "--repl-timeout", "5")
	if err != nil {
		return err
	}
	s.servers = append(s.servers, r)
	return nil
}

func (s *stores) replica() *launch.Server { return s.servers[len(s.servers)-1] }

func (s *stores) close() error {
	s.front.close()
	s.between.close()
	var errs []error
	for _, r := range s.servers[1:] {
		errs = append(errs, r.Stop())
	}
	return errors.Join(errs...)
}

// promote makes the replica the one in force, with whatever it has.
func (s *stores) promote() error {
	if _, err := s.replica().Do("REPLICAOF", "NO", "ONE"); err != nil {
		return fmt.Errorf("promote the replica: %w", err)
	}
	s.standing = s.replica()
	s.front.set(func() { s.front.target = s.standing.Addr })
	return nil
}

// fault is something that happens while the flow works.
type fault struct {
	name string
	do   func(ctx context.Context) error
}

// command gives a fault that sets something, and takes it back after a while.
func (s *stores) command(name string, d time.Duration, begin, end []string) fault {
	return fault{name, func(ctx context.Context) error {
		if _, err := s.standing.Do(begin...); err != nil {
			return err
		}
		if err := pause(ctx, d); err != nil || end == nil {
			return err
		}
		_, err := s.standing.Do(end...)
		return err
	}}
}

const outage = 3 * time.Second

// faults happen to the store in force.
func (s *stores) faults() []fault {
	return []fault{
		{"the connection is cut", func(ctx context.Context) error {
			s.front.set(func() { s.front.cut = true })
			err := pause(ctx, outage)
			s.front.set(func() { s.front.cut = false })
			return err
		}},
		{"the connection is silent", func(ctx context.Context) error {
			s.front.silence(true)
			defer s.front.silence(false)
			return pause(ctx, outage)
		}},
		{"connections break again and again", func(ctx context.Context) error {
			for range 30 {
				s.front.set(func() {})
				if err := pause(ctx, outage/30); err != nil {
					return err
				}
			}
			return nil
		}},
		s.command("it is emptied", 0, []string{"FLUSHALL"}, nil),
		s.command("memory is full", outage, []string{"CONFIG", "SET", "maxmemory", "1"}, []string{"CONFIG", "SET", "maxmemory", "0"}),
		s.command("it is read-only, for want of replicas", outage, []string{"CONFIG", "SET", "min-replicas-to-write", "9"}, []string{"CONFIG", "SET", "min-replicas-to-write", "0"}),
		s.command("clients are paused", outage, []string{"CLIENT", "PAUSE", "2500", "ALL"}, nil),
		s.command("scripts are forgotten", 0, []string{"SCRIPT", "FLUSH"}, nil),
		{"it is busy with a script", func(ctx context.Context) error {
			if _, err := s.standing.Do("CONFIG", "SET", "busy-reply-threshold", "100"); err != nil {
				return err
			}
			go func() { _, _ = s.standing.Do("EVAL", "while true do end", "0") }() // it is killed below
			if err := pause(ctx, outage); err != nil {
				return err
			}
			_, err := s.standing.Do("SCRIPT", "KILL")
			return err
		}},
		{"it is frozen", func(ctx context.Context) error {
			if err := s.standing.Pause(); err != nil {
				return err
			}
			return errors.Join(pause(ctx, outage), s.standing.Resume())
		}},
		{"it is killed and comes back", func(context.Context) error {
			return errors.Join(s.standing.Kill9(), s.standing.Restart())
		}},
		{"it comes back without the end of its file", func(context.Context) error {
			if err := s.standing.Kill9(); err != nil {
				return err
			}
			if err := cutTail(filepath.Join(s.standing.Dir, "appendonlydir"), 3_000); err != nil {
				return err
			}
			return s.standing.Restart()
		}},
		{"it comes back empty", func(context.Context) error {
			return errors.Join(s.standing.Kill9(), os.RemoveAll(filepath.Join(s.standing.Dir, "appendonlydir")), s.standing.Restart())
		}},
		{"two are in force by turns", func(ctx context.Context) error {
			old := s.standing
			if err := s.promote(); err != nil {
				return err
			}
			for i := range 4 {
				if err := pause(ctx, outage/2); err != nil {
					return err
				}
				to := []*launch.Server{old, s.standing}[i%2]
				s.front.set(func() { s.front.target = to.Addr })
			}
			return s.attach()
		}},
		{"the replica takes over without the last commits", func(ctx context.Context) error {
			s.between.set(func() { s.between.cut = true })
			if err := pause(ctx, outage); err != nil {
				return err
			}
			if err := errors.Join(s.standing.Kill9(), s.promote()); err != nil {
				return err
			}
			s.between.set(func() { s.between.cut = false })
			return s.attach()
		}},
		{"it becomes a replica of its replica", func(ctx context.Context) error {
			host, port, err := net.SplitHostPort(s.replica().Addr)
			if err != nil {
				return err
			}
			if _, err := s.replica().Do("REPLICAOF", "NO", "ONE"); err != nil {
				return err
			}
			if _, err := s.standing.Do("REPLICAOF", host, port); err != nil { // READONLY from here on
				return err
			}
			if err := pause(ctx, outage); err != nil {
				return err
			}
			return s.promote()
		}},
	}
}

// cutTail takes bytes off the newest part of an append-only file.
func cutTail(dir string, n int64) error {
	parts, err := filepath.Glob(filepath.Join(dir, "*.incr.aof"))
	if err != nil || len(parts) == 0 {
		return fmt.Errorf("no append-only file in %s: %w", dir, err)
	}
	slices.Sort(parts)
	path := parts[len(parts)-1]
	at, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, max(0, at.Size()-n))
}
