package e2e

import (
	"bytes"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Somebody who runs the command in a shell is told why a person is where they are.
func TestExplain_TellsWhatTheFlowHasDecided(t *testing.T) {
	run, p := cohortctl(t), start(t)
	for i, body := range []string{
		`{"userId": "ada", "event": "Order Completed", "messageId": "o1", "timestamp": "2026-11-26T08:00:00Z"}`,
		`{"userId": "ada", "event": "Product Viewed", "messageId": "v1", "timestamp": "2026-11-26T09:00:00Z"}`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url()+"/v1/track", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth(writeKey, "")
		resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("event %d: %s", i, resp.Status)
		}
	}
	url := "http://" + p.cfg.Addresses.Console
	ask := func(args ...string) string { return output(t, run(append(args, "--url", url)...)) }
	deadline := time.Now().Add(time.Minute)
	for {
		var out bytes.Buffer
		cmd := run("explain", "ada", "recent_purchaser_7d", "--url", url)
		cmd.Stdout = &out
		if err := cmd.Run(); err == nil && strings.Contains(out.String(), "2026-11-26 09:00:00 UTC, log time") {
			const want = `
✓ recent_purchaser_7d  Bought within a week
  in since 2026-11-26 08:00:00 UTC (1h ago), until 2026-12-03 08:00:00 UTC (in 6d 23h) if nothing else happens
  stays in while
    ✓ order within 7d  it happened, can change 2026-12-03 08:00:00 UTC (in 6d 23h)
        2026-11-26 08:00:00 UTC  Order Completed  pipelines  o1
  audience ✓ suppress_recent_purchasers (meta, google, tiktok): is spared ads
`
			if !strings.Contains(out.String(), want) {
				t.Errorf("got\n%s\nwant in it\n%s", out.String(), want)
			}
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %v\n%s", err, out.String())
		}
		pause(t, 50*time.Millisecond)
	}
	for want, got := range map[string]string{
		"✗ recent_purchaser_7d":                  ask("explain", "ada", "recent_purchaser_7d", "--at", "2026-12-03T08:00:00Z"),
		"recent_purchaser_7d  Bought":            ask("people", "ada"),
		"recent_purchaser_7d  1 ":                ask("cohorts", "list", "--sizes"),
		"recent_purchaser_7d: 1 member\n":        ask("cohorts", "size", "recent_purchaser_7d"),
		`"basis": "decided"`:                     ask("explain", "ada", "--json"),
		"counted: 1, among 1 person of whom som": ask("cohorts", "size", "recent_purchaser_7d", "--verify"),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it %q", got, want)
		}
	}
	var said bytes.Buffer
	nobody := run("people", "bob", "--url", url)
	nobody.Stderr = &said
	if err := nobody.Run(); err == nil || err.(*exec.ExitError).ExitCode() != 1 || !strings.Contains(said.String(), "--by") { //nolint:errorlint // it is this command's own
		t.Errorf("somebody unknown: got %v and %q, want exit code 1 and what to do", err, said.String())
	}
}
