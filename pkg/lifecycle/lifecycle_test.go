package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var quiet = slog.New(slog.DiscardHandler)

// journal notes what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) part(name string, work func(ctx context.Context) error) Component {
	ready := make(chan struct{})
	return Component{Name: name, Ready: ready, Run: func(ctx context.Context) error {
		j.add("start " + name)
		close(ready)
		err := work(ctx)
		j.add("end " + name)
		return err
	}}
}

func untilStopped(ctx context.Context) error { <-ctx.Done(); return nil }

func TestRun_StartsInOrderAndStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		slow := func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(time.Second)
			return nil
		}
		time.AfterFunc(time.Second, cancel)
		if err := Run(ctx, quiet, time.Minute, j.part("producer", untilStopped), j.part("loop", slow), j.part("intake", slow)); err != nil {
			t.Fatal(err)
		}
		want := []string{"start producer", "start loop", "start intake", "end intake", "end loop", "end producer"}
		if diff := cmp.Diff(want, j.lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRun_ErrorOfOnePartStopsAllAndIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		broken := errors.New("disk is full")
		err := Run(t.Context(), quiet, time.Minute, j.part("a", untilStopped), j.part("b", func(context.Context) error {
			<-time.After(time.Second)
			return broken
		}), j.part("c", untilStopped))
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "b: ") {
			t.Errorf("got %v, want the error with the part's name", err)
		}
		want := []string{"start a", "start b", "start c", "end b", "end c", "end a"}
		if diff := cmp.Diff(want, j.lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRun_PartThatFailsBeforeItIsReadyKeepsTheRestFromStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		broken := errors.New("port taken")
		err := Run(t.Context(), quiet, time.Minute, j.part("a", untilStopped),
			Component{Name: "b", Ready: make(chan struct{}), Run: func(context.Context) error { return broken }},
			j.part("c", untilStopped))
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		if diff := cmp.Diff([]string{"start a", "end a"}, j.lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRun_PartThatEndsWithoutErrorEndsTheServiceInGoodOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		if err := Run(t.Context(), quiet, time.Minute, j.part("a", untilStopped), j.part("b", func(context.Context) error { return nil })); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"start a", "start b", "end b", "end a"}, j.lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRun_HangingPartIsNamedAfterTheTimeoutAndNothingBelowItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		var j journal
		belowStopped := false
		below := Component{Name: "below", Run: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				belowStopped = true
			case <-release:
			}
			return nil
		}}
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		err := Run(ctx, quiet, 5*time.Second, below, j.part("hangs", func(context.Context) error { <-release; return nil }))
		if !errors.Is(err, ErrShutdownTimeout) || !strings.Contains(err.Error(), "hangs") {
			t.Errorf("got %v, want ErrShutdownTimeout of the part", err)
		}
		if took := time.Since(begun); took != 6*time.Second {
			t.Errorf("took %s, want the timeout of 5s after the stop at 1s", took)
		}
		close(release)
		synctest.Wait()
		if belowStopped {
			t.Error("a part was stopped while a follower still used it")
		}
	})
}

func TestMain_ExitCodeAndMessage(t *testing.T) {
	var out bytes.Buffer
	if code := mainWith(func(context.Context) error { return nil }, &out); code != 0 || out.Len() != 0 {
		t.Errorf("good order: got %d %q", code, out.String())
	}
	if code := mainWith(func(context.Context) error { return errors.New("no broker") }, &out); code != 1 || out.String() != "error: no broker\n" {
		t.Errorf("failure: got %d %q", code, out.String())
	}
}

func TestMain_SignalEndsTheContext(t *testing.T) {
	var out bytes.Buffer
	code := mainWith(func(ctx context.Context) error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.Context().Done():
			return errors.New("the signal did not arrive")
		}
	}, &out)
	if code != 0 {
		t.Errorf("got %d %q, want 0", code, out.String())
	}
}

func TestHTTP_StopAnswersWhatWasTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken, finish := make(chan struct{}), make(chan struct{})
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(taken)
		<-finish
		_, _ = io.WriteString(w, "answered")
	})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, quiet, time.Minute, HTTP("http", ln, srv, time.Minute)) }()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answer <- string(body)
	}()
	<-taken
	cancel()
	select {
	case err := <-ended:
		t.Fatalf("stopped with a request open: %v", err)
	default:
	}
	close(finish)
	if got := <-answer; got != "answered" {
		t.Errorf("the open request: got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}
