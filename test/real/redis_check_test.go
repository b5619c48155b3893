package real_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/test/launch"
)

func TestRedisCheck_NamesWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		cfg  redisstate.Config
		want []string // parts of the error; none: it is good
		warn string
	}{
		{name: "as it should be", args: []string{"--maxmemory", "1gb", "--hash-max-listpack-entries", "512", "--hash-max-listpack-value", "128"}},
		{name: "evicts", args: []string{"--maxmemory-policy", "allkeys-lru"}, want: []string{`maxmemory-policy is "allkeys-lru"`, "noeviction"}},
		{name: "persists nothing", args: []string{"--appendonly", "no"}, want: []string{"nothing is persisted", "appendonly yes"}},
		{name: "persists nothing and may", args: []string{"--appendonly", "no"}, cfg: redisstate.Config{AllowVolatile: true}, warn: "maxmemory is not set"},
		{name: "snapshots only", args: []string{"--appendonly", "no", "--save", "60 1000"}, warn: "only snapshots"},
		{name: "small hashes", warn: "hash-max-listpack-entries"},
		{name: "both at once", args: []string{"--appendonly", "no", "--maxmemory-policy", "volatile-ttl"}, want: []string{"nothing is persisted", "volatile-ttl"}},
		{name: "CONFIG is forbidden", args: []string{"--rename-command", "CONFIG", ""}, warn: "maxmemory is not set"},
		{name: "CONFIG is forbidden and AOF off", args: []string{"--appendonly", "no", "--rename-command", "CONFIG", ""}, want: []string{"CONFIG is forbidden"}},
		{name: "a replica", args: []string{"--replicaof", "127.0.0.1 1"}, want: []string{`it is a "slave"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, _ := launch.Redis(t, test.args...)
			test.cfg.URL = "redis://" + addr
			report, err := openState(t, test.cfg).Check(t.Context())
			if (err == nil) != (len(test.want) == 0) {
				t.Fatalf("got error %v, want one with %q", err, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got error %v, want one that says %q", err, part)
				}
			}
			all := strings.Join(report.Warnings, "\n")
			if test.warn == "" && len(test.want) == 0 && all != "" {
				t.Errorf("got warnings %q, want none", all)
			}
			if !strings.Contains(all, test.warn) {
				t.Errorf("got warnings %q, want one with %q", all, test.warn)
			}
			if len(report.Nodes) != 1 || report.Nodes[0].Version == "" || report.Nodes[0].Addr != addr {
				t.Errorf("got nodes %+v, want one with address and version", report.Nodes)
			}
		})
	}
}

func TestRedisClusterCheck(t *testing.T) {
	addrs, servers := launch.RedisCluster(t, 3)
	state := openState(t, redisstate.Config{URL: strings.Join(addrs, ",")})
	report, err := state.Check(t.Context())
	if err != nil || len(report.Nodes) != 3 || !report.Cluster {
		t.Fatalf("got report %+v, error %v, want three good nodes", report, err)
	}
	// A client that does not know of the cluster would be sent away from two thirds of the partitions.
	if _, err := openState(t, redisstate.Config{URL: "redis://" + addrs[0]}).Check(t.Context()); err == nil {
		t.Error("a single-node url of a cluster was accepted")
	}
	if err := servers[2].Stop(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, err := state.Check(t.Context())
		return err != nil
	})
	_, err = state.Check(t.Context())
	var refusal *redisstate.RefusedError
	if !errors.Is(err, redisstate.ErrUnavailable) && !errors.As(err, &refusal) && !strings.Contains(err.Error(), "16384") {
		t.Errorf("got error %v, want one that says what is missing", err)
	}
}
