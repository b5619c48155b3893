package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/test/demo/stack"
	"github.com/cohortflow/cohortflow/test/launch"
)

// cohortctl builds the command and makes a run of it. Settings of the shell stay out.
func cohortctl(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cohortctl")
	build := exec.Command("go", "build", "-o", path, "./services/cohortctl/cmd/cohortctl")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build cohortctl: %v\n%s", err, out)
	}
	return func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = []string{"TMPDIR=" + t.TempDir()}
		return cmd
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, said.String())
	}
	return out.String()
}

var recordedMaps = map[string]string{
	"online_retail_orders": "order=invoice", "cdnow_master": "order=purchase", "otto_sample": "view=clicks,cart=carts,order=orders",
	"retentioneering_ecom_synthetic": "view=product_view,cart=add_to_cart,order=purchase",
}

// The core alone and the whole flow give one answer, to the byte.
func TestSimulate_ThroughTheFlowEqualsPlain(t *testing.T) {
	run := cohortctl(t)
	same := func(t *testing.T, args ...string) {
		t.Helper()
		args = append([]string{"simulate"}, args...)
		plain := output(t, run(args...))
		through := output(t, run(append(args, "--through", "--binary", binary)...))
		if plain != through || strings.Count(plain, "\n") < 3 {
			t.Errorf("got %d lines through the flow and %d without it, and they differ or are too few", strings.Count(through, "\n"), strings.Count(plain, "\n"))
		}
	}
	for name, roles := range recordedMaps {
		t.Run(name, func(t *testing.T) {
			same(t, "--events", launch.Shared(t, "data/"+name+".csv.gz"), "--map", roles)
		})
	}
	t.Run("until", func(t *testing.T) {
		same(t, "--events", launch.Shared(t, "data/retentioneering_ecom_synthetic.csv.gz"), "--until", "2024-03-01T00:00:00Z")
	})
	t.Run("language", func(t *testing.T) {
		folder := t.TempDir()
		rules, events := filepath.Join(folder, "c.yaml"), filepath.Join(folder, "e.ndjson")
		for path, text := range map[string]string{
			rules: `version: 1
events: {order: {names: [order], where: "!has(properties.test)"}}
cohorts:
  - {key: big, when: {did: {event: order, where: "properties.total >= 100", within: 1d}}}
  - {key: spender, dwell: 1h, when: {sum: {event: order, property: total, at_least: 150, within: 7d}}}
  - key: pro_at_the_weekend
    when: {all: [{attribute: attributes.plan == "pro"}, {during: {from: fri 18:00, to: mon 06:00, zone: Europe/Berlin}}]}
  - {key: big_pro, when: {all: [{member: big}, {attribute: attributes.plan == "pro"}]}}
groups: [{key: offers, cohorts: [big_pro, spender]}]
`,
			events: `{"type":"identify","userId":"ada","timestamp":"2026-11-27T00:00:00Z","traits":{"plan":"pro","unsubscribed":"1"}}
{"type":"track","userId":"ada","event":"order","messageId":"1","timestamp":"2026-11-27T08:00:00.000Z","properties":{"total":99.5}}
{"type":"track","userId":"ada","event":"order","messageId":"2","timestamp":"2026-11-27T09:00:00.000Z","properties":{"total":100,"items":[{"sku":1}]}}
{"type":"track","userId":"bob","event":"order","messageId":"3","timestamp":"2026-11-27T09:00:00.000Z","properties":{"total":1000,"test":true}}
{"type":"track","userId":"bob","event":"order","messageId":"4","timestamp":"2026-11-27T10:00:00.000Z","properties":{"total":1000}}
{"type":"identify","userId":"ada","timestamp":"2026-11-29T00:00:00Z","traits":{"plan":null}}
`,
		} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "--catalogue", rules, "--events", events, "--until", "2026-12-20T00:00:00Z")
	})
	t.Run("bodies", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bodies.ndjson")
		text := `{"batch":[{"type":"page","userId":"ada","name":"Product","timestamp":"2026-11-27T08:00:00Z"},{"type":"track","userId":"ada","event":"bought","timestamp":"2026-11-27T08:00:01Z"}]}
{"type":"identify","anonymousId":"anon","timestamp":"2026-11-27T08:00:00Z","traits":{"plan":"pro"}}
{"kind":"track","name":"Product Viewed","person":"an, odd \"key\"","event_at":"2026-11-27T08:00:00Z","event_id":"v1"}
{"type":"track","userId":"ada","event":"looked","timestamp":"2026-11-26T08:00:01Z"}
`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		same(t, "--events", path, "--map", "order=bought,view=looked,cart=looked")
	})
}

// Ctrl-C stops the flow too, and takes its folder away.
func TestSimulate_ThroughLeavesNothingBehind(t *testing.T) {
	run := cohortctl(t)
	cmd := run("simulate", "--through", "--binary", binary, "--events", launch.Shared(t, "data/cdnow_master.csv.gz"))
	folder := strings.TrimPrefix(cmd.Env[0], "TMPDIR=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		if found, _ := filepath.Glob(filepath.Join(folder, "cohortctl-*", "process.log")); len(found) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the flow was not started")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("got no error of a run that was interrupted")
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
