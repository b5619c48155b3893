package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/topics"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/ingest"
)

const partitions = 4

// defaults are the settings as flags without a value give them.
func defaults(t *testing.T, args ...string) ingest.Config {
	t.Helper()
	var c ingest.Config
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

// service is ingest at work over an embedded broker.
type service struct {
	url   string
	app   *ingest.App
	kafka *kafkaio.Client
	line  *kafkaiotest.Line // to the broker
	log   *bytes.Buffer     // read it after stop only
	stop  func() error
}

func start(t *testing.T, cfg ingest.Config) *service {
	t.Helper()
	s := &service{line: kafkaiotest.NewLine(), log: &bytes.Buffer{}}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	var err error
	if s.kafka, err = kafkaio.Open(kafkaio.Config{Brokers: kafkaiotest.StartEmbedded(t).Brokers, Dial: s.line.Dial}, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kafka.Close() })
	specs := topics.Specs(topics.Config{Partitions: partitions, LogRetention: time.Hour, Retention: time.Hour})
	if err := s.kafka.EnsureTopics(t.Context(), specs, true); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeys(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	s.app, err = ingest.New(cfg, ingest.Deps{Kafka: s.kafka, Registry: avrocodec.NewEmbedded(), Keys: keys, Partitions: partitions, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.app.Serve(ctx, ln) }()
	ended := false
	s.stop = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	eventually(t, "ingest is ready", func() error { return s.app.Ready(t.Context()) })
	return s
}

func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s until %s: %v", what, err)
		}
		pause := time.NewTimer(5 * time.Millisecond)
		select {
		case <-pause.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

func (s *service) post(t *testing.T, path, key, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(key, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// events reads the whole log, partition by partition.
func (s *service) events(t *testing.T) map[int32][]event.Event {
	t.Helper()
	out := map[int32][]event.Event{}
	for p := range int32(partitions) {
		from, end, err := s.kafka.Offsets(t.Context(), schemas.EventsTopic, p)
		if err != nil {
			t.Fatal(err)
		}
		records, err := s.kafka.ReadRange(t.Context(), schemas.EventsTopic, p, from, end)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			var e event.Event
			if err := avrocodec.DecodeEvent(r.Value, &e); err != nil {
				t.Fatal(err)
			}
			if string(r.Key) != e.Person {
				t.Errorf("got key %q, want the person", r.Key)
			}
			out[p] = append(out[p], e)
		}
	}
	return out
}

func batchOf(n int) string {
	var b strings.Builder
	b.WriteString(`{"batch":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"track","event":"Order Completed","userId":"u_%d","messageId":"m_%d","timestamp":"2026-10-05T09:50:02.731Z","properties":{"total":84.5}}`, i%97, i)
	}
	b.WriteString(`]}`)
	return b.String()
}
