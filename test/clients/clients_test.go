package clients_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/test/clients"
	"github.com/cohortflow/cohortflow/test/clients/faultproxy"
	"github.com/cohortflow/cohortflow/test/launch"
)

// needClients skips where the libraries are not installed; in CI that fails.
func needClients(t *testing.T) {
	t.Helper()
	launch.Need(t, launch.PartNode, launch.PartPython)
}

// taker is a server that keeps the users and names of the calls it answered with 200, in order.
type taker struct {
	mu     sync.Mutex
	calls  []string
	status int
}

type call struct {
	UserID string `json:"userId"`
	Event  string `json:"event"`
	Name   string `json:"name"`
	Batch  []call `json:"batch"`
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	var c call
	if err := json.NewDecoder(body).Decode(&c); err != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == 0 {
		if c.Batch == nil {
			if rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/customers/"); ok {
				c.UserID, _, _ = strings.Cut(rest, "/")
			}
			c.Batch = []call{c}
		}
		for _, b := range c.Batch {
			s.calls = append(s.calls, b.UserID+" "+b.Event+b.Name)
		}
	} else {
		w.WriteHeader(s.status)
	}
	_, _ = io.WriteString(w, `{"code":"refused","message":"refused"}`)
}

// eventFile writes 60 events of 7 people, of which one row has no person.
func eventFile(t *testing.T) (path string, want []string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("event_time,user_id,event_name,product_id,category,price,session_id,order_id,source,event_id,alt_id\n")
	names := []string{"clicks", "carts", "orders"}
	canonical := []string{"Product Viewed", "Product Added", "Order Completed"}
	b.WriteString("2024-01-01T00:00:00.000Z,,clicks,p0,,1.50,,,made,none,\n")
	start := time.Date(2024, 1, 1, 0, 0, 1, 0, time.UTC)
	for i := range 60 {
		at := start.Add(time.Duration(i) * time.Second).Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(&b, "%s,u%d,%s,p%d,,1.50,,,made,made:%d,\n", at, i%7, names[i%3], i, i)
		want = append(want, fmt.Sprintf("u%d %s", i%7, canonical[i%3]))
	}
	path = filepath.Join(t.TempDir(), "events.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, want
}

// settle drops a repeat of a batch that the server had taken already: a call that
// was seen before and is not the next one expected.
func settle(calls, want []string) []string {
	var got []string
	next := 0
	for _, c := range calls {
		if next < len(want) && c == want[next] {
			got = append(got, c)
			next++
		}
	}
	return got
}

func TestSend_EveryClientDeliversAllInOrderThroughFaults(t *testing.T) {
	needClients(t)
	file, want := eventFile(t)
	for _, c := range clients.Senders {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			s := &taker{}
			server := httptest.NewServer(s)
			defer server.Close()
			proxy, err := faultproxy.New(faultproxy.Config{Target: server.URL, Every: 4, When: faultproxy.InTurns})
			if err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(proxy)
			defer front.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, err := clients.Send(ctx, c, clients.Options{
				URL: front.URL, Key: "key", Site: "site", File: file, Map: "view=clicks,cart=carts,order=orders", Batch: 7,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(clients.Report{Client: string(c), Sent: 60, Nameless: 1}, r); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if proxy.Broken() < 2 {
				t.Errorf("only %d requests were broken, so nothing was retried", proxy.Broken())
			}
			if len(s.calls) <= len(want) {
				t.Errorf("the server took %d calls, want repeats beyond the %d", len(s.calls), len(want))
			}
			if diff := cmp.Diff(want, settle(s.calls, want)); diff != "" {
				t.Errorf("calls without repeats (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSend_CountsWhatTheClientGaveUp(t *testing.T) {
	needClients(t)
	file, _ := eventFile(t)
	for _, c := range clients.Senders {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&taker{status: http.StatusBadRequest})
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, err := clients.Send(ctx, c, clients.Options{URL: server.URL, Key: "key", Site: "site", File: file, Limit: 3, Redeliver: 3, Identify: true, Batch: 2})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(clients.Report{Client: string(c), Errors: 7, Nameless: 1, Identified: 3}, r); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}
