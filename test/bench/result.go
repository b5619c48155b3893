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
	Started time.Time   `json:"started"`
	Machine machineInfo `json:"machine"`
	Sides   []side      `json:"sides"`
}

// side is what was found on one kind of parts.
type side struct {
	On      string          `json:"on"`
	Latency []latencyResult `json:"latency,omitempty"`
	Silent  *silentResult   `json:"silent,omitempty"`
	Ingest  []ingestResult  `json:"ingest,omitempty"`

	Withdrawal []withdrawalResult `json:"withdrawal,omitempty"`
	Erasure    *erasureResult     `json:"erasure,omitempty"`
	Identity   *identityResult    `json:"identity,omitempty"`
	Explain    *explainResult     `json:"explain,omitempty"`
	Sweep      *sweepResult       `json:"sweep,omitempty"`
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
	_, _ = fmt.Fprintf(out, "%d cores, %s, load before %s, %s; CPU columns are cores kept busy\n", r.Machine.Cores, r.Machine.CPU, r.Machine.Load1, r.Machine.Go)
	cpu := []any{"pipeline CPU", "Kafka+Redis", "bench", "others"}
	latencies := [][]any{append([]any{"purchase, intended -> ad record readable", "p50 ms", "p90", "p99", "p99.9", "max", "missing", "answer p50", "p99", "clock p99"}, cpu...)}
	silent := [][]any{append([]any{"nobody clicks, deadline -> readable", "p50 ms", "p90", "p99", "p99.9", "max", "missing", "early"}, cpu...)}
	door := [][]any{append([]any{"front door, closed loop", "requests/s", "events/s", "p50 ms", "p99", "events/s per pipeline core"}, cpu...)}
	for i := range r.Sides {
		s := &r.Sides[i]
		for _, l := range s.Latency {
			latencies = append(latencies, append(l.ToRecord.row(fmt.Sprintf("%s, %d/s by %d, %d purchases", s.On, l.PerSecond, l.Batch, l.Sent), l.Missing,
				l.ToAnswer.P50, l.ToAnswer.P99, l.ClockLate.P99), l.CPU.cells()...))
		}
		if q := s.Silent; q != nil {
			silent = append(silent, append(q.Exit.row(fmt.Sprintf("%s, exit, %d people", s.On, q.People), q.Missing, q.Early), q.CPU.cells()...),
				q.Release.row(s.On+", release at the ad platform", q.People-q.Released))
		}
		for _, g := range s.Ingest {
			perCore := 0
			if g.CPU.Pipeline > 0 {
				perCore = int(g.Events / g.CPU.Pipeline)
			}
			door = append(door, append([]any{
				fmt.Sprintf("%s, %d a request, %d connections", s.On, g.PerRequest, g.Connections), int(g.Requests), int(g.Events),
				g.Answer.P50, g.Answer.P99, perCore,
			}, g.CPU.cells()...))
		}
	}
	for _, rows := range append([][][]any{latencies, silent, door}, r.further()...) {
		if len(rows) > 1 {
			table(out, rows)
		}
	}
}

func (u cpuUse) cells() []any { return []any{u.Pipeline, u.Stores, u.Bench, u.Others()} }

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
