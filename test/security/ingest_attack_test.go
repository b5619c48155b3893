package security

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

const (
	writeKey = "attack-write-key"
	// sealSecret is everybody's: a counting pattern that nothing real is sealed with.
	sealSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	// grown is how much memory an attack may cost: max-held-bytes is 64 MiB in these tests,
	// Go's collector lets garbage double it, and a connection costs some 20 kB.
	grown = 224 << 20
)

// attacked starts ingest on an embedded broker, with bounds that an attack of a test can reach.
func attacked(t *testing.T, more map[string]string) *process {
	t.Helper()
	settings := map[string]string{
		"kafka-brokers": kafkaiotest.StartEmbedded(t).Brokers[0], "partitions": fmt.Sprint(partitions),
		"pipelines-write-keys": writeKey, "reporting-keys": "attack-signing-key", "seal-secret": sealSecret,
		"max-held-bytes": fmt.Sprint(64 << 20), "max-requests": "64", "max-connections": "4096",
	}
	maps.Copy(settings, more)
	return begin(t, "ingest", settings).ready(t)
}

// under runs an attack while a healthy client goes on, and says what it cost.
func under(t *testing.T, p *process, attack func(context.Context)) {
	t.Helper()
	before, _ := p.memory(t)
	ctx, stop := context.WithCancel(t.Context())
	var h healthy
	var wait sync.WaitGroup
	wait.Go(func() { h.run(ctx, p.http, writeKey) })
	attack(ctx)
	stop()
	wait.Wait()
	after, peak := p.memory(t)
	median, slowest := h.times()
	t.Logf("healthy client: %d requests, median %s, slowest %s; memory %d MiB before, %d MiB after, peak %d MiB",
		len(h.took), median.Round(time.Millisecond), slowest.Round(time.Millisecond), before>>20, after>>20, peak>>20)
	if len(h.failed) > 0 || len(h.took) < 3 {
		t.Errorf("of %d healthy requests %d failed, the first with %q", len(h.took), len(h.failed), append(h.failed, "none")[0])
	}
	if peak-before > grown {
		t.Errorf("memory grew by %d MiB, at most %d were expected", (peak-before)>>20, grown>>20)
	}
}

// crowd holds n connections, each of which sends head and then one byte of tail every pause.
func crowd(ctx context.Context, t *testing.T, address string, n int, head, tail string, pause time.Duration) (held int) {
	t.Helper()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	for range n {
		c, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			break // the listener's bound
		}
		conns = append(conns, c)
		_, _ = io.WriteString(c, head)
	}
	for i := range len(tail) {
		select {
		case <-ctx.Done():
			return len(conns)
		case <-time.After(pause):
		}
		for _, c := range conns {
			_, _ = io.WriteString(c, tail[i:i+1]) // the server may have closed it: that is its defence
		}
	}
	return len(conns)
}

func TestIngest_SlowHeadersCostNoHealthyClient(t *testing.T) {
	p := attacked(t, nil)
	under(t, p, func(ctx context.Context) {
		crowd(ctx, t, p.http, 1500, "POST /v1/track HTTP/1.1\r\nHost: x\r\nX-Slow: ", strings.Repeat("a", 8), 500*time.Millisecond)
	})
	conn := dial(t, p.http)
	begun := time.Now()
	_, _ = io.WriteString(conn, "POST /v1/track HTTP/1.1\r\nHost: x\r\n")
	_, _ = io.Copy(io.Discard, conn)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("a connection whose headers never end was held for %s", took)
	}
}

// Places are taken by what has arrived, not by what was announced: else a few slow senders
// without any key would shut everybody out.
func TestIngest_SlowBodiesTakeNoPlaces(t *testing.T) {
	for name, head := range map[string]string{
		"announced, no key":   "POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
		"chunked, no key":     "POST /v1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"webhook, unsigned":   "POST /v1/webhooks/customerio HTTP/1.1\r\nHost: x\r\nX-CIO-Timestamp: 1\r\nX-CIO-Signature: 00\r\nContent-Length: 4000000\r\n\r\n{",
		"compressed, no key":  "POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 900000\r\n\r\n\x1f\x8b",
		"announced 1 B short": "POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{\"a\"",
	} {
		t.Run(name, func(t *testing.T) {
			p := attacked(t, nil)
			under(t, p, func(ctx context.Context) {
				crowd(ctx, t, p.http, 1500, head, strings.Repeat(" ", 6), 500*time.Millisecond)
			})
		})
	}
}

// Who holds as many connections as they are let holds up nobody who comes from elsewhere.
func TestIngest_IdleConnectionsOfOneAddressKeepNobodyOut(t *testing.T) {
	p := attacked(t, map[string]string{"max-connections": "200", "max-connections-per-address": "150"})
	host, port, err := net.SplitHostPort(p.http)
	if err != nil {
		t.Fatal(err)
	}
	attacker := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, Timeout: time.Second}
	if probe, err := attacker.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); err != nil {
		t.Skipf("this system has one loopback address only: %v", err)
	} else {
		_ = probe.Close()
	}
	under(t, p, func(ctx context.Context) {
		var held []net.Conn
		for range 1000 { // kept alive after a first request, for as long as they may
			c, err := attacker.DialContext(ctx, "tcp", p.http)
			if err != nil {
				continue
			}
			held = append(held, c)
			_, _ = io.WriteString(c, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
		for _, c := range held {
			_ = c.Close()
		}
	})
}

// Clients that never read their answer hold a connection for a while and nothing else.
func TestIngest_SlowReadersAreLeftBehind(t *testing.T) {
	p := attacked(t, nil)
	one := "GET /projects/" + writeKey + "/settings HTTP/1.1\r\nHost: x\r\n\r\n"
	under(t, p, func(ctx context.Context) {
		crowd(ctx, t, p.http, 300, strings.Repeat(one, 500), strings.Repeat("G", 4), 500*time.Millisecond)
	})
}

func TestIngest_BombsAndGiantsAreRefusedInBoundedMemory(t *testing.T) {
	p := attacked(t, nil)
	post := func(headers, body string) string {
		return "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXR0YWNrLXdyaXRlLWtleTo=\r\n" + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	bomb := gzipped(t, strings.Repeat("0", 64<<20))
	giant := "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXR0YWNrLXdyaXRlLWtleTo=\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n", 2<<20) + strings.Repeat("x", 2<<20) + "\r\n0\r\n\r\n"
	for name, c := range map[string]struct {
		raw  string
		want int // 0 = the connection may end without an answer
	}{
		"gzip bomb":       {post("Content-Encoding: gzip\r\n", bomb), 413},
		"two encodings":   {post("Content-Encoding: gzip, gzip\r\n", gzipped(t, gzipped(t, "{}"))), 415},
		"announced giant": {"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXR0YWNrLXdyaXRlLWtleTo=\r\nContent-Length: 99999999999\r\n\r\n", 413},
		"chunked giant":   {giant, 413},
		"100 kB header":   {"POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", 431},
		"deep JSON":       {post("", strings.Repeat("[", 500_000)), 200}, // to quarantine
		"deep in a batch": {post("", `{"batch":[{"type":"track","event":"E","userId":"u","properties":{"a":`+strings.Repeat("[", 9_999)+strings.Repeat("]", 9_999)+`}}]}`), 200},
		"bad UTF-8":       {post("", "{\"batch\":[{\"type\":\"track\",\"event\":\"E\xff\xfe\",\"userId\":\"u\xc3\x28\"}]}"), 200},
		"half a pair":     {post("", `{"batch":[{"type":"track","event":"E","userId":"\ud800"}]}`), 200},
	} {
		before, _ := p.memory(t)
		for range 10 {
			if status, text := exchange(t, p.http, c.raw); status != c.want && (status != 0 || !strings.Contains(name, "giant")) {
				t.Errorf("%s: got %d %.200s, want %d", name, status, text, c.want)
				break
			}
		}
		if after, _ := p.memory(t); after-before > grown {
			t.Errorf("%s: memory grew by %d MiB", name, (after-before)>>20)
		}
	}
	under(t, p, func(ctx context.Context) { // all at once: floods are refused, not queued
		var wait sync.WaitGroup
		for range 16 {
			wait.Go(func() {
				for range 15 {
					exchange(t, p.http, post("Content-Encoding: gzip\r\n", bomb))
				}
			})
		}
		wait.Wait()
	})
}

// Two readers that disagree on where a request ends would let one client put words into
// another's mouth.
func TestIngest_RequestsThatCanBeReadTwoWaysAreRefused(t *testing.T) {
	p := attacked(t, nil)
	second := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, raw := range map[string]string{
		"two lengths":          "POST /v1/m HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n" + second,
		"unknown encoding":     "POST /v1/m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + second,
		"two encodings":        "POST /v1/m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + second,
		"space before colon":   "POST /v1/m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + second,
		"signed length":        "POST /v1/m HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + second,
		"chunk size of 17 F":   "POST /v1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + second,
		"no host":              "POST /v1/m HTTP/1.1\r\n\r\n",
		"two hosts":            "POST /v1/m HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"connect":              "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
		"line end in a header": "POST /v1/m HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
	} {
		conn := dial(t, p.http)
		if _, err := io.WriteString(conn, raw); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil { // what comes, comes at once
			t.Fatal(err)
		}
		answers := readStatuses(conn)
		t.Logf("%s: %v", name, answers)
		if len(answers) > 1 || len(answers) == 1 && answers[0] < 400 {
			t.Errorf("%s: got answers %v, want one refusal", name, answers)
		}
	}
	// Both lengths at once is the one form that Go's server takes: it goes by the chunks, as
	// RFC 9112 has it, so what follows them is a request and what the length covers is none.
	conn := dial(t, p.http)
	body := "0\r\n\r\n" + second
	if _, err := fmt.Fprintf(conn, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	if answers := readStatuses(conn); len(answers) == 0 || answers[0] < 400 {
		t.Errorf("both lengths: got answers %v", answers)
	}
	if status, _ := exchange(t, p.http, "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: x\r\n\r\n"); status != 404 {
		t.Errorf("absolute form: got %d, want 404: this is no proxy", status)
	}
}

// Of one client that floods, the others notice that some of what they send is to be sent again.
func TestIngest_FloodIsRefusedAndPasses(t *testing.T) {
	p := attacked(t, map[string]string{"max-requests": "32"})
	before, _ := p.memory(t)
	body := `{"batch":[` + strings.TrimSuffix(strings.Repeat(`{"type":"track","event":"E","userId":"u"},`, 2000), ",") + `]}`
	var wait sync.WaitGroup
	var mu sync.Mutex
	count := map[int]int{}
	until := time.Now().Add(4 * time.Second)
	for range 96 {
		wait.Go(func() {
			for time.Now().Before(until) {
				status, _, err := do(t.Context(), "POST", "http://"+p.http+"/v1/batch", "Basic YXR0YWNrLXdyaXRlLWtleTo=", body)
				if err != nil {
					status = -1
				}
				mu.Lock()
				count[status]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	_, peak := p.memory(t)
	t.Logf("answers %v, memory %d MiB before, peak %d MiB", count, before>>20, peak>>20)
	if count[200] == 0 || count[503] == 0 || len(count) > 3 {
		t.Errorf("got answers %v, want some taken and the rest 503", count)
	}
	if peak-before > 2*grown {
		t.Errorf("memory grew by %d MiB", (peak-before)>>20)
	}
	var h healthy
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	h.run(ctx, p.http, writeKey)
	if len(h.failed) > 0 {
		t.Errorf("after the flood %d of %d requests fail, the first with %s", len(h.failed), len(h.took), h.failed[0])
	}
}
