// Package real_test runs the conformance suites of the adapters over real parts.
package real_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/redisstate/statetest"
	"github.com/cohortflow/cohortflow/test/launch"
)

func TestRedisConforms(t *testing.T) {
	addr, server := launch.Redis(t)
	statetest.Run(t, func(t *testing.T) *redisstate.Store {
		if err := server.FlushAll(); err != nil {
			t.Fatal(err)
		}
		return openState(t, redisstate.Config{URL: "redis://" + addr})
	}, func(t *testing.T, key string) { lose(t, key, server) })
}

func TestRedisClusterConforms(t *testing.T) {
	addrs, servers := launch.RedisCluster(t, 3)
	statetest.Run(t, func(t *testing.T) *redisstate.Store {
		for _, server := range servers {
			if err := server.FlushAll(); err != nil {
				t.Fatal(err)
			}
		}
		return openState(t, redisstate.Config{URL: strings.Join(addrs, ","), Prefix: "test:"})
	}, func(t *testing.T, key string) { lose(t, "test:"+key, servers...) })
}

// lose takes a key away on whichever server has it.
func lose(t *testing.T, key string, servers ...*launch.Server) {
	t.Helper()
	for _, server := range servers {
		if n, err := server.Do("DEL", key); err == nil && n == "1" {
			return
		}
	}
	t.Fatalf("nobody has the key %s", key)
}

func openState(t testing.TB, cfg redisstate.Config) *redisstate.Store {
	t.Helper()
	s, err := redisstate.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
