package main

import (
	"sync"
	"testing"

	"github.com/cohortflow/cohortflow/test/launch"
)

var built = sync.OnceValues(func() (map[string]string, error) {
	root, err := launch.Root()
	if err != nil {
		return nil, err
	}
	return build(root, serviceNames...)
})

// begin starts a whole flow, which ends with the test. store may put something between the processor and its Redis.
func begin(t *testing.T, store func(dir string, primary *launch.Server) (string, error)) *flow {
	t.Helper()
	dir := t.TempDir()
	return beginOn(t, dir, parts{store: func(primary *launch.Server) (string, error) {
		if store == nil {
			return primary.Addr, nil
		}
		return store(dir, primary)
	}})
}

func beginOn(t *testing.T, dir string, on parts) *flow {
	t.Helper()
	launch.Need(t, launch.PartKafka, launch.PartRedis)
	if testing.Short() {
		t.Skip("it takes two minutes")
	}
	t.Parallel() // they wait more than they work
	binaries, err := built()
	if err != nil {
		t.Fatal(err)
	}
	f, err := startFlow(t.Context(), dir, binaries, on)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
		for _, s := range f.services {
			if said := s.said(); t.Failed() {
				t.Logf("the end of %s:\n%s", s.name, said[max(0, len(said)-3_000):])
			}
		}
	})
	for _, s := range f.services {
		if err := f.start(s.name); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range f.services {
		if err := s.ready(t.Context(), patience); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
