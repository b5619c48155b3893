package stack_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/test/demo/stack"
)

func TestUsual_GivesWayToOthers(t *testing.T) {
	if ln, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil { // else somebody else holds it, which serves as well
		defer func() { _ = ln.Close() }()
	}
	var said []string
	a, err := stack.Usual(func(format string, _ ...any) { said = append(said, format) })
	if err != nil {
		t.Fatal(err)
	}
	if a.HTTP == "127.0.0.1:8080" || a.HTTP == "" || len(said) == 0 {
		t.Errorf("got %s and %d notices, want another port and a notice", a.HTTP, len(said))
	}
	distinct := map[string]bool{a.HTTP: true, a.Kafka: true, a.Registry: true, a.Admin: true, a.Console: true}
	if len(distinct) != 5 {
		t.Errorf("got %+v, want five addresses", a)
	}
}

// script makes a child out of a shell script.
func script(t *testing.T, text string) stack.Config {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "child")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return stack.Config{Binary: path, DataDir: dir, Partitions: 12, Addresses: stack.Addresses{Admin: "127.0.0.1:1"}, Args: []string{"--last", "flag"}}
}

func TestReady_ShowsTheLogOfAChildThatEnded(t *testing.T) {
	s, err := stack.Start(script(t, `echo "port is taken: $*" >&2; exit 3`))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Ready(t.Context(), "127.0.0.1:1", 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "--partitions 12 --last flag") {
		t.Errorf("got %v, want what the child said", err)
	}
	if err := s.Stop(time.Second); err == nil {
		t.Error("stop: got no error for a child that ended with 3")
	}
}

func TestReady_WaitsForTheAdminPort(t *testing.T) {
	asked := 0
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 || r.URL.Path != "/readyz" {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	}))
	defer admin.Close()
	s, err := stack.Start(script(t, `trap 'exit 0' TERM; while :; do sleep 0.05; done`))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context(), admin.Listener.Addr().String(), 10*time.Second); err != nil {
		t.Error(err)
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ready(ctx, "127.0.0.1:1", time.Second); err == nil {
		t.Error("ready with an ended context: got no error")
	}
	if err := s.Stop(10 * time.Second); err != nil {
		t.Errorf("stop in good order: %v", err)
	}
}

func TestStop_KillsAChildThatDoesNotListen(t *testing.T) {
	s, err := stack.Start(script(t, `trap '' TERM; echo up; while :; do sleep 0.05; done`))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // until the trap is set
		if text, err := os.ReadFile(s.LogFile()); err == nil && string(text) == "up\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the child did not come up")
		}
	}
	if err := s.Stop(100 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v, want an error that says it was killed", err)
	}
	if err := s.Kill(); err != nil {
		t.Errorf("kill of one that is gone: %v", err)
	}
}

func TestBuild_ShowsWhatTheCompilerSays(t *testing.T) {
	if _, err := stack.Build(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "services/standalone") {
		t.Errorf("got %v, want an error that names the package", err)
	}
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.work")); err != nil {
		t.Errorf("root %s: %v", root, err)
	}
}
