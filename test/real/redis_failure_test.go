package real_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/test/launch"
)

// TestRedis_RefusedCommitWritesNothing brings a real Redis into each state in which it refuses, and
// out of it again.
func TestRedis_RefusedCommitWritesNothing(t *testing.T) {
	addr, server := launch.Redis(t)
	_, primary := launch.Redis(t)
	_, primaryPort, _ := strings.Cut(primary.Addr, ":")
	state := openState(t, redisstate.Config{URL: "redis://" + addr})
	for _, test := range []struct {
		code     string
		into, to []string // commands that bring Redis into the state and out of it
	}{
		{"OOM", []string{"CONFIG", "SET", "maxmemory", "1"}, []string{"CONFIG", "SET", "maxmemory", "0"}},
		{"NOREPLICAS", []string{"CONFIG", "SET", "min-replicas-to-write", "1"}, []string{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		{"NOPERM", []string{"ACL", "SETUSER", "default", "-hset"}, []string{"ACL", "SETUSER", "default", "+hset"}},
		{"NOPERM", []string{"ACL", "SETUSER", "default", "-multi"}, []string{"ACL", "SETUSER", "default", "+multi"}},
		{"READONLY", []string{"REPLICAOF", "127.0.0.1", primaryPort}, []string{"REPLICAOF", "NO", "ONE"}},
	} {
		t.Run(test.code+" by "+strings.Join(test.into[:2], " "), func(t *testing.T) {
			for _, s := range []*launch.Server{server, primary} {
				if err := s.FlushAll(); err != nil {
					t.Fatal(err)
				}
				seed := openState(t, redisstate.Config{URL: "redis://" + s.Addr})
				mustCommit(t, seed, commitOf(nil, "c1", 500))
			}
			if _, err := server.Do(test.into...); err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, test.code, func() error { return state.Commit(t.Context(), 0, commitOf([]byte("c1"), "c2", 500)) })
			if _, err := server.Do(test.to...); err != nil {
				t.Fatal(err)
			}
			wantState(t, state, "c1", 500)
			mustCommit(t, state, commitOf([]byte("c1"), "c2", 500))
			wantState(t, state, "c2", 500)
		})
	}
}

func TestRedis_RefusalsThatConcernReadsToo(t *testing.T) {
	t.Run("NOAUTH", func(t *testing.T) {
		addr, _ := launch.Redis(t, "--requirepass", "secret")
		for cfg, code := range map[redisstate.Config]string{
			{URL: "redis://" + addr}:                                    "NOAUTH",
			{URL: "redis://" + addr, Password: "wrong"}:                 "WRONGPASS",
			{URL: "redis://:wrong@" + addr, Password: "secret"}:         "",
			{URL: "redis://default:secret@" + addr, Username: "nobody"}: "WRONGPASS",
		} {
			state := openState(t, cfg)
			if code == "" {
				mustCommit(t, state, commitOf(nil, "c1", 1))
				continue
			}
			wantRefusal(t, code, func() error { return state.Commit(t.Context(), 0, commitOf(nil, "c1", 1)) })
			wantRefusal(t, code, func() error { _, err := state.Checkpoint(t.Context(), 0); return err })
		}
	})
	t.Run("BUSY", func(t *testing.T) {
		addr, server := launch.Redis(t, "--busy-reply-threshold", "20")
		state := openState(t, redisstate.Config{URL: "redis://" + addr})
		mustCommit(t, state, commitOf(nil, "c1", 1))
		var script sync.WaitGroup
		script.Go(func() { _, _ = server.Do("EVAL", "while true do end", "0") }) // ends with an error when it is killed
		defer script.Wait()
		waitFor(t, func() bool {
			_, err := server.Do("PING")
			return err != nil && strings.Contains(err.Error(), "BUSY")
		})
		wantRefusal(t, "BUSY", func() error { return state.Commit(t.Context(), 0, commitOf([]byte("c1"), "c2", 1)) })
		if _, err := server.Do("SCRIPT", "KILL"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { _, err := server.Do("PING"); return err == nil })
		mustCommit(t, state, commitOf([]byte("c1"), "c2", 1))
	})
	t.Run("CLUSTERDOWN", func(t *testing.T) {
		addr, _ := launch.Redis(t, "--cluster-enabled", "yes")
		state := openState(t, redisstate.Config{URL: "redis://" + addr})
		wantRefusal(t, "CLUSTERDOWN", func() error { return state.Commit(t.Context(), 0, commitOf(nil, "c1", 1)) })
	})
}

// TestRedis_Kill9InMidStream commits until Redis is killed, and then compares what the last commit
// said with what came back: an answered commit is there (the file is synced at every write), one that
// was surely not sent is not, and only an ambiguous one may be either.
func TestRedis_Kill9InMidStream(t *testing.T) {
	addr, server := launch.Redis(t, "--appendfsync", "always")
	state := openState(t, redisstate.Config{URL: "redis://" + addr})
	var expect []byte
	count := 0
	for round := range 5 {
		killed := make(chan error, 1)
		stopAt := count + 3 + 2*round
		began := false
		var err error
		for err == nil {
			next := strconv.Itoa(count + 1)
			if err = state.Commit(t.Context(), 0, commitOf(expect, next, 5000)); err == nil {
				count, expect = count+1, []byte(next)
			}
			if count >= stopAt && !began {
				began = true
				within := time.After(time.Duration(round) * 2 * time.Millisecond) // at another step of a commit each time
				go func() {
					<-within
					killed <- server.Kill9()
				}()
			}
		}
		if err := <-killed; err != nil {
			t.Fatal(err)
		}
		if again := state.Commit(t.Context(), 0, commitOf(expect, "never", 1)); !errors.Is(again, redisstate.ErrUnavailable) {
			t.Errorf("commit to a dead Redis: got %v, want unavailable", again)
		}
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		found, loadErr := state.Checkpoint(t.Context(), 0)
		if loadErr != nil {
			t.Fatalf("round %d: load after the restart: %v", round, loadErr)
		}
		next := strconv.Itoa(count + 1)
		switch {
		case string(found) == string(expect):
		case string(found) == next && errors.Is(err, redisstate.ErrAmbiguous):
			count, expect = count+1, found
		default:
			t.Fatalf("round %d: got checkpoint %q after commit %d was answered and %q said %v", round, found, count, next, err)
		}
		t.Logf("round %d: commit %s said %v; found %q", round, next, err, found)
		wantState(t, state, string(expect), 5000)
	}
}

func TestRedisCluster_FollowsASlotThatMoves(t *testing.T) {
	addrs, servers := launch.RedisCluster(t, 2)
	state := openState(t, redisstate.Config{URL: addrs[0] + ","})
	mustCommit(t, state, commitOf(nil, "c1", 10))
	slot, err := servers[0].Do("CLUSTER", "KEYSLOT", "{p0}:c")
	if err != nil {
		t.Fatal(err)
	}
	owner, other := servers[0], servers[1]
	if n, _ := strconv.Atoi(slot); n >= 8192 {
		owner, other = other, owner
	}
	if err := owner.FlushAll(); err != nil {
		t.Fatal(err)
	}
	id, err := other.Do("CLUSTER", "MYID")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*launch.Server{other, owner} { // the slot is empty, so it can simply be given away
		if _, err := s.Do("CLUSTER", "SETSLOT", slot, "NODE", id); err != nil {
			t.Fatal(err)
		}
	}
	mustCommit(t, state, commitOf(nil, "c1", 10))
	wantState(t, state, "c1", 10)
	if keys, err := other.Do("CLUSTER", "COUNTKEYSINSLOT", slot); err != nil || keys == "0" {
		t.Errorf("got %q keys of the slot on its new node, error %v", keys, err)
	}
}

func wantRefusal(t *testing.T, code string, call func() error) {
	t.Helper()
	err := call()
	var refusal *redisstate.RefusedError
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Remedy == "" {
		t.Errorf("got error %v, want a refusal with code %s and a remedy", err, code)
	}
}

func mustCommit(t *testing.T, s *redisstate.Store, c redisstate.Commit) {
	t.Helper()
	if err := s.Commit(t.Context(), 0, c); err != nil {
		t.Fatal(err)
	}
}

// commitOf gives n people a state that names the checkpoint.
func commitOf(expect []byte, next string, n int) redisstate.Commit {
	c := redisstate.Commit{Expect: expect, Next: []byte(next), Deadlines: []redisstate.Bucket{{ID: 1, Append: []byte("x")}}}
	for _, key := range personKeys(n) {
		c.People = append(c.People, redisstate.Person{Key: key, Blob: []byte(next)})
	}
	return c
}

func personKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "person-" + strconv.Itoa(i)
	}
	return keys
}

func wantState(t *testing.T, s *redisstate.Store, checkpoint string, n int) {
	t.Helper()
	found, blobs, err := s.LoadPeople(t.Context(), 0, personKeys(n))
	if err != nil {
		t.Fatal(err)
	}
	if string(found) != checkpoint {
		t.Fatalf("got checkpoint %q, want %q", found, checkpoint)
	}
	for i, blob := range blobs {
		if string(blob) != checkpoint {
			t.Fatalf("person %d is of %q at checkpoint %q", i, blob, checkpoint)
		}
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !condition() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal("the condition did not come true in 20 s")
		}
	}
}
