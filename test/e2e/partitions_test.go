package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/test/demo/stack"
)

const shopRules = `version: 1
events:
  view: {names: [Product Viewed]}
  cart: {names: [Product Added]}
  order: {names: [Order Completed]}
cohorts:
  - {key: keen, when: {did: {event: view, at_least: 3, within: 30d}}}
  - {key: buyer, when: {did: {event: order, within: 30d}}}
  - key: abandoner
    when: {all: [{quiet: {event: cart, for: 30m, none_of: [order]}}, {did: {event: cart, within: 20d, none_of: [order]}}]}
  - {key: big_spender, when: {sum: {event: order, property: total, at_least: 150, within: 30d}}}
`

// visits are people who come without a name, order by email, sign up and come back, in random order.
func visits(seed uint64) (bodies []string) {
	r := rand.New(rand.NewPCG(seed, 3))
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for i := range 400 {
		at = at.Add(time.Duration(r.IntN(60)) * time.Second)
		who := r.IntN(25)
		anonymous, email, account := fmt.Sprintf("visitor-%d", who), fmt.Sprintf("p%d@example.com", who), fmt.Sprintf("account-%d", who)
		body := map[string]any{"type": "track", "messageId": fmt.Sprintf("m%d", i), "timestamp": at.Format(time.RFC3339)}
		switch name := []string{"Product Viewed", "Product Viewed", "Product Added", "Order Completed"}[r.IntN(4)]; r.IntN(8) {
		case 0:
			body["type"], body["userId"], body["anonymousId"], body["traits"] = "identify", account, anonymous, map[string]any{"email": email}
		case 1, 2:
			body["event"], body["userId"] = name, account
		case 3:
			body["event"], body["context"] = name, map[string]any{"traits": map[string]any{"email": email}}
			body["anonymousId"] = anonymous
		default:
			body["event"], body["anonymousId"] = name, anonymous
		}
		if body["event"] == "Order Completed" {
			body["properties"] = map[string]any{"total": 20 + r.IntN(80)}
		}
		text, _ := json.Marshal(body) // texts and numbers
		bodies = append(bodies, string(text))
	}
	return bodies
}

// How many partitions there are says where people are worked off, and nothing about them, though their keys
// lie in different ones and are joined across them.
func TestPartitions_TheirNumberChangesNobody(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(shopRules), 0o600); err != nil {
		t.Fatal(err)
	}
	bodies := visits(5)
	var want map[string][]string
	for _, n := range []int{1, 3, 8} {
		addresses, err := stack.Free()
		if err != nil {
			t.Fatal(err)
		}
		p := &pipeline{t: t, cfg: stack.Config{
			Binary: binary, DataDir: t.TempDir(), Addresses: addresses, Partitions: n,
			Args: []string{"--clock", "events", "--catalogue", rules, "--pipelines-write-keys", writeKey},
		}}
		p.begin()
		for chunk := range slices.Chunk(bodies, 50) {
			p.post(p.url()+"/v1/batch", `{"batch":[`+strings.Join(chunk, ",")+`]}`)
		}
		p.advance(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).UnixMilli())
		if want == nil {
			want = p.everybody()
			all := strings.Join(slices.Concat(slices.Collect(maps.Values(want))...), " ")
			for _, cohort := range []string{"keen", "buyer", "abandoner", "big_spender"} {
				if strings.Count(all, cohort) < 3 || strings.Count(all, cohort) > 22 {
					t.Fatalf("%s has %d of 25 people: this tells little: %v", cohort, strings.Count(all, cohort), want)
				}
			}
		}
		deadline := time.Now().Add(30 * time.Second)
		for diff := " "; diff != ""; { // what is passed on between partitions is worked off a moment later
			if diff = cmp.Diff(want, p.everybody()); diff != "" && time.Now().After(deadline) {
				t.Fatalf("%d partitions (-one +got):\n%s", n, diff)
			}
		}
		if err := p.stack.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	}
}

func (p *pipeline) post(to, body string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.SetBasicAuth(writeKey, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: got %s", to, resp.Status)
	}
}

// everybody gives the cohorts of each account, as the read API has them.
func (p *pipeline) everybody() map[string][]string {
	p.t.Helper()
	all := map[string][]string{}
	for who := range 25 {
		var answer struct {
			Memberships []struct {
				Cohort string `json:"cohort"`
			} `json:"memberships"`
		}
		account := fmt.Sprintf("account-%d", who)
		ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.cfg.Addresses.Console+"/v1/people/"+url.PathEscape(account), nil)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				err = json.NewDecoder(resp.Body).Decode(&answer)
				_ = resp.Body.Close()
			}
		}
		cancel()
		if err != nil {
			p.t.Fatal(err)
		}
		for _, c := range answer.Memberships {
			all[account] = append(all[account], c.Cohort)
		}
		slices.Sort(all[account])
	}
	return all
}
