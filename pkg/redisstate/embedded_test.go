package redisstate_test

import (
	"log/slog"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/redisstate/statetest"
)

func TestEmbeddedRedisConforms(t *testing.T) {
	server := miniredis.RunT(t)
	statetest.Run(t, func(t *testing.T) *redisstate.Store {
		t.Helper()
		server.FlushAll()
		return open(t, redisstate.Config{URL: "redis://" + server.Addr(), Embedded: true, Prefix: "test:"})
	}, func(t *testing.T, key string) {
		t.Helper()
		if !server.Del("test:" + key) {
			t.Fatalf("there is no key %s", key)
		}
	})
}

func open(t testing.TB, cfg redisstate.Config) *redisstate.Store {
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
