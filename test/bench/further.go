package main

import "fmt"

// further gives the tables of the runs that are made when they are named.
func (r *result) further() [][][]any {
	head := func(name string, further ...any) [][]any {
		cells := append([]any{name, "p50 ms", "p90", "p99", "p99.9", "max", "missing"}, further...)
		return [][]any{append(cells, "clock p99", "pipeline CPU", "Kafka+Redis", "bench", "others")}
	}
	withdrawals := head("unsubscribed, intended -> readable")
	erasures := head("erased, intended -> readable")
	identities := head("guest has an account, intended -> readable")
	questions := head("explain, intended -> answer", "bytes")
	questions[0][6] = "not 200" // in the place of missing
	sweeps := [][]any{{"another catalogue, purchase, intended -> ad record readable", "p50 ms", "p90", "p99", "p99.9", "max", "purchases", "pipeline CPU", "Kafka+Redis", "bench", "others"}}
	swept := [][]any{{"another catalogue, people", "enter", "missing", "all told after s", "people/s", "purchases without a record"}}
	with := func(q quantiles, missing any, late quantiles, cpu cpuUse, name string) []any {
		return append(q.row(name, missing, late.P99), cpu.cells()...)
	}
	for i := range r.Sides {
		s := &r.Sides[i]
		for _, w := range s.Withdrawal {
			name := fmt.Sprintf("%s, %d/s by %d, %d people", s.On, w.PerSecond, w.Batch, w.Sent)
			withdrawals = append(withdrawals, with(w.ToExit, w.Missing, w.ClockLate, w.CPU, name+", exit"))
			if w.Receipts {
				withdrawals = append(withdrawals, w.ToReceipt.row(name+", receipt of SalesWings", w.Untold))
			}
		}
		if e := s.Erasure; e != nil {
			name := fmt.Sprintf("%s, %d/s, %d people", s.On, e.PerSecond, e.Sent)
			erasures = append(erasures, with(e.ToRelease, e.Unreleased, e.ClockLate, e.CPU, name+", release at the ad platform"),
				e.ToProof.row(name+", proof", e.Unproved), e.ToAnswer.row(name+", answer", 0))
		}
		if g := s.Identity; g != nil {
			name := fmt.Sprintf("%s, %d/s, %d guests", s.On, g.PerSecond, g.Sent)
			identities = append(identities, with(g.ToRecord, g.Missing, g.ClockLate, g.CPU, name+", the account's ad record"),
				g.ToEnter.row(name+", the account's entry", g.Sent-g.ToEnter.Count))
		}
		if x := s.Explain; x != nil {
			name := fmt.Sprintf("%s, %d/s, %d questions about %d people", s.On, x.PerSecond, x.Sent, x.People)
			if x.Error != "" {
				name += " (" + x.Error + ")"
			}
			questions = append(questions, append(x.ToAnswer.row(name, x.Errors, x.Bytes, x.ClockLate.P99), x.CPU.cells()...))
		}
		if w := s.Sweep; w != nil {
			name := fmt.Sprintf("%s, %d/s by %d, ", s.On, w.PerSecond, w.Batch)
			sweeps = append(sweeps, w.Before.row(name+"before", w.Before.Count), w.During.row(name+"during", w.During.Count),
				append(w.After.row(name+"after", w.After.Count), w.CPU.cells()...))
			swept = append(swept, []any{fmt.Sprintf("%s, %d", s.On, w.People), w.Enter, w.Missing, w.Seconds, int(w.Swept), w.Unsold})
		}
	}
	return [][][]any{withdrawals, erasures, identities, questions, sweeps, swept}
}
