// Package e2e runs the real binaries with real clients, on embedded parts and on
// Apache Kafka and Redis, and judges the topics by the expected answers.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/demo/stack"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/oracle"
	"github.com/cohortflow/cohortflow/test/replay"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const (
	writeKey   = "e2e-write-key"
	trackSite  = "e2e-site"
	trackKey   = "e2e-track-key"
	partitions = 4
	drained    = int64(4_102_444_800_000) // 2100: past every finite deadline of recorded data
)

var judged = []string{"cart_abandoner_2h", "cart_abandoner_24h", "cart_abandoner_3d", "recent_purchaser_7d", "high_intent_24h", "lapsed_60d", "browse_no_cart_24h"}

// pipeline is a standalone process that can be killed and started again.
type pipeline struct {
	t     *testing.T
	cfg   stack.Config
	stack *stack.Stack
	real  []string // brokers, when they are not embedded
}

// binary is built once per run of the package.
var binary string

func TestMain(m *testing.M) {
	root, err := stack.Root()
	if err == nil {
		binary, err = stack.Build(context.Background(), root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// start runs a pipeline whose time is data; more are further flags.
func start(t *testing.T, more ...string) *pipeline {
	t.Helper()
	addresses, err := stack.Free()
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{t: t, cfg: stack.Config{
		Binary: binary, DataDir: t.TempDir(), Addresses: addresses, Partitions: partitions,
		Args: append([]string{"--clock", "events", "--pipelines-write-keys", writeKey, "--track-keys", trackSite + ":" + trackKey}, more...),
	}}
	p.begin()
	t.Cleanup(func() {
		if err := p.stack.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return p
}

// startReal is start over Apache Kafka and Redis.
func startReal(t *testing.T, more ...string) *pipeline {
	t.Helper()
	brokers, _ := launch.Kafka(t, launch.KafkaOptions{})
	redis, _ := launch.Redis(t)
	p := start(t, append([]string{"--kafka-brokers", brokers[0], "--redis", "redis://" + redis}, more...)...)
	p.real = brokers
	return p
}

func (p *pipeline) begin() {
	p.t.Helper()
	s, err := stack.Start(p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.stack = s
	if err := s.Ready(p.t.Context(), p.cfg.Addresses.Admin, time.Minute); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) kill() {
	p.t.Helper()
	if err := p.stack.Kill(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) url() string { return "http://" + p.cfg.Addresses.HTTP }

func (p *pipeline) brokers() []string {
	if p.real != nil {
		return p.real
	}
	return []string{p.cfg.Addresses.Kafka}
}

func (p *pipeline) client() *kafkaio.Client {
	p.t.Helper()
	c, err := kafkaio.Open(kafkaio.Config{Brokers: p.brokers()}, slog.New(slog.DiscardHandler))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

// drain moves log time past every deadline and waits until all is worked off.
func (p *pipeline) drain() {
	p.t.Helper()
	p.advance(drained)
}

// advance moves log time to an instant, in ms, and waits until all is worked off.
func (p *pipeline) advance(to int64) {
	p.t.Helper()
	body := fmt.Appendf(nil, `{"advance_to": %d}`, to)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.cfg.Addresses.Admin+"/clock", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: 3 * time.Minute}).Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("POST /clock: %d %s %v", resp.StatusCode, text, err)
	}
}

// judge compares the topic of transitions with the expected rows.
func (p *pipeline) judge(want []oracle.Row) {
	p.t.Helper()
	produced, err := tail.Transitions(p.t.Context(), p.client(), partitions)
	if err != nil {
		p.t.Fatal(err)
	}
	if gaps := produced.Gaps(); len(gaps) > 0 {
		p.t.Errorf("versions are not gapless: %v", gaps[:min(5, len(gaps))])
	}
	if d := oracle.Compare(want, oracle.Net(oracle.Only(produced.Rows(), judged...))); !d.Equal() {
		p.t.Errorf("transitions differ from the expected answer:\n%s", d)
	}
}

func expected(t *testing.T, name string) []oracle.Row {
	t.Helper()
	rows, err := oracle.Load(launch.Shared(t, "oracle/expected/"+name+".transitions.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func recorded(t *testing.T, name string) []replay.Event {
	t.Helper()
	events, err := replay.Load(launch.Shared(t, "data/"+name+".csv.gz"), replay.Recorded[name])
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (p *pipeline) send(events []replay.Event) {
	p.t.Helper()
	if _, err := replay.Send(p.t.Context(), p.url(), writeKey, events, replay.Options{SkipNameless: true}); err != nil {
		p.t.Fatal(err)
	}
}
