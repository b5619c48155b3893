package main

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

// partitions of every topic of the demo.
const partitions = 12

// repositoryRoot is the folder with go.work, at or above the working directory.
func repositoryRoot() (string, error) {
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
			return "", errors.New("find the repository: no go.work here or above; run the demo from inside it")
		}
		at = up
	}
}

// build compiles the standalone and returns where it lies.
func build(ctx context.Context, root string) (string, error) {
	binary := filepath.Join(root, "build", "cohortflow")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./services/standalone/cmd/cohortflow")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errors.New("build: the go command is not in the PATH; install Go 1.26 or newer")
		}
		return "", fmt.Errorf("build ./services/standalone/cmd/cohortflow: %w\n%s", err, bytes.TrimSpace(out))
	}
	return binary, nil
}

// stack is the running pipeline: one child process.
type stack struct {
	cmd    *exec.Cmd
	log    string // file that the child's log goes to
	ended  chan struct{}
	result error // of the child; read after ended is closed
}

// arguments of the standalone for the demo.
func arguments(a addresses, dataDir, salesWings string) []string {
	return []string{
		"--data-dir", dataDir,
		"--http", a.http, "--kafka-listen", a.kafka, "--registry-listen", a.registry, "--admin", a.admin,
		"--partitions", strconv.Itoa(partitions),
		"--pipelines-write-keys", writeKey, "--reporting-keys", signingKey,
		"--saleswings-url", salesWings, "--saleswings-key", salesWingsKey,
	}
}

// start runs the pipeline with its log in a file. It does not wait until it is ready.
func start(binary, dataDir string, args []string) (*stack, error) {
	s := &stack{log: filepath.Join(dataDir, "demo.log"), ended: make(chan struct{})}
	file, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the pipeline: %w", err)
	}
	s.cmd = exec.Command(binary, args...)
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

// ready waits until the pipeline says so at its admin port.
func (s *stack) ready(ctx context.Context, admin string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := &http.Client{Timeout: time.Second}
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-s.ended:
			return s.failed("ended before it was ready")
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return s.failed(fmt.Sprintf("was not ready within %s", limit))
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

// failed tells what went wrong with the end of the log.
func (s *stack) failed(what string) error {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return fmt.Errorf("the pipeline %s, and its log cannot be read: %w", what, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the pipeline %s; the end of %s:\n%s", what, s.log, strings.Join(lines[max(0, len(lines)-12):], "\n"))
}

// stop ends the pipeline in good order, or kills it after the limit. It returns
// once the child is gone.
func (s *stack) stop(limit time.Duration) error {
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
		return s.failed(fmt.Sprintf("ended badly (%v)", s.result))
	}
	return nil
}
