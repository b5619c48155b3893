package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
	"github.com/cohortflow/cohortflow/schemas"
)

// get is the answer of the admin port; "" while there is none.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

func TestRun_ServesUntilItIsToldToEnd(t *testing.T) {
	broker := kafkaiotest.StartEmbedded(t, kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COHORTFLOW_SEAL_SECRET", strings.Repeat("ab", 32))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--kafka-brokers", strings.Join(broker.Brokers, ","), "--admin", admin, "--partitions", "2", "--log-level", "error"})
	}()
	eventually(t, "ready", func() bool { status, _ := get(t, "http://"+admin+"/readyz"); return status == http.StatusOK })
	if status, _ := get(t, "http://"+admin+"/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}

	client, err := kafkaio.Open(kafkaio.Config{Brokers: broker.Brokers}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	in := client.NewProducer(kafkaio.ProducerConfig{Topic: schemas.TransitionsTopic})
	defer func() { _ = in.Close(context.Background()) }()
	p := kafkaio.PartitionFor("u1", 2)
	change := cohort.Transition{ID: cohort.ID{Partition: p}, Op: cohort.OpEnter, Person: "u1", Cohort: "recent_purchaser_7d", Version: 1, Reason: cohort.ReasonEvent}
	if err := in.Produce(ctx, []kafkaio.OutRecord{{
		Partition: p, Key: []byte("u1"),
		Value: avrocodec.AppendTransition(nil, avrocodec.NewEmbedded().ID(schemas.TransitionsSubject), &change),
	}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the suppression is counted", func() bool {
		_, body := get(t, "http://"+admin+"/metrics")
		return strings.Contains(body, `sink_destination="ads.meta"`) && strings.Contains(body, `sink_outcome="delivered"`)
	})
	if _, body := get(t, "http://"+admin+"/destinations"); body != "ads.google: ok\nads.meta: ok\nads.tiktok: ok\n" {
		t.Errorf("destinations: %q", body)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("did not end")
	}
}

func TestRun_TellsWhatIsMissing(t *testing.T) {
	t.Setenv("COHORTFLOW_LOG_LEVEL", "error")
	for want, args := range map[string][]string{
		"seal-secret":      nil,
		"kafka-brokers":    {"--seal-secret", strings.Repeat("ab", 32)},
		"saleswings-batch": {"--saleswings-key", "k", "--saleswings-batch", "0"},
		"ads-heartbeat":    {"--ads-heartbeat", "1ms"},
		"catalogue":        {"--catalogue", "nowhere.yaml"},
	} {
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want a word of %s", args, err, want)
		}
	}
}
