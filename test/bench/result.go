package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/cohortflow/cohortflow/test/bench/latency"
)

// result is everything that one run of the bench found out.
type result struct {
	Started time.Time       `json:"started"`
	Machine machineInfo     `json:"machine"`
	Latency []latencyResult `json:"latency,omitempty"`
	Silent  *silentResult   `json:"silent,omitempty"`
	Ingest  []ingestResult  `json:"ingest,omitempty"`
}

// quantiles are milliseconds.
type quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func inMillis(s latency.Summary) quantiles {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return quantiles{Count: s.Count, P50: ms(s.P50), P90: ms(s.P90), P99: ms(s.P99), P999: ms(s.P999), Max: ms(s.Max)}
}

// write saves the result as indented JSON.
func (r *result) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// print writes the result as tables for people.
func (r *result) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "%d cores, %s, load before %s, %s\n", r.Machine.Cores, r.Machine.CPU, r.Machine.Load1, r.Machine.Go)
	if len(r.Latency) > 0 {
		rows := [][]any{{"purchase, intended -> ad record", "p50 ms", "p90", "p99", "p99.9", "max", "missing", "answer p50", "answer p99", "clock p99", "pipeline CPU", "bench CPU", "machine CPU"}}
		for _, l := range r.Latency {
			rows = append(rows, l.ToRecord.row(fmt.Sprintf("%d/s by %d, %d purchases", l.PerSecond, l.Batch, l.Sent), l.Missing,
				l.ToAnswer.P50, l.ToAnswer.P99, l.ClockLate.P99, l.CPU.Pipeline, l.CPU.Bench, l.CPU.Machine))
		}
		table(out, rows)
	}
	if s := r.Silent; s != nil {
		table(out, [][]any{
			{"nobody clicks, deadline -> readable", "p50 ms", "p90", "p99", "p99.9", "max", "missing", "early", "pipeline CPU"},
			s.Exit.row(fmt.Sprintf("exit, %d people", s.People), s.Missing, s.Early, s.CPU.Pipeline),
			s.Release.row("release at the ad platform", s.People-s.Released),
		})
	}
	if len(r.Ingest) > 0 {
		rows := [][]any{{"front door, closed loop", "requests/s", "events/s", "p50 ms", "p99", "pipeline CPU", "bench CPU", "events/s per pipeline core"}}
		for _, i := range r.Ingest {
			perCore := 0
			if i.CPU.Pipeline > 0 {
				perCore = int(i.Events / i.CPU.Pipeline)
			}
			rows = append(rows, []any{
				fmt.Sprintf("%d a request, %d connections", i.PerRequest, i.Connections), int(i.Requests), int(i.Events),
				i.Answer.P50, i.Answer.P99, i.CPU.Pipeline, i.CPU.Bench, perCore,
			})
		}
		table(out, rows)
	}
}

// row puts the quantiles between a name and further cells.
func (q quantiles) row(name string, further ...any) []any {
	return append([]any{name, q.P50, q.P90, q.P99, q.P999, q.Max}, further...)
}

func table(out io.Writer, rows [][]any) {
	_, _ = fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, cells := range rows {
		for _, c := range cells {
			if v, ok := c.(float64); ok {
				c = fmt.Sprintf("%.2f", v)
			}
			_, _ = fmt.Fprintf(w, "%v\t", c)
		}
		_, _ = fmt.Fprintln(w)
	}
	_ = w.Flush()
}
