package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

func TestServe_BatchIsInTheLogBeforeTheAnswer(t *testing.T) {
	s := start(t, defaults(t, "--pipelines-write-keys", "wk"))
	if status, answer := s.post(t, "/v1/batch", "wk", batchOf(500)); status != http.StatusOK || answer != "{}" {
		t.Fatalf("got %d %s", status, answer)
	}
	n := 0
	for p, events := range s.events(t) {
		for _, e := range events {
			n++
			if want := kafkaio.PartitionFor(e.Person, partitions); p != want {
				t.Errorf("%s: got partition %d, want %d", e.Person, p, want)
			}
		}
	}
	if n != 500 {
		t.Errorf("got %d events in the log, want 500", n)
	}
}

func TestServe_WhatIsNotUnderstoodIsInQuarantineBeforeTheAnswer(t *testing.T) {
	s := start(t, defaults(t, "--ingest-key", "everything"))
	if status, answer := s.post(t, "/v1/track", "everything", `{"event":"E"`); status != http.StatusOK || answer != "{}" {
		t.Fatalf("got %d %s", status, answer)
	}
	var kept []avrocodec.Quarantine
	for p := range int32(partitions) {
		from, end, err := s.kafka.Offsets(t.Context(), schemas.QuarantineTopic, p)
		if err != nil {
			t.Fatal(err)
		}
		records, err := s.kafka.ReadRange(t.Context(), schemas.QuarantineTopic, p, from, end)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			var q avrocodec.Quarantine
			if err := avrocodec.DecodeQuarantine(r.Value, &q); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, q)
		}
	}
	if len(kept) != 1 || string(kept[0].Body) != `{"event":"E"` || kept[0].Workspace != "default" {
		t.Errorf("got %+v", kept)
	}
}

// What docker-compose sets up: one key, and every surface can be tried with it.
func TestServe_IngestKeyOpensEverySurface(t *testing.T) {
	const key = "everything"
	s := start(t, defaults(t, "--ingest-key", key, "--track-keys", "site:other"))
	report := []byte(`{"event_id":"r","object_type":"email","metric":"opened","timestamp":1791190870,"data":{"identifiers":{"id":"u"}}}`)
	call := []byte(`{"type":"track","event":"E","userId":"u","messageId":"m"}`)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	sum := func(h hash.Hash, parts ...[]byte) string {
		for _, p := range parts {
			h.Write(p)
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	for name, c := range map[string]struct {
		path   string
		body   []byte
		change func(http.Header)
	}{
		"pipelines": {"/v1/track", call, func(h http.Header) {
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(key+":")))
		}},
		"track v1": {"/api/v1/customers/u/events", []byte(`{"name":"E"}`), func(h http.Header) {
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("any:"+key)))
		}},
		"track v1, its own": {"/api/v1/customers/u/events", []byte(`{"name":"F"}`), func(h http.Header) {
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("site:other")))
		}},
		"reporting": {"/webhooks/reporting", report, func(h http.Header) {
			h.Set("X-CIO-Timestamp", stamp)
			h.Set("X-CIO-Signature", sum(hmac.New(sha256.New, []byte(key)), []byte("v0:"+stamp+":"), report))
		}},
		"reporting, by name": {"/v1/webhooks/customerio/shop", report, func(h http.Header) {
			h.Set("X-CIO-Timestamp", stamp)
			h.Set("X-CIO-Signature", sum(hmac.New(sha256.New, []byte(key)), []byte("v0:"+stamp+":"), report))
		}},
		"destination, signed": {"/v1/webhooks/pipelines", call, func(h http.Header) { h.Set("X-Signature", sum(hmac.New(sha1.New, []byte(key)), call)) }},
		"destination, token":  {"/v1/webhooks/pipelines", call, func(h http.Header) { h.Set("Authorization", "Bearer "+key) }},
	} {
		r := httptest.NewRequest(http.MethodPost, c.path, bytes.NewReader(c.body))
		c.change(r.Header)
		w := httptest.NewRecorder()
		s.app.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != "{}" {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	n := 0
	for _, events := range s.events(t) {
		n += len(events)
	}
	if n != 7 {
		t.Errorf("got %d events, want 7", n)
	}
}

// Kafka goes away and comes back: meanwhile everything is refused, and at once; after
// that all that was answered 200 is in the log.
func TestServe_KafkaAwayIs503AtOnceAndRecoversByItself(t *testing.T) {
	s := start(t, defaults(t, "--pipelines-write-keys", "wk", "--ack-timeout", "2s"))
	answered := map[string]bool{}
	send := func(id string) int {
		status, _ := s.post(t, "/v1/track", "wk", `{"event":"E","userId":"u","messageId":"`+id+`"}`)
		answered[id] = answered[id] || status == http.StatusOK
		return status
	}
	if got := send("before"); got != http.StatusOK {
		t.Fatalf("got %d", got)
	}
	s.line.Cut()
	if got := send("first to notice"); got != http.StatusServiceUnavailable {
		t.Fatalf("cut: got %d", got)
	}
	for i := range 50 {
		begun := time.Now()
		if got := send(fmt.Sprint("away ", i)); got != http.StatusServiceUnavailable {
			t.Fatalf("away: got %d", got)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("away: answered after %s", took)
		}
	}
	if s.app.Ready(t.Context()) == nil {
		t.Error("Ready says yes while Kafka is away")
	}
	s.line.Mend()
	eventually(t, "events are taken again", func() error {
		if got := send("after"); got != http.StatusOK {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
	inLog := map[string]bool{}
	for _, events := range s.events(t) {
		for _, e := range events {
			inLog[e.ID] = true
		}
	}
	for id, ok := range answered {
		if ok && !inLog[id] {
			t.Errorf("%q was answered 200 and is not in the log", id)
		}
	}
}

// A stop in the middle of traffic: every request gets an answer, and what was answered
// 200 is in the log.
func TestServe_StopDrainsWhatIsIn(t *testing.T) {
	s := start(t, defaults(t, "--pipelines-write-keys", "wk"))
	var mu sync.Mutex
	answered := map[string]bool{}
	var senders sync.WaitGroup
	for n := range 8 {
		senders.Go(func() {
			for i := range 10_000 {
				id := fmt.Sprint(n, "-", i)
				body := strings.NewReader(`{"event":"E","userId":"u","messageId":"` + id + `"}`)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/track", body)
				if err != nil {
					t.Error(err)
					return
				}
				req.SetBasicAuth("wk", "")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return // stopped
				}
				resp.Body.Close()
				mu.Lock()
				answered[id] = resp.StatusCode == http.StatusOK
				mu.Unlock()
			}
		})
	}
	eventually(t, "some are answered", func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(answered) < 200 {
			return fmt.Errorf("%d are", len(answered))
		}
		return nil
	})
	if err := s.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	senders.Wait()
	inLog := map[string]bool{}
	for _, events := range s.events(t) {
		for _, e := range events {
			inLog[e.ID] = true
		}
	}
	for id, ok := range answered {
		if ok && !inLog[id] {
			t.Errorf("%s was answered 200 and is not in the log", id)
		}
	}
}

func TestServe_HeadersAreBounded(t *testing.T) {
	s := start(t, defaults(t, "--pipelines-write-keys", "wk"))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// The server may close while we still write; its answer is what counts.
	_, _ = fmt.Fprintf(conn, "POST /v1/track HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset") {
			return // closed without a word is refused too
		}
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestRun_HandlerIsOpenWhileItRuns(t *testing.T) {
	s := start(t, defaults(t, "--pipelines-write-keys", "wk"))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	ask := func() int {
		r := httptest.NewRequest(http.MethodPost, "/v1/track", strings.NewReader(`{"event":"E","userId":"u"}`))
		r.SetBasicAuth("wk", "")
		w := httptest.NewRecorder()
		s.app.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if got := ask(); got != http.StatusServiceUnavailable || s.app.Ready(t.Context()) == nil {
		t.Errorf("not running: got %d", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.app.Run(ctx) }()
	eventually(t, "the handler takes events", func() error {
		if got := ask(); got != http.StatusOK {
			return fmt.Errorf("got %d", got)
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("after the end: got %d", got)
	}
}
