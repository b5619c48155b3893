// Package stack builds the standalone and runs it as a child process, for demos,
// benches and suites.
package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// binaryPackage is the standalone's main package.
const binaryPackage = "./services/standalone/cmd/cohortflow"

// Root is the folder with go.work, at or above the working directory.
func Root() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", errors.New("find the repository: no go.work here or above; run from inside it")
		}
		at = up
	}
}

// Build compiles the standalone of the repository at root and returns where it lies.
func Build(ctx context.Context, root string) (string, error) {
	binary := filepath.Join(root, "build", "cohortflow")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, binaryPackage)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errors.New("build: the go command is not in the PATH; install Go 1.26 or newer")
		}
		return "", fmt.Errorf("build %s: %w\n%s", binaryPackage, err, bytes.TrimSpace(out))
	}
	return binary, nil
}

// Stack is the running pipeline: one child process.
type Stack struct {
	cmd     *exec.Cmd
	logFile string
	ended   chan struct{}
	result  error // of the child; read after ended is closed
}

// PID is the process id of the pipeline.
func (s *Stack) PID() int { return s.cmd.Process.Pid }

// LogFile is where the pipeline's log goes.
func (s *Stack) LogFile() string { return s.logFile }

// Ended is closed once the pipeline is gone, in whatever way.
func (s *Stack) Ended() <-chan struct{} { return s.ended }

// Kill ends the pipeline as a crash would, and returns once it is gone.
func (s *Stack) Kill() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the pipeline: %w", err)
	}
	return nil
}

// Config is one run of the pipeline.
type Config struct {
	Binary     string
	DataDir    string // exists; the log goes there too
	Addresses  Addresses
	Partitions int      // of every topic
	Args       []string // further flags, among them the keys
}

func (c Config) arguments() []string {
	return append([]string{
		"--data-dir", c.DataDir,
		"--http", c.Addresses.HTTP, "--kafka-listen", c.Addresses.Kafka,
		"--registry-listen", c.Addresses.Registry, "--admin", c.Addresses.Admin, "--console-listen", c.Addresses.Console,
		"--partitions", strconv.Itoa(c.Partitions),
	}, c.Args...)
}

// Start runs the pipeline with its log in a file. It does not wait until it is ready.
func Start(cfg Config) (*Stack, error) {
	s := &Stack{logFile: filepath.Join(cfg.DataDir, "process.log"), ended: make(chan struct{})}
	file, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the pipeline: %w", err)
	}
	s.cmd = exec.Command(cfg.Binary, cfg.arguments()...)
	s.cmd.Stdout, s.cmd.Stderr = file, file
	detach(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the pipeline: %w", err), file.Close())
	}
	go func() {
		s.result = errors.Join(s.cmd.Wait(), file.Close())
		close(s.ended)
	}()
	return s, nil
}

// Ready waits until the pipeline says so at its admin port.
func (s *Stack) Ready(ctx context.Context, admin string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := &http.Client{Timeout: time.Second}
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-s.ended:
			return s.Failed("ended before it was ready")
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return s.Failed(fmt.Sprintf("was not ready within %s", limit))
			}
			return ctx.Err()
		case <-every.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("ask the pipeline whether it is ready: %w", err)
		}
		resp, err := client.Do(req)
		if err != nil {
			continue // not listening yet
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// Failed tells what went wrong with the end of the log.
func (s *Stack) Failed(what string) error {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return fmt.Errorf("the pipeline %s, and its log cannot be read: %w", what, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the pipeline %s; the end of %s:\n%s", what, s.logFile, strings.Join(lines[max(0, len(lines)-12):], "\n"))
}

// Stop ends the pipeline in good order, or kills it after the limit. It returns
// once the child is gone.
func (s *Stack) Stop(limit time.Duration) error {
	select {
	case <-s.ended:
	default:
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the pipeline: %w", err)
		}
	}
	select {
	case <-s.ended:
	case <-time.After(limit):
		err := s.cmd.Process.Kill()
		<-s.ended
		return errors.Join(fmt.Errorf("stop the pipeline: still there after %s, so it was killed", limit), err)
	}
	if s.result != nil {
		return s.Failed(fmt.Sprintf("ended badly (%v)", s.result))
	}
	return nil
}
