package simulate_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/recording"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

const recorded = 1_000_000

// shop makes the events of a shop in order of time: 50,000 people, of whom few do much
// and most do little, for 30 days.
func shop(events int) []event.Event {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"Product Viewed", "Product Viewed", "Product Viewed", "Product Viewed", "Product Viewed", "Product Viewed", "Product Added", "Product Added", "Order Completed", "Newsletter Opened"}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	step := 30 * 24 * time.Hour.Milliseconds() / int64(events)
	all := make([]event.Event, events)
	for i := range all {
		at += r.Int64N(2 * step)
		all[i] = event.Event{
			Kind: event.KindTrack, Source: event.SourcePipelines, ID: "e" + strconv.Itoa(i), Name: names[r.IntN(len(names))],
			Person: "customer-" + strconv.Itoa(int(50_000*r.Float64()*r.Float64())), EventAt: at, AcceptedAt: at,
		}
	}
	return all
}

// The bar is one million events a second on one core with the default catalogue. loop is
// the deciding alone; events/s counts the matching, the dropping of repeats and the
// grouping by person in as well, which one core does whatever the number of shards.
func BenchmarkRun_Core(b *testing.B) {
	c, events := rules(b), shop(recorded)
	for name, shards := range map[string]int{"one core": 1, "all cores": 0} {
		b.Run(name, func(b *testing.B) {
			transitions := 0
			var loop time.Duration
			for b.Loop() {
				h := simulate.NewHistory(c.Program, &c.Spec, nil)
				for i := range events {
					if _, err := h.Add(&events[i]); err != nil {
						b.Fatal(err)
					}
				}
				begun := time.Now()
				o, err := h.Run(b.Context(), simulate.Options{Until: cohort.Never, Shards: shards})
				loop += time.Since(begun)
				if err != nil {
					b.Fatal(err)
				}
				transitions = o.Transitions()
			}
			b.ReportMetric(float64(len(events))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(len(events))*float64(b.N)/loop.Seconds(), "loop-events/s")
			b.ReportMetric(float64(transitions), "transitions")
		})
	}
}

// From the text of a recording to the text of the transitions, on all cores.
func BenchmarkRun_Whole(b *testing.B) {
	c := rules(b)
	var text bytes.Buffer
	text.WriteString("event_time,user_id,event_name,product_id,price,event_id\n")
	for _, e := range shop(recorded) {
		text.WriteString(time.UnixMilli(e.EventAt).UTC().Format(simulate.TimeFormat) + "," + e.Person + "," + e.Name + ",p1,9.99," + e.ID + "\n")
	}
	for b.Loop() {
		h := simulate.NewHistory(c.Program, &c.Spec, nil)
		if err := recording.Read("shop.csv", bytes.NewReader(text.Bytes()), recording.Options{}, into(h)); err != nil {
			b.Fatal(err)
		}
		o, err := h.Run(b.Context(), simulate.Options{Until: cohort.Never})
		if err != nil {
			b.Fatal(err)
		}
		if err := o.WriteCSV(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(recorded*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
