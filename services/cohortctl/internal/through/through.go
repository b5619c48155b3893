// Package through plays recorded events through the whole standalone flow: a process of
// its own, on free ports of this machine and a folder that is removed afterwards, whose
// time is data. Events go in over HTTP as calls of the Pipelines API, and the answer is
// what then stands in the topic of transitions.
package through

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// Config is one play.
type Config struct {
	Binary    string // of the standalone
	Catalogue []byte // text
	Spec      *cohort.Spec
	Cohorts   []string
	Until     int64                       // last instant that counts; cohort.Never = every deadline is worked off
	Progress  func(what string, sent int) // may be called from several goroutines at once
	Log       io.Writer                   // what is said about the run
}

// partitions of the flow. Each is sent to over a connection of its own, in order.
const partitions = 4

// Play sends the script, lets every deadline pass and reads what was decided. Whatever
// happens, the process is gone and its folder removed on return.
func Play(ctx context.Context, cfg Config, script *Script) (out *simulate.Outcome, err error) {
	queues, last := script.queues(cfg.Until)
	dir, err := os.MkdirTemp("", "cohortctl-")
	if err != nil {
		return nil, fmt.Errorf("play through: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	rules := filepath.Join(dir, "catalogue.yaml")
	if err := os.WriteFile(rules, cfg.Catalogue, 0o600); err != nil {
		return nil, fmt.Errorf("play through: %w", err)
	}
	flow, err := start(ctx, cfg.Binary, dir, rules)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, flow.stop()) }()
	if err := flow.ready(ctx); err != nil {
		return nil, err
	}
	begun := time.Now()
	sent, err := flow.send(ctx, queues, cfg.Progress)
	if err != nil {
		return nil, err
	}
	if err := flow.advance(ctx, drained(cfg, last)); err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintf(cfg.Log, "%d events went through the flow in %s\n", sent, time.Since(begun).Round(time.Millisecond))
	kafka, err := kafkaio.Open(kafkaio.Config{Brokers: []string{flow.kafka}}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = kafka.Close() }()
	return collect(ctx, kafka, cfg)
}

// pastEverything lies behind what any chain of windows reaches from the last event.
const pastEverything = 200 * 365 * 24 * time.Hour

// drained is where log time goes at the end: deadlines of an instant are worked off when
// log time is past it.
func drained(cfg Config, last int64) int64 {
	if cfg.Until != cohort.Never {
		return max(cfg.Until, 0) + 1
	}
	return max(last, simulate.LastSpan(cfg.Spec)) + pastEverything.Milliseconds()
}
