package redisstate_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

func TestCommit_SaysWhetherItMayHaveHappened(t *testing.T) {
	for _, test := range []struct {
		name    string
		where   cut
		want    error
		applied bool
	}{
		{"line breaks before WATCH", beforeWatch, redisstate.ErrUnavailable, false},
		{"line is silent at WATCH", stallWatch, redisstate.ErrUnavailable, false},
		{"line breaks before EXEC", beforeExec, redisstate.ErrAmbiguous, false},
		{"line is silent at EXEC", stallExec, redisstate.ErrAmbiguous, false},
		{"line breaks before the answer of EXEC", beforeAnswer, redisstate.ErrAmbiguous, true},
		{"line is silent after EXEC", stallAnswer, redisstate.ErrAmbiguous, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			redis := miniredis.RunT(t)
			p := startProxy(t, redis.Addr())
			s := open(t, redisstate.Config{URL: "redis://" + p.listener.Addr().String(), Timeout: 200 * time.Millisecond})
			if err := s.Commit(t.Context(), 0, step("", "c1", "1")); err != nil {
				t.Fatal(err)
			}
			p.breakAt(test.where)
			err := s.Commit(t.Context(), 0, step("c1", "c2", "2"))
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			for _, other := range []error{redisstate.ErrUnavailable, redisstate.ErrAmbiguous, redisstate.ErrConflict} {
				if !errors.Is(test.want, other) && errors.Is(err, other) {
					t.Errorf("the error is of two classes: %v", err)
				}
			}
			p.breakAt(nowhere)
			checkpoint, blobs, err := s.LoadPeople(t.Context(), 0, []string{"ann"})
			if err != nil {
				t.Fatalf("load after the line is whole again: %v", err)
			}
			want := "c1 1"
			if test.applied {
				want = "c2 2"
			}
			if got := string(checkpoint) + " " + string(blobs[0]); got != want {
				t.Errorf("got state %q, want %q", got, want)
			}
		})
	}
}

func TestCommit_DeadlineOfTheContextBoundsIt(t *testing.T) {
	redis := miniredis.RunT(t)
	p := startProxy(t, redis.Addr())
	s := open(t, redisstate.Config{URL: "redis://" + p.listener.Addr().String(), Timeout: time.Minute})
	p.breakAt(stallWatch)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Commit(ctx, 0, step("", "c1", "1")); !errors.Is(err, redisstate.ErrUnavailable) {
		t.Errorf("got error %v, want unavailable", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s with a deadline of 50 ms", took)
	}
}

// The context ends when MULTI has been sent: nothing may be written, and the connection must not go
// back to the others in the middle of a transaction.
func TestCommit_CancelledBeforeTheWritesLeavesACleanConnection(t *testing.T) {
	redis := miniredis.RunT(t)
	s := open(t, redisstate.Config{URL: "redis://" + redis.Addr()})
	ctx, cancel := context.WithCancel(t.Context())
	redis.Server().SetPreHook(func(_ *server.Peer, cmd string, _ ...string) bool {
		if strings.EqualFold(cmd, "multi") {
			cancel()
		}
		return false
	})
	if err := s.Commit(ctx, 0, step("", "c1", "1")); !errors.Is(err, redisstate.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("got error %v, want unavailable because cancelled", err)
	}
	redis.Server().SetPreHook(nil)
	if err := s.Commit(t.Context(), 0, step("", "c1", "1")); err != nil {
		t.Fatalf("commit afterwards: %v", err)
	}
	if got := redis.TotalConnectionCount(); got != 1 {
		t.Errorf("got %d connections, want the one to be used again", got)
	}
}

func TestCommit_LeavesAPrimaryThatBecameAReplica(t *testing.T) {
	old, young := miniredis.RunT(t), miniredis.RunT(t)
	p := startProxy(t, old.Addr())
	s := open(t, redisstate.Config{URL: "redis://" + p.listener.Addr().String()})
	if err := s.Commit(t.Context(), 0, step("", "c1", "1")); err != nil {
		t.Fatal(err)
	}
	refuse(old, "hset", "READONLY You can't write against a read only replica.")
	p.pointTo(young.Addr())
	for attempt := 1; ; attempt++ {
		err := s.Commit(t.Context(), 0, step("c1", "c2", "2"))
		if errors.Is(err, redisstate.ErrConflict) {
			return // the young one, which is empty
		}
		if attempt == 5 {
			t.Fatalf("after %d attempts it still asks the old primary: %v", attempt, err)
		}
	}
}

func TestStore_NobodyListensIsUnavailable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"redis://" + addr, addr + ","} {
		s := open(t, redisstate.Config{URL: url})
		_, _, loadErr := s.LoadPeople(t.Context(), 0, []string{"ann"})
		_, _, deadlineErr := s.LoadDeadlines(t.Context(), 0, []int64{1})
		_, checkErr := s.Check(t.Context())
		for call, err := range map[string]error{
			"load": loadErr, "deadlines": deadlineErr, "check": checkErr,
			"commit": s.Commit(t.Context(), 0, step("", "c1", "1")),
		} {
			if !errors.Is(err, redisstate.ErrUnavailable) {
				t.Errorf("%s by %s: got error %v, want unavailable", call, url, err)
			}
		}
	}
}

func TestStore_RefusalNamesCodeAndRemedy(t *testing.T) {
	for _, test := range []struct {
		command, answer, code, remedy string
	}{
		{"WATCH", "LOADING Redis is loading the dataset in memory", "LOADING", "when it is done"},
		{"GET", "NOPERM User x has no permissions to run the 'get' command", "NOPERM", "permission"},
		{"MULTI", "NOPERM User x has no permissions to run the 'multi' command", "NOPERM", "@transaction"},
		{"GET", "MOVED 7000 127.0.0.1:7001", "MOVED", "slot"},
		{"WATCH", "BUSY Redis is busy running a script.", "BUSY", "SCRIPT KILL"},
		{"WATCH", "NOAUTH Authentication required.", "NOAUTH", "password"},
		{"EXEC", "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.", "OOM", "noeviction"},
		{"EXEC", "READONLY You can't write against a read only replica.", "READONLY", "primary"},
		{"EXEC", "EXECABORT Transaction discarded because of: MISCONF Redis is configured to save RDB snapshots", "MISCONF", "disk"},
		{"EXEC", "CLUSTERDOWN The cluster is down", "CLUSTERDOWN", "primary"},
		{"EXEC", "TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN", "moved"},
		{"EXEC", "NOREPLICAS Not enough good replicas to write.", "NOREPLICAS", "replica"},
		{"HSET", "ERR unknown command 'HSET', with args beginning with: '{p0}:s:03' 'ann@example.org'", "ERR", "log"},
	} {
		t.Run(test.command+" "+test.code, func(t *testing.T) {
			redis := miniredis.RunT(t)
			s := open(t, redisstate.Config{URL: "redis://" + redis.Addr()})
			if err := s.Commit(t.Context(), 0, step("", "c1", "1")); err != nil {
				t.Fatal(err)
			}
			refuse(redis, test.command, test.answer)
			err := s.Commit(t.Context(), 0, step("c1", "c2", "2"))
			redis.Server().SetPreHook(nil)
			var refusal *redisstate.RefusedError
			if !errors.As(err, &refusal) {
				t.Fatalf("got error %v, want a refusal", err)
			}
			if refusal.Code != test.code || !strings.Contains(refusal.Remedy, test.remedy) {
				t.Errorf("got code %q, remedy %q, want %q and a remedy that says %q", refusal.Code, refusal.Remedy, test.code, test.remedy)
			}
			if strings.Contains(err.Error(), "example.org") {
				t.Errorf("the error shows a person key: %v", err)
			}
			fresh := open(t, redisstate.Config{URL: "redis://" + redis.Addr()})
			checkpoint, blobs, err := fresh.LoadPeople(t.Context(), 0, []string{"ann"})
			if err != nil || string(checkpoint) != "c1" || string(blobs[0]) != "1" {
				t.Errorf("after a refusal got checkpoint %q, people %q, error %v, want c1, 1", checkpoint, blobs, err)
			}
		})
	}
}

// refuse makes Redis answer one command with an error. Like Redis, it then refuses the EXEC too.
func refuse(redis *miniredis.Miniredis, command, answer string) {
	refused := false
	redis.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		switch {
		case strings.EqualFold(cmd, command):
			c.WriteError(answer)
			refused = true
			return true
		case refused && strings.EqualFold(cmd, "exec"):
			c.WriteError("EXECABORT Transaction discarded because of previous errors.")
			return true
		}
		return false
	})
}

func TestStore_WrongPasswordIsARefusalAndNoEmptyState(t *testing.T) {
	redis := miniredis.RunT(t)
	redis.RequireAuth("right")
	s := open(t, redisstate.Config{URL: "redis://" + redis.Addr(), Password: "wrong"})
	_, loadErr := s.Checkpoint(t.Context(), 0)
	for call, err := range map[string]error{
		"load": loadErr, "commit": s.Commit(t.Context(), 0, step("", "c1", "1")),
	} {
		var refusal *redisstate.RefusedError
		if !errors.As(err, &refusal) || refusal.Code != "WRONGPASS" {
			t.Errorf("%s: got error %v, want WRONGPASS", call, err)
		}
	}
}

func TestLoad_RefusalIsNoEmptyAnswer(t *testing.T) {
	redis := miniredis.RunT(t)
	s := open(t, redisstate.Config{URL: "redis://" + redis.Addr()})
	for _, command := range []string{"MULTI", "HMGET", "EXEC"} {
		refuse(redis, command, "LOADING Redis is loading the dataset in memory")
		_, _, err := s.LoadPeople(t.Context(), 0, []string{"ann"})
		var refusal *redisstate.RefusedError
		if !errors.As(err, &refusal) || refusal.Code != "LOADING" {
			t.Errorf("%s refused: got error %v, want LOADING", command, err)
		}
		redis.Server().SetPreHook(nil)
		s = open(t, redisstate.Config{URL: "redis://" + redis.Addr()})
	}
}

// A foreign key in the way is the one thing that makes Redis apply a transaction in part.
func TestCommit_AppliedInPartDropsTheCheckpoint(t *testing.T) {
	redis := miniredis.RunT(t)
	s := open(t, redisstate.Config{URL: "redis://" + redis.Addr()})
	if err := s.Commit(t.Context(), 0, redisstate.Commit{Next: []byte("c1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := redis.Lpush("{p0}:d:7", "foreign"); err != nil {
		t.Fatal(err)
	}
	c := step("c1", "c2", "2")
	c.Deadlines = []redisstate.Bucket{{ID: 7, Append: []byte("x")}}
	if err := s.Commit(t.Context(), 0, c); !errors.Is(err, redisstate.ErrAmbiguous) {
		t.Fatalf("got error %v, want ambiguous", err)
	}
	if checkpoint, err := s.Checkpoint(t.Context(), 0); err != nil || checkpoint != nil {
		t.Errorf("got checkpoint %q, error %v, want none, so that the partition is rebuilt", checkpoint, err)
	}
	c.Expect = nil
	if err := s.Commit(t.Context(), 0, c); err != nil {
		t.Errorf("the first commit of a rebuild, which removes the foreign key: %v", err)
	}
}

func step(expect, next, state string) redisstate.Commit {
	c := redisstate.Commit{Next: []byte(next), People: []redisstate.Person{{Key: "ann", Blob: []byte(state)}}}
	if expect != "" {
		c.Expect = []byte(expect)
	}
	return c
}
