package security

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// client gives up sooner than any sender of Customer.io does.
var client = &http.Client{Timeout: 4 * time.Second}

func do(ctx context.Context, method, url, authorization, body string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

func get(ctx context.Context, url, authorization string) (status int, text string, err error) {
	return do(ctx, http.MethodGet, url, authorization, "")
}

// dial opens a raw connection that ends with the test and never hangs it.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange sends bytes as they are and gives all that comes back until the server closes or
// has answered once. An empty answer is a connection that was closed without a word.
func exchange(t *testing.T, address, raw string) (status int, rest string) {
	t.Helper()
	conn := dial(t, address)
	if _, err := io.WriteString(conn, raw); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("write: %v", err) // the server may have had enough before all is out
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, ""
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	_ = resp.Body.Close()
	return resp.StatusCode, string(body)
}

func gzipped(t *testing.T, plain string) string {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// healthy sends one good event after another until stopped, each on a connection of its own,
// as a new client would.
type healthy struct {
	took   []time.Duration
	failed []string
}

func (h *healthy) run(ctx context.Context, address, key string) {
	fresh := &http.Client{Timeout: 4 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for i := 0; ctx.Err() == nil; i++ {
		begun := time.Now()
		body := fmt.Sprintf(`{"event":"Order","userId":"u_%d","messageId":"healthy-%d"}`, i, i)
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "http://"+address+"/v1/track", strings.NewReader(body))
		if err != nil {
			h.failed = append(h.failed, err.Error())
			return
		}
		req.SetBasicAuth(key, "")
		resp, err := fresh.Do(req)
		switch {
		case err != nil:
			h.failed = append(h.failed, err.Error())
		default:
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				h.failed = append(h.failed, resp.Status)
			}
		}
		h.took = append(h.took, time.Since(begun))
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// worst gives the median and the slowest.
func (h *healthy) times() (median, slowest time.Duration) {
	if len(h.took) == 0 {
		return 0, 0
	}
	slices.Sort(h.took)
	return h.took[len(h.took)/2], h.took[len(h.took)-1]
}

// readStatuses reads answers until the server closes or falls silent.
func readStatuses(conn net.Conn) (statuses []int) {
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
		_ = resp.Body.Close()
	}
}
