package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/test/clients/faultproxy"
	"github.com/cohortflow/cohortflow/test/replay"
)

const header = "event_time,user_id,event_name,product_id,category,price,session_id,order_id,source,event_id,alt_id\n"

func TestRead_SortsByTimeAndNamesRows(t *testing.T) {
	m, err := replay.ParseMapping("view=clicks,order=orders,order=invoice")
	if err != nil {
		t.Fatal(err)
	}
	got, err := replay.Read(strings.NewReader(header+
		"2024-01-01T00:00:02.000Z,u1,orders,p1,shoes,9.50,s1,o1,made,x:1,\n"+
		"2024-01-01T00:00:01.250Z,u2,clicks,,,,,,made,,\n"+
		"2024-01-01T00:00:01.250Z,,other,,,,,,made,x:3,\n"), m)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 1, 1, 0, 0, 1, 250e6, time.UTC).UnixMilli()
	want := []replay.Event{
		{ID: "row:000000002", User: "u2", Name: "Product Viewed", At: at},
		{ID: "x:3", Name: "other", At: at},
		{ID: "x:1", User: "u1", Name: "Order Completed", At: at + 750, Product: "p1", Categ: "shoes", Session: "s1", Order: "o1", Price: 9.5, Priced: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRead_RefusesWhatItWouldDistort(t *testing.T) {
	for name, text := range map[string]string{
		"no header":     "",
		"a column gone": "event_time,user_id\n",
		"finer than ms": header + "2024-01-01T00:00:02.0001Z,u,v,,,,,,m,,\n",
		"no time":       header + "yesterday,u,v,,,,,,m,,\n",
		"a short row":   header + "2024-01-01T00:00:02.000Z,u\n",
		"a price":       header + "2024-01-01T00:00:02.000Z,u,v,,,cheap,,,m,,\n",
	} {
		if _, err := replay.Read(strings.NewReader(text), nil); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	for _, text := range []string{"viewer=clicks", "view", "view="} {
		if _, err := replay.ParseMapping(text); err == nil {
			t.Errorf("mapping %q: got no error", text)
		}
	}
}

func TestLoad_ReadsEveryRowOfTheRecordedFiles(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the recorded event files are not beside the repository")
	}
	for name, rows := range map[string]int{"online_retail_orders": 25943, "cdnow_master": 69659, "otto_sample": 862, "retentioneering_ecom_synthetic": 31106} {
		events, err := replay.Load(filepath.Join(dir, name+".csv.gz"), replay.Recorded[name])
		if err != nil {
			t.Fatal(err)
		}
		orders := 0
		for _, e := range events {
			if e.Name == "Order Completed" {
				orders++
			}
		}
		if len(events) != rows || orders == 0 {
			t.Errorf("%s: got %d events with %d orders, want %d with some", name, len(events), orders, rows)
		}
	}
}

// taker keeps the ids of the messages it took, by person and in all.
type taker struct {
	mu      sync.Mutex
	ids     []string
	user    map[string][]string
	largest int
	answer  int
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Batch []struct{ Type, MessageID, UserID, Event, Timestamp string }
	}
	key, secret, ok := r.BasicAuth()
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !ok || key != "key" || secret != "" || r.URL.Path != "/v1/batch" {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != 0 {
		w.WriteHeader(s.answer)
		return
	}
	s.largest = max(s.largest, len(body.Batch))
	for _, m := range body.Batch {
		s.ids = append(s.ids, m.MessageID)
		s.user[m.UserID] = append(s.user[m.UserID], m.MessageID)
	}
}

func serve(t *testing.T, s *taker) string {
	t.Helper()
	s.user = map[string][]string{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func events(n, people int) []replay.Event {
	out := make([]replay.Event, n)
	for i := range out {
		out[i] = replay.Event{ID: fmt.Sprintf("e%d", i), User: fmt.Sprintf("u%d", i%people), Name: "Product Viewed", At: int64(i)}
	}
	return out
}

// firsts drops the repeats of ids.
func firsts(ids []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func TestSend_KeepsOrderThroughFaults(t *testing.T) {
	s := &taker{}
	proxy, err := faultproxy.New(faultproxy.Config{Target: serve(t, s), Every: 3, When: faultproxy.InTurns})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	in := events(103, 5)
	var last int
	got, err := replay.Send(t.Context(), front.URL, "key", in, replay.Options{BatchSize: 10, Redeliver: 20, Progress: func(n int) { last = n }})
	if err != nil {
		t.Fatal(err)
	}
	if got.Events != 108 || got.Requests != 11 || got.Retries != int(proxy.Broken()) || got.Retries == 0 || last != 108 {
		t.Errorf("got %+v and a last progress of %d, want 108 events in 11 requests and a retry for each of %d faults", got, last, proxy.Broken())
	}
	var want []string
	for _, e := range in {
		want = append(want, e.ID)
	}
	if diff := cmp.Diff(want, firsts(s.ids)); diff != "" {
		t.Errorf("order of first arrivals (-want +got):\n%s", diff)
	}
	if s.largest != 10 {
		t.Errorf("largest batch: got %d, want 10", s.largest)
	}
}

func TestSend_ShardsKeepEachPersonsOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &taker{user: map[string][]string{}}
		server := httptest.NewServer(s)
		defer server.Close()
		shards := rapid.IntRange(2, 5).Draw(rt, "shards")
		in := events(rapid.IntRange(0, 80).Draw(rt, "events"), 7)
		o := replay.Options{
			BatchSize: rapid.IntRange(1, 9).Draw(rt, "batch"), Shards: shards,
			ShardOf: func(user string) int { return int(user[1]-'0') % shards },
		}
		got, err := replay.Send(t.Context(), server.URL, "key", in, o)
		if err != nil || got.Events != len(in) {
			rt.Fatalf("got %+v and %v, want %d events", got, err, len(in))
		}
		want := map[string][]string{}
		for _, e := range in {
			want[e.User] = append(want[e.User], e.ID)
		}
		if diff := cmp.Diff(want, s.user); diff != "" {
			rt.Fatalf("ids by person (-want +got):\n%s", diff)
		}
	})
}

func TestSend_EndsOnARefusalAndOnTimeout(t *testing.T) {
	s := &taker{answer: http.StatusUnauthorized}
	if _, err := replay.Send(t.Context(), serve(t, s), "key", events(3, 1), replay.Options{}); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("refused: got %v, want an error with the status", err)
	}
	s = &taker{answer: http.StatusServiceUnavailable}
	if _, err := replay.Send(t.Context(), serve(t, s), "key", events(3, 1), replay.Options{RetryFor: time.Nanosecond}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("unavailable: got %v, want an error with the status", err)
	}
	if _, err := replay.Send(t.Context(), "http://127.0.0.1:1", "key", events(1, 1), replay.Options{Shards: 2}); err == nil {
		t.Error("shards without ShardOf: got no error")
	}
}

func TestSend_WritesMillisecondsAndProperties(t *testing.T) {
	var body bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := body.ReadFrom(r.Body); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	in := []replay.Event{
		{ID: "a", Name: "x", At: 1}, // nobody's
		{ID: "b", User: "u", Name: "Order Completed", At: 1_700_000_000_120, Product: "p", Order: "o", Priced: true},
	}
	got, err := replay.Send(t.Context(), server.URL, "key", in, replay.Options{SkipNameless: true})
	if err != nil || got.Skipped != 1 {
		t.Fatalf("got %+v and %v, want one event skipped", got, err)
	}
	want := `{"batch":[{"type":"track","messageId":"b","userId":"u","event":"Order Completed","timestamp":"2023-11-14T22:13:20.120Z","properties":{"product_id":"p","order_id":"o","price":0}}]}`
	if diff := cmp.Diff(want, body.String()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}
