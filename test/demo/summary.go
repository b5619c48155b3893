package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cohortflow/cohortflow/test/bench/latency"
	"github.com/cohortflow/cohortflow/test/demo/stack"
)

// summary prints what the play came to. It returns an error when something that
// the play provokes has not come out.
func summary(scr *screen, b *board, today day, took time.Duration, salesWings int) error {
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
		row("destination", "outcomes by its receipts")
		for _, name := range slices.Sorted(maps.Keys(b.receipts)) {
			var parts []string
			for _, outcome := range slices.Sorted(maps.Keys(b.receipts[name])) {
				parts = append(parts, fmt.Sprintf("%d %s", b.receipts[name][outcome], outcome))
			}
			row(name, strings.Join(parts, ", "))
		}
	})
	scr.linef("The fake SalesWings took %d items.", salesWings)
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
		add("accepted -> ad-suppression record readable, live purchases", &b.liveToAds)
		add("the same, while the whole day came in", &b.allToAds)
		add("silent change seen after its instant", &b.lateness)
	})
	if b.liveSeen < len(today.purchases) || len(b.awaited) > 0 {
		return fmt.Errorf("not everything came out: %d of %d live purchases reached the ad-suppression topic, %d of %d silent changes were not seen",
			b.liveSeen, len(today.purchases), len(b.awaited), len(today.silent))
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
	scr.headf("The pipeline is up. Try it from another terminal:")
	for _, c := range []struct{ what, command string }{
		{"buy something: shopper-9001 enters recent_purchaser_7d", fmt.Sprintf(
			`curl -u %s: http://%s/v1/track -d '{"userId":"shopper-9001","event":"Order Completed","properties":{"order_id":"o-1","total":59.9}}'`, writeKey, a.HTTP)},
		{"tell who it is: the ad platforms get digests of the email, never the email", fmt.Sprintf(
			`curl -u %s: http://%s/v1/identify -d '{"userId":"shopper-9001","traits":{"email":"you@shop.example"}}'`, writeKey, a.HTTP)},
		{"watch the transitions' keys", fmt.Sprintf(`kcat -b %s -t cohort.transitions.v1 -C -o end -f '%%k at offset %%o of %%p\n'`, a.Kafka)},
		{"read the ad-suppression records, decoded by the schema registry", fmt.Sprintf(
			`kcat -b %s -t ads.suppression.meta.v1 -C -o beginning -e -s value=avro -r http://%s`, a.Kafka, a.Registry)},
		{"see the schemas", fmt.Sprintf(`curl http://%s/subjects`, a.Registry)},
		{"see the metrics", fmt.Sprintf(`curl -s http://%s/metrics | grep cohortflow_`, a.Admin)},
	} {
		scr.linef("  %s", scr.paint(dim, "# "+c.what))
		scr.linef("  %s", scr.paint(blue, c.command))
	}
	scr.linef("\nIts log is in %s. Ctrl-C ends it.", logFile)
}
