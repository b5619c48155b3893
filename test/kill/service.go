package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// service is one process of the flow, started again and again.
type service struct {
	name   string
	binary string
	args   []string
	more   []string // arguments of the next start
	admin  string
	log    string

	cmd    *exec.Cmd
	done   chan struct{}
	endsAt time.Time // when the process was seen to have ended
	logAt  int64     // size of the log when it was started
}

// build makes the binaries with the hooks in them.
func build(root string, names ...string) (map[string]string, error) {
	binaries := make(map[string]string)
	for _, name := range names {
		out := filepath.Join(root, "build", "crashpoints", "cohortflow-"+name)
		cmd := exec.Command("go", "build", "-tags", "crashpoints", "-o", out, "./services/"+name+"/cmd/cohortflow-"+name)
		cmd.Dir = root
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", name, err, text)
		}
		binaries[name] = out
	}
	return binaries, nil
}

// start starts the process; environment is beside that of this process.
func (s *service) start(args []string, environment ...string) error {
	file, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	if at, err := file.Stat(); err == nil {
		s.logAt = at.Size()
	}
	cmd := exec.Command(s.binary, append(append([]string{"--admin", s.admin}, s.args...), args...)...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = childAttributes()
	done, started := make(chan struct{}), make(chan error)
	go func() {
		defer close(done)
		defer file.Close()
		// The death signal is bound to the thread that forks, so this one has to live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = cmd.Wait() // how it ended stands in cmd.ProcessState
		s.endsAt = time.Now()
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.cmd, s.done = cmd, done
	return nil
}

func (s *service) running() bool {
	if s.done == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// killed says whether the process ended by the hook of a step.
func (s *service) killed(step string) bool {
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL && strings.Contains(s.said(), "crashpoint: killed at "+step+"\n")
}

// said is what the process has written since it was started.
func (s *service) said() string {
	text, err := os.ReadFile(s.log)
	if err != nil || int64(len(text)) < s.logAt {
		return ""
	}
	return string(text[s.logAt:])
}

// terminate asks the process to end in good order.
func (s *service) terminate() error { return s.cmd.Process.Signal(syscall.SIGTERM) }

// stop ends the process in good order, or by force after a while.
func (s *service) stop() error {
	if !s.running() {
		return nil
	}
	_ = s.terminate() // if it has just ended, that is what was wanted
	select {
	case <-s.done:
		return nil
	case <-time.After(25 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		return fmt.Errorf("%s did not end within 25 s and was killed", s.name)
	}
}

// kill ends the process as a crash would.
func (s *service) kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", s.name, err)
	}
	<-s.done
	return nil
}

// ended waits until the process has ended; false = it goes on.
func (s *service) ended(ctx context.Context, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// ready waits until the process says that it is.
func (s *service) ready(ctx context.Context, limit time.Duration) error {
	return poll(ctx, limit, func() error {
		if !s.running() {
			said := s.said()
			return stop{fmt.Errorf("%s ended while it began:\n%s", s.name, said[max(0, len(said)-2000):])}
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := (&http.Client{Timeout: time.Second}).Do(request)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: /readyz says %d", s.name, answer.StatusCode)
		}
		return nil
	})
}

// stop is an error after which there is no use in asking again.
type stop struct{ error }

// poll asks until the answer is nil, the time is over or ctx ends.
func poll(ctx context.Context, limit time.Duration, ask func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := ask()
		var final stop
		if err == nil || errors.As(err, &final) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(25 * time.Millisecond):
		}
	}
}
