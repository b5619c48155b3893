package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/cohortflow/cohortflow/test/contract"
	"github.com/cohortflow/cohortflow/test/launch"
)

func TestContract_SimulatedStore(t *testing.T) {
	contract.RunStore(t, contract.Simulated, func(testing.TB, bool) contract.Store { return newSimStore() })
}

func TestContract_EmbeddedStore(t *testing.T) {
	server := miniredis.RunT(t)
	fresh := func(t testing.TB) contract.Store {
		return contract.NewRedis(t, contract.Embedded, server.Addr(), "", contract.Faults{Away: func(away bool) {
			if away {
				server.Close()
			} else if err := server.Restart(); err != nil {
				t.Fatal(err)
			}
		}})
	}
	contract.RunStore(t, contract.Embedded, func(t testing.TB, _ bool) contract.Store { return fresh(t) })
	compareStores(t, fresh(t))
}

func TestContract_RealStore(t *testing.T) {
	addr, server := launch.Redis(t)
	fresh := func(t testing.TB) contract.Store {
		faults := faultsOf(t, server)
		t.Cleanup(func() { faults.Refuse("") })
		return contract.NewRedis(t, contract.Real, addr, "", faults)
	}
	contract.RunStore(t, contract.Real, func(t testing.TB, replica bool) contract.Store {
		if !replica {
			return fresh(t)
		}
		return replicated(t)
	})
	compareStores(t, fresh(t))
}

func compareStores(t *testing.T, other contract.Store) {
	t.Run("as simulated", func(t *testing.T) {
		contract.CompareStores(t, func() []contract.Store {
			other.Flush()
			return []contract.Store{newSimStore(), other}
		})
	})
}

// do runs a command that has to work.
func do(t testing.TB, s *launch.Server, command ...string) string {
	t.Helper()
	answer, err := s.Do(command...)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(command, " "), err)
	}
	return answer
}

func faultsOf(t testing.TB, server *launch.Server) contract.Faults {
	return contract.Faults{
		Away: func(away bool) {
			act := server.Restart
			if away {
				act = server.Kill9
			}
			if err := act(); err != nil {
				t.Fatal(err)
			}
		},
		Refuse: func(reason string) {
			memory, replicas := "0", "0"
			switch reason {
			case contract.NoMemory:
				memory = "1"
			case contract.NoReplicas:
				replicas = "3"
			}
			do(t, server, "CONFIG", "SET", "maxmemory", memory, "min-replicas-to-write", replicas)
		},
	}
}

// replicated is a primary with its replica.
func replicated(t testing.TB) contract.Store {
	// One that has just copied another writes its whole append-only file, and does not end before.
	addr, primary := launch.Redis(t, "--repl-diskless-sync-delay", "0", "--appendonly", "no")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	copyAddr, replica := launch.Redis(t, "--replicaof", host+" "+port, "--appendonly", "no")
	copyHost, copyPort, err := net.SplitHostPort(copyAddr)
	if err != nil {
		t.Fatal(err)
	}
	follows(t, replica)
	faults := faultsOf(t, primary)
	faults.Fall = func() {
		wrote := offsetOf(t, primary, "master_repl_offset")
		wait(t, "the replica has what was written", func() bool { return offsetOf(t, replica, "slave_repl_offset") >= wrote })
		do(t, replica, "REPLICAOF", "NO", "ONE")
	}
	faults.Failover = func() {}
	faults.Unify = func() {
		do(t, replica, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
		do(t, primary, "REPLICAOF", copyHost, copyPort)
		follows(t, primary)
	}
	return contract.NewRedis(t, contract.Real, addr, copyAddr, faults)
}

// follows waits until a replica is connected to its primary.
func follows(t testing.TB, replica *launch.Server) {
	t.Helper()
	wait(t, "the replica follows", func() bool {
		return strings.Contains(do(t, replica, "INFO", "replication"), "master_link_status:up")
	})
}

// offsetOf reads how much was written, or copied.
func offsetOf(t testing.TB, server *launch.Server, name string) int {
	t.Helper()
	_, after, _ := strings.Cut(do(t, server, "INFO", "replication"), name+":")
	text, _, _ := strings.Cut(after, "\r")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func wait(t testing.TB, what string, there func() bool) {
	t.Helper()
	for begun := time.Now(); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("it never came to it that %s", what)
		}
	}
}

// The documentation names every known difference, and no other one.
func TestContract_DifferencesAreWrittenDown(t *testing.T) {
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "correctness.md"))
	if err != nil {
		t.Fatal(err)
	}
	contract.Written(t, string(text), "### Where the simulators differ")
}
