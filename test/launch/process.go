package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const stopTimeout = 30 * time.Second

// process is one child. It is only ever signalled by its own process id, and ends with this process.
type process struct {
	name string
	log  string // path of its output
	pid  int
	done chan struct{} // closed when it has ended
}

// spawn starts a program and appends its output to the file log.
func spawn(name, log, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: open its log: %w", name, err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = childAttributes()
	p := &process{name: name, log: log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		defer out.Close()
		// The death signal is bound to the thread that forks, so this one has to live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		_ = cmd.Wait() // that it ended is all that counts; why is in its log
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) error {
	if !p.running() {
		return fmt.Errorf("signal %s: it has ended already", p.name)
	}
	if err := syscall.Kill(p.pid, s); err != nil {
		return fmt.Errorf("send %s to %s (process %d): %w", s, p.name, p.pid, err)
	}
	return nil
}

// kill9 returns when the process is gone.
func (p *process) kill9() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// stop asks the process to end, and insists after a while. One that has ended is no error.
func (p *process) stop() error {
	if !p.running() {
		return nil
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not end within %s and was killed", p.name, stopTimeout), p.kill9())
	}
}

// await polls until ready says nil, the process ends or the time is over.
func (p *process) await(limit time.Duration, ready func() error) error {
	deadline := time.After(limit)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.done:
			return fmt.Errorf("%s ended while it started:\n%s", p.name, p.tail(40))
		case <-deadline:
			return fmt.Errorf("%s did not answer within %s (%w):\n%s", p.name, limit, err, p.tail(40))
		}
	}
}

// tail gives the last lines of the output.
func (p *process) tail(lines int) []byte {
	all, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	for i, left := len(all)-1, lines; i > 0; i-- {
		if all[i-1] == '\n' {
			if left--; left == 0 {
				return all[i:]
			}
		}
	}
	return bytes.TrimSpace(all)
}

// member is what a broker and a Redis have in common: one process that can be ended and started again
// over the same data and ports.
type member struct {
	mu   sync.Mutex // guards proc
	proc *process
	// start brings the process up and returns when it answers
	start func() (*process, error)
}

// Kill9 ends the process at once, as a power cut would, and returns when it is gone.
func (m *member) Kill9() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.kill9()
}

// Stop ends the process in good order and returns when it is gone.
func (m *member) Stop() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.stop()
}

// Pause freezes the process (SIGSTOP): its connections stay open and silent until Resume.
func (m *member) Pause() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.signal(syscall.SIGSTOP)
}

// Resume lets a paused process go on.
func (m *member) Resume() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.signal(syscall.SIGCONT)
}

// Restart stops the process when it runs, starts it again on the same ports and data, and returns
// when it answers.
func (m *member) Restart() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.proc.stop(); err != nil {
		return err
	}
	started, err := m.start()
	if err != nil {
		return err
	}
	m.proc = started
	return nil
}

// PID is the process id, for measuring.
func (m *member) PID() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.pid
}

// end ends the process whatever state it is in; a paused one would not hear anything but kill -9.
func (m *member) end() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.proc.running() {
		return nil
	}
	_ = m.proc.signal(syscall.SIGCONT)
	return m.proc.stop()
}

func (m *member) tail(lines int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc.tail(lines)
}
