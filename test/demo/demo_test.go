package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/demo/stack"
)

func TestDay_IsReproducibleAndTellsPlausibleStories(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	d := newDay(7, now, 400, time.Second, "")
	if diff := cmp.Diff(d, newDay(7, now, 400, time.Second, ""), cmp.AllowUnexported(day{}, call{}, webhook{})); diff != "" {
		t.Errorf("the same seed gave another day:\n%s", diff)
	}
	seen := map[string]call{}
	repeats := 0
	counts := map[string]int{}
	for i, c := range d.past {
		if c.at.After(now) || i > 0 && c.at.Before(d.past[i-1].at) {
			t.Fatalf("event %d of %s at %s: not in order, or in the future", i, c.person, c.at)
		}
		if first, ok := seen[c.id]; ok {
			repeats++
			if diff := cmp.Diff(first, c, cmp.AllowUnexported(call{})); diff != "" {
				t.Errorf("%s comes twice and differs:\n%s", c.id, diff)
			}
			continue
		}
		seen[c.id] = c
		counts[c.event]++
	}
	if repeats < len(d.past)/40 || repeats > len(d.past)/10 {
		t.Errorf("got %d redeliveries of %d events, want about 5 %%", repeats, len(d.past))
	}
	if counts[""] < 280 || counts["Product Viewed"] < 700 || counts["Product Added"] < 150 || counts["Order Completed"] < 50 {
		t.Errorf("got %v, want a day with all kinds of events", counts)
	}
	if len(d.purchases) != livePurchases || len(d.webhooks) != clicks+unsubscribes {
		t.Errorf("got %d purchases and %d webhooks", len(d.purchases), len(d.webhooks))
	}
	for _, c := range d.purchases {
		if _, ok := seen[c.person+"-identify"]; !ok {
			t.Errorf("%s buys and no ad platform would know them: no email", c.person)
		}
	}
}

func TestSign_AgreesWithCustomerios(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "facts", "customerio-samples", "90-signature-vectors.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the signature vectors are not beside the repository")
	}
	var v struct {
		Body    string
		Webhook struct {
			Key       string `json:"signing_key"`
			Timestamp string `json:"x_cio_timestamp"`
			Signature string `json:"x_cio_signature"`
		} `json:"reporting_webhook"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if got := sign(v.Webhook.Key, v.Webhook.Timestamp, []byte(v.Body)); got != v.Webhook.Signature || got == "" {
		t.Errorf("got %s, want %s", got, v.Webhook.Signature)
	}
}

func TestDoor_SpeaksTheRealProtocol(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var decoded map[string]any
		if err := json.Unmarshal(body, &decoded); err != nil {
			t.Error(err)
		}
		if r.URL.Path == reportingPath {
			if r.Header.Get("X-CIO-Signature") != sign(ingestKey, r.Header.Get("X-CIO-Timestamp"), body) {
				t.Error("the signature does not fit the body")
			}
		} else if key, _, _ := r.BasicAuth(); key != ingestKey {
			t.Errorf("%s: got key %q", r.URL.Path, key)
		}
		if r.URL.Path == "/v1/track" {
			http.Error(w, `{"message":"no"}`, http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	d := newDoor(server.URL)
	now := time.Unix(1_800_000_000, 0)
	if err := d.batch(t.Context(), []call{identify("p", now), {id: "a", person: "p", at: now, event: "Product Viewed"}}); err != nil {
		t.Error(err)
	}
	if err := d.report(t.Context(), webhook{id: "h", person: "p", object: "email", metric: "clicked"}, now); err != nil {
		t.Error(err)
	}
	if err := d.track(t.Context(), call{id: "b", person: "p", at: now, event: "Order Completed"}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("refused call: got %v, want an error with the status", err)
	}
	if diff := cmp.Diff([]string{"/v1/batch", reportingPath, "/v1/track"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.track(ctx, call{}); err == nil {
		t.Error("ended context: got no error")
	}
}

func TestScreen_PlainWithoutATerminal(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out}
	s.headf("day")
	step, done := s.progress("events", 8)
	for range 8 {
		step(1)
	}
	done()
	s.linef("%s|", pad("é", 3))
	want := "\nday\nevents: 2 of 8\nevents: 4 of 8\nevents: 6 of 8\nevents: 8 of 8\né  |\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestScreen_KeepsTheBarBelowTheLines(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out, live: true, colour: true}
	step, done := s.progress("events", 2)
	step(1)
	s.linef("%s", s.paint(green, "in"))
	done()
	s.linef("end")
	if !strings.Contains(out.String(), "\x1b[32min\x1b[0m\n") || !strings.HasSuffix(out.String(), "end\n") {
		t.Errorf("got %q", out.String())
	}
}

// The whole play, against the real pipeline; only the pace is another.
func TestPerform_PlaysAgainstTheRealPipeline(t *testing.T) {
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := stack.Build(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	a, err := stack.Free()
	if err != nil {
		t.Fatal(err)
	}
	wings, wingsURL, stopWings, err := fakeSalesWings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stopWings()
	s, err := stack.Start(stack.Config{Binary: binary, DataDir: t.TempDir(), Addresses: a, Partitions: partitions, Args: flags(wingsURL)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Ready(t.Context(), a.Admin, time.Minute); err != nil {
		t.Fatal(err)
	}
	client, err := kafkaio.Open(kafkaio.Config{Brokers: []string{a.Kafka}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	var out strings.Builder
	quick := pace{day: time.Second, purchaseEvery: 5 * time.Millisecond, settle: 300 * time.Millisecond, limit: time.Minute, silentIn: 2 * time.Second}
	for _, round := range []string{"first", "second, over the topics of the first"} {
		out.Reset()
		after := false
		err = perform(t.Context(), options{people: 150, seed: 1, exit: true}, quick, &screen{out: &out}, client, "http://"+a.HTTP, wings, time.Now(),
			func(context.Context) error {
				after = true
				return nil
			})
		if err != nil || !after {
			t.Errorf("%s round: %v; it printed\n%s", round, err, out.String())
		}
		for _, want := range []string{
			"A shopping day of 150 people", "recent_purchaser_7d  Order Completed", " ads\n", "time passed",
			"more, see the table", "cart_abandoner_24h", "saleswings", "12 of 12 people",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s round: %q was not printed", round, want)
			}
		}
		if strings.Contains(out.String(), "@") {
			t.Errorf("%s round: an email was printed", round)
		}
		if t.Failed() {
			t.Fatal(out.String())
		}
	}
}
