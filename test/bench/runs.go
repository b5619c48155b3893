package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// measureSide makes the runs, and starts a pipeline for those that follow each other and
// ask for the same one.
func measureSide(ctx context.Context, o options, r *side) error {
	for at := 0; at < len(o.runs); {
		kind, end := setupOf(o.runs[at]), at+1
		for end < len(o.runs) && o.target.URL == "" && kind != setupSweep && setupOf(o.runs[end]) == kind {
			end++
		}
		if err := measureRuns(ctx, o, kind, o.runs[at:end], r); err != nil {
			return err
		}
		at = end
	}
	return nil
}

func measureRuns(ctx context.Context, o options, kind setup, runs []string, r *side) (err error) {
	if o.target.URL == "" {
		end, failed := ownStack(ctx, r.On, kind, &o.target)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	client, err := kafkaio.Open(kafkaio.Config{Brokers: o.target.Brokers, ClientID: "bench"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("reach Kafka at %s: %w", strings.Join(o.target.Brokers, ","), err)
	}
	for _, what := range runs {
		if err := measure(ctx, o, client, what, r); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func measure(ctx context.Context, o options, client *kafkaio.Client, what string, r *side) (err error) {
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, r.On+": "+format+" ...\n", args...) }
	switch what {
	case "latency":
		for _, rate := range o.rates {
			say("latency at %d purchases per second", rate)
			one, err := measureLatency(ctx, o, client, rate)
			if err != nil {
				return err
			}
			r.Latency = append(r.Latency, one)
		}
	case "silent":
		say("silent exits")
		r.Silent, err = only(measureSilent(ctx, o, client))
	case "ingest":
		for _, size := range []int{1, 10, 100, 500} {
			say("ingest, %d events a request", size)
			one, err := measureIngest(ctx, o, size)
			if err != nil {
				return err
			}
			r.Ingest = append(r.Ingest, one)
		}
	case "withdrawal":
		for _, rate := range o.rates {
			say("%d withdrawals per second", rate)
			one, err := measureWithdrawal(ctx, o, client, rate)
			if err != nil {
				return err
			}
			r.Withdrawal = append(r.Withdrawal, one)
		}
	case "erasure":
		say("%d erasures per second", eraseRate)
		r.Erasure, err = only(measureErasure(ctx, o, client))
	case "identity":
		say("%d guests per second who identify", joinRate)
		r.Identity, err = only(measureIdentity(ctx, o, client))
	case "explain":
		say("%d questions per second about %d people", explainRate, o.explainPeople)
		r.Explain, err = only(measureExplain(ctx, o, client))
	case "sweep":
		say("a change of the catalogue for %d people", o.sweepPeople)
		r.Sweep, err = only(measureSweep(ctx, o, client, o.rates[0]))
	}
	return err
}

// only is a result of which there is one a side.
func only[T any](result T, err error) (*T, error) { return &result, err }
