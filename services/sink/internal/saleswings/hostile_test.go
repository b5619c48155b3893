package saleswings

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const hostileKey = "canary-key-of-the-destination"

func hostile(t *testing.T, url string) *client {
	t.Helper()
	c, err := newClient(ClientConfig{URL: url, APIKey: hostileKey, Surface: SurfaceSegment, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The key goes to the host that was configured and nowhere else, whatever that answers.
func TestHostile_RedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL + "/v1", "//" + other.Listener.Addr().String() + "/", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL"} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			}))
			a := hostile(t, server.URL).send(t.Context(), kindTrack, []Activity{testActivity("1")}, time.Time{})
			server.Close()
			if a.items[0].verdict != verdictHold {
				t.Errorf("%d to %s: got %+v, want that everything is held", status, to, a.items[0])
			}
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// An answer costs bounded memory and time, and none of it is repeated in the verdict.
func TestHostile_AnswersAreBounded(t *testing.T) {
	chunk := strings.Repeat(hostileKey+" ", 1<<11)
	endless := func(w io.Writer) {
		for {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"endless body":   func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"endless errors": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest); endless(w) },
		"giant header":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", strings.Repeat("a", 8<<20)) },
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1000 {
				_, _ = io.WriteString(z, strings.Repeat("0", 1<<16))
			}
			_ = z.Close()
		},
		"a byte a second": func(w http.ResponseWriter, r *http.Request) {
			for range 30 {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(time.Second):
				}
			}
		},
		"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"web page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>", hostileKey)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // the end of a connection shows once the body is read
				answer(w, r)
			}))
			defer server.Close()
			c := hostile(t, server.URL)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			a := c.send(ctx, kindTrack, []Activity{testActivity("1")}, time.Time{})
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			c.http.CloseIdleConnections()
			if took > 8*time.Second {
				t.Errorf("took %s, and 2s are given", took)
			}
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
				t.Errorf("memory grew by %d MiB", grown>>20)
			}
			if a.items[0].verdict == verdictDelivered && name != "gzip bomb" {
				t.Errorf("got %+v, want no success", a.items[0])
			}
			if strings.Contains(fmt.Sprintf("%+v", a), hostileKey) {
				t.Errorf("the verdict repeats the answer: %+v", a)
			}
		})
	}
}

// TLS without an authority that this machine trusts is no TLS.
func TestHostile_UnknownAuthorityIsNotTalkedTo(t *testing.T) {
	var reached atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	server.Config.ErrorLog = nil
	a := hostile(t, server.URL).send(t.Context(), kindTrack, []Activity{testActivity("1")}, time.Time{})
	if a.items[0].verdict != verdictRetry || reached.Load() != 0 {
		t.Errorf("got %+v and %d requests, want that nothing was sent", a.items[0], reached.Load())
	}
}
