package main

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/test/bench/latency"
)

// ingestResult is one closed-loop run against the front door. The rest of the
// pipeline works on what comes in meanwhile, on the same machine.
type ingestResult struct {
	PerRequest  int       `json:"events_per_request"`
	Connections int       `json:"connections"`
	Requests    float64   `json:"requests_per_second"`
	Events      float64   `json:"events_per_second"`
	Answer      quantiles `json:"answer_ms"`
	CPU         cpuUse    `json:"cpu"`
}

// measureIngest keeps a few connections busy with views of a thousand people.
func measureIngest(ctx context.Context, o options, size int) (ingestResult, error) {
	const connections, people = 8, 1000
	run := "see" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	r := ingestResult{PerRequest: size, Connections: connections}
	p := newPoster(o.target, connections)
	var number, answered atomic.Int64
	var took latency.Recorder
	begun := time.Now()
	counting, end := begun.Add(o.warmup), begun.Add(o.warmup+o.duration)
	g, ctx := errgroup.WithContext(ctx)
	for range connections {
		g.Go(func() error {
			for time.Now().Before(end) {
				messages := make([]message, size)
				now := time.Now()
				for i := range messages {
					n := int(number.Add(1))
					messages[i] = message{id: numbered(run, n), person: "viewer-" + strconv.Itoa(n%people), at: now, event: "Product Viewed"}
				}
				path, body := "/v1/track", messages[0].append(nil)
				if size > 1 {
					path, body = "/v1/batch", batchBody(messages...)
				}
				if err := p.post(ctx, path, body); err != nil {
					return err
				}
				if now.After(counting) {
					answered.Add(1)
					took.Add(time.Since(now))
				}
			}
			return nil
		})
	}
	var meter *cpuMeter
	select {
	case <-time.After(time.Until(counting)):
		meter = startCPU(o.target)
	case <-ctx.Done():
	}
	if err := g.Wait(); err != nil {
		return r, err
	}
	r.CPU = meter.stop()
	r.Requests = float64(answered.Load()) / o.duration.Seconds()
	r.Events = r.Requests * float64(size)
	r.Answer = inMillis(took.Summary())
	return r, nil
}
