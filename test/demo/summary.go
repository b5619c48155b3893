package main

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cohortflow/cohortflow/test/bench/latency"
	"github.com/cohortflow/cohortflow/test/demo/stack"
)

// summary prints what the play came to. It returns an error when a check does not hold.
func summary(scr *screen, b *board, checks []check, took time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	scr.headf("After %.1f s", took.Seconds())
	table(scr, func(row func(cells ...any)) {
		row("cohort", "entered", "left", "members now")
		for _, name := range slices.Sorted(maps.Keys(b.cohorts)) {
			c := b.cohorts[name]
			row(name, c.entered, c.exited, c.members)
		}
	})
	scr.linef("")
	table(scr, func(row func(cells ...any)) {
		row("destination", "transitions, by its receipts")
		for _, name := range slices.Sorted(maps.Keys(b.receipts)) {
			var parts []string
			for _, outcome := range slices.Sorted(maps.Keys(b.receipts[name])) {
				parts = append(parts, fmt.Sprintf("%d %s", b.receipts[name][outcome], outcome))
			}
			row(name, strings.Join(parts, ", "))
		}
	})
	scr.linef("")
	table(scr, func(row func(cells ...any)) {
		row("latency", "count", "p50", "p99", "max")
		add := func(name string, r *latency.Recorder) {
			s := r.Summary()
			if s.Count == 0 {
				row(name, 0, "-", "-", "-")
				return
			}
			row(name, s.Count, latency.Millis(s.P50), latency.Millis(s.P99), latency.Millis(s.Max))
		}
		add("purchase accepted -> ad-suppression record readable", &b.liveToAds)
		add("the same, the whole day included", &b.allToAds)
		add("nobody clicked: instant -> transition readable", &b.lateness)
	})
	scr.headf("Checked against what was played")
	failed := 0
	for _, c := range checks {
		mark := scr.paint(green, "ok  ")
		if !c.ok {
			mark = scr.paint(red, "FAIL")
			failed++
		}
		scr.linef("%s %s: %s", mark, c.what, c.detail)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks do not hold, see above", failed, len(checks))
	}
	return nil
}

func table(scr *screen, fill func(row func(cells ...any))) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fill(func(cells ...any) {
		for _, c := range cells {
			_, _ = fmt.Fprintf(w, "%v\t", c)
		}
		_, _ = fmt.Fprintln(w)
	})
	_ = w.Flush() // a strings.Builder takes everything
	for i, line := range strings.Split(strings.TrimRight(text.String(), "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		if i == 0 {
			line = scr.paint(bold, line)
		}
		scr.linef("%s", line)
	}
}

// tryIt prints commands to go on with.
func tryIt(scr *screen, a stack.Addresses, logFile string) {
	scr.headf("The pipeline is up, and what you do shows here. From another terminal:")
	show := func(what, command string) {
		scr.linef("%s", scr.paint(dim, "# "+what))
		scr.linef("%s", scr.paint(blue, command))
	}
	for _, c := range commands(a) {
		show(c.what, c.command)
	}
	switch version, err := exec.Command("kcat", "-V").Output(); {
	case err != nil:
		scr.linef("%s", scr.paint(dim, "# kcat is not installed here: apt install kcat, brew install kcat"))
	case !bytes.Contains(version, []byte("Avro")):
		scr.linef("%s", scr.paint(dim, "# the kcat here was built without Avro; Homebrew's and the image edenhill/kcat show the values with"))
		scr.linef("%s", scr.paint(dim, "# -s value=avro -r http://"+a.Registry))
	default:
		show("the same with its content, decoded by the schema registry", avroCommand(a))
	}
	scr.linef("\nIts log is in %s. Ctrl-C ends it.", logFile)
}

type command struct{ what, command string }

// commands work as they stand, in a shell, with any kcat.
func commands(a stack.Addresses) []command {
	return []command{
		{"somebody signs up: an ad platform will get a digest of the email, never the email", fmt.Sprintf(
			`curl -u %s: http://%s/v1/identify -d '{"userId":"you","traits":{"email":"you@shop.example"}}'`, ingestKey, a.HTTP)},
		{"and buys: in recent_purchaser_7d, and on the ad platforms' topics", fmt.Sprintf(
			`curl -u %s: http://%s/v1/track -d '{"userId":"you","event":"Order Completed","properties":{"order_id":"o-1","total":59.9}}'`, ingestKey, a.HTTP)},
		{"which cohorts you are in", fmt.Sprintf(`curl -s http://%s/v1/people/you`, a.Console)},
		{"and why, with the events behind it", fmt.Sprintf(`curl -s 'http://%s/v1/people/you/explain?cohort=recent_purchaser_7d'`, a.Console)},
		{"follow the transitions by their keys (Ctrl-C ends it)", fmt.Sprintf(`kcat -b %s -C -t cohort.transitions.v1 -o end -q -f '%%k  partition %%p offset %%o, %%S bytes\n'`, a.Kafka)},
		{"who is suppressed at Meta, by opaque keys", fmt.Sprintf(`kcat -b %s -C -t ads.suppression.meta.v1 -o beginning -e -q -f '%%k  %%S bytes\n'`, a.Kafka)},
		{"the schemas that the registry serves", fmt.Sprintf(`curl -s http://%s/subjects`, a.Registry)},
		{"the metrics", fmt.Sprintf(`curl -s http://%s/metrics | grep cohort`, a.Admin)},
	}
}

func avroCommand(a stack.Addresses) string {
	return fmt.Sprintf(`kcat -b %s -C -t ads.suppression.meta.v1 -o beginning -e -q -s value=avro -r http://%s -f '%%k  %%s\n'`, a.Kafka, a.Registry)
}
