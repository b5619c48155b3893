package through

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// flow is the running process.
type flow struct {
	cmd                *exec.Cmd
	log                string // path
	http, kafka, admin string // addresses
	key                string // that opens its door
	ended              chan struct{}
	result             error // read after ended is closed
}

const (
	readyWithin = time.Minute
	stopWithin  = 20 * time.Second
)

// start runs the standalone. It gets no environment: a setting of the shell, a key of a
// real destination above all, must not reach it.
func start(ctx context.Context, binary, dir, rules string) (*flow, error) {
	addresses, err := freePorts(ctx, 5)
	if err != nil {
		return nil, err
	}
	f := &flow{
		log: filepath.Join(dir, "process.log"), http: addresses[0], kafka: addresses[1], admin: addresses[2],
		key: rand.Text(), ended: make(chan struct{}),
	}
	file, err := os.OpenFile(f.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the flow: %w", err)
	}
	// Not bound to ctx: it is stopped in order, by stop.
	f.cmd = exec.CommandContext(context.WithoutCancel(ctx), binary,
		"--clock", "events", "--data-dir", filepath.Join(dir, "data"), "--catalogue", rules, "--partitions", strconv.Itoa(partitions),
		"--http", f.http, "--kafka-listen", f.kafka, "--admin", f.admin, "--registry-listen", addresses[3],
		"--console-listen", addresses[4], "--pipelines-write-keys", f.key, "--taxonomy", "off", "--no-links")
	f.cmd.Env = []string{"HOME=" + dir}
	f.cmd.Dir = dir
	f.cmd.Stdout, f.cmd.Stderr = file, file
	detach(f.cmd)
	if err := f.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the flow: %w", err), file.Close())
	}
	go func() {
		f.result = errors.Join(f.cmd.Wait(), file.Close())
		close(f.ended)
	}()
	return f, nil
}

// freePorts holds ports until all are found, so that no two are the same.
func freePorts(ctx context.Context, n int) (addresses []string, err error) {
	var listen net.ListenConfig
	for range n {
		ln, listenErr := listen.Listen(ctx, "tcp", "127.0.0.1:0")
		if listenErr != nil {
			return nil, fmt.Errorf("find a free port: %w", listenErr)
		}
		defer func() { err = errors.Join(err, ln.Close()) }()
		addresses = append(addresses, ln.Addr().String())
	}
	return addresses, nil
}

// ready waits until the process says that it is.
func (f *flow) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	client := &http.Client{Timeout: time.Second}
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-f.ended:
			return f.failed("ended before it was ready")
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return f.failed("was not ready within " + readyWithin.String())
			}
			return ctx.Err()
		case <-every.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.admin+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("ask the flow whether it is ready: %w", err)
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

// advance moves log time, and returns when all that lies before it is worked off.
func (f *flow) advance(ctx context.Context, to int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.admin+"/clock", strings.NewReader(fmt.Sprintf(`{"advance_to": %d}`, to)))
	if err != nil {
		return fmt.Errorf("let the deadlines pass: %w", err)
	}
	// As long as it takes: what bounds it is ctx, and the process, which ends when it fails.
	resp, err := new(http.Client).Do(req)
	if err != nil {
		return fmt.Errorf("let the deadlines pass: %w", errors.Join(err, f.alive()))
	}
	defer func() { _ = resp.Body.Close() }()
	if text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)); resp.StatusCode != http.StatusOK {
		return fmt.Errorf("let the deadlines pass: answer %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	return nil
}

// alive is nil while the process runs.
func (f *flow) alive() error {
	select {
	case <-f.ended:
		return f.failed("ended in the middle of it")
	default:
		return nil
	}
}

// failed tells what went wrong, with the end of the log: that is gone with the folder.
func (f *flow) failed(what string) error {
	text, err := os.ReadFile(f.log)
	if err != nil {
		return fmt.Errorf("the flow %s, and its log cannot be read: %w", what, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the flow %s; the end of its log:\n%s", what, strings.Join(lines[max(0, len(lines)-8):], "\n"))
}

// stop ends the process in good order, or kills it; it is gone on return.
func (f *flow) stop() error {
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = f.cmd.Process.Kill()
	}
	select {
	case <-f.ended:
	case <-time.After(stopWithin):
		_ = f.cmd.Process.Kill()
		<-f.ended
		return fmt.Errorf("stop the flow: still there after %s, so it was killed", stopWithin)
	}
	if f.result != nil {
		return f.failed(fmt.Sprintf("ended badly (%v)", f.result))
	}
	return nil
}
