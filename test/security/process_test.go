// Package security shows, with the real binaries, the lines of docs/security.md that no single
// package can show: what hostile clients cost, what leaves the process, and how little each
// component may do in Kafka and Redis. A test holds that document to the tests it names.
package security

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/test/demo/stack"
)

const partitions = 2

// process is one service under test.
type process struct {
	http, admin    string
	console, kafka string // of the standalone
	cmd            *exec.Cmd
	log            string
	done           chan struct{}
}

var (
	building sync.Mutex
	built    = map[string]string{}
)

// binary builds a command of the project once per run.
func binary(t *testing.T, service string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if path, ok := built[service]; ok {
		return path
	}
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	name := "cohortflow-" + service
	if service == "standalone" {
		name = "cohortflow"
	}
	path := filepath.Join(root, "build", "security", name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./services/"+service+"/cmd/"+name)
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", service, err, text)
	}
	built[service] = path
	return path
}

// begin starts a service with a YAML file of settings, which keeps them out of its arguments.
// environment is beside that of this process. It ends with the test.
func begin(t *testing.T, service string, settings map[string]string, environment ...string) *process {
	t.Helper()
	free, err := stack.Free()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &process{http: free.HTTP, admin: free.Admin, log: filepath.Join(dir, service+".log"), done: make(chan struct{})}
	var text strings.Builder
	for name, value := range settings {
		fmt.Fprintf(&text, "%s: %q\n", name, value)
	}
	fmt.Fprintf(&text, "admin: %q\n", p.admin)
	switch service {
	case "ingest":
		fmt.Fprintf(&text, "http: %q\n", p.http)
	case "console":
		p.http = free.Console
		fmt.Fprintf(&text, "console-listen: %q\n", p.http)
	case "standalone":
		p.console, p.kafka = free.Console, free.Kafka
		fmt.Fprintf(&text, "data-dir: %q\nhttp: %q\nkafka-listen: %q\nregistry-listen: %q\nconsole-listen: %q\n", dir, p.http, p.kafka, free.Registry, p.console)
	}
	config := filepath.Join(dir, service+".yaml")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(binary(t, service), "--config", config)
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = file.Close() // the child has its own
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended is in its log
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			said := p.said(t)
			t.Logf("the end of the log of %s:\n%s", service, said[max(0, len(said)-4000):])
		}
	})
	return p
}

// end ends the process in good order, by its id.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ready waits until the service says that it is.
func (p *process) ready(t *testing.T) *process {
	t.Helper()
	eventually(t, time.Minute, func() error {
		select {
		case <-p.done:
			t.Fatal("it ended while it started")
		default:
		}
		status, text, err := get(t.Context(), "http://"+p.admin+"/readyz", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz says %d %s", status, text)
		}
		return err
	})
	return p
}

func (p *process) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// memory is the resident memory of the process and its peak, in bytes.
func (p *process) memory(t *testing.T) (now, peak int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("resident memory is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kb << 10
		case "VmHWM":
			peak = kb << 10
		}
	}
	return now, peak
}

// eventually polls until there is no error.
func eventually(t *testing.T, limit time.Duration, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", limit, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		case <-time.After(30 * time.Millisecond):
		}
	}
}
