package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

// pace is how fast the play goes.
type pace struct {
	day           time.Duration // for the events of the past
	purchaseEvery time.Duration
	settle        time.Duration // without news before the end is judged
	limit         time.Duration // for everything to come out after the last purchase
	silentIn      time.Duration // from the start to the first silent change; the next ones follow every third of a second
}

func usualPace() pace {
	return pace{
		day: 7 * time.Second, purchaseEvery: 100 * time.Millisecond,
		settle: time.Second, limit: 30 * time.Second, silentIn: 7500 * time.Millisecond,
	}
}

const batchSize = 40

// play sends the day and returns once its consequences have come out, with what was
// checked; or when they have not within the limit.
func play(ctx context.Context, d *door, today day, p pace, b *board, wings *saleswingstest.Server, scr *screen) ([]check, error) {
	e := newExpectation()
	step, done := scr.progress("sent", len(today.past)+len(today.webhooks)+len(today.purchases))
	defer done()

	pause := p.day / time.Duration(max(1, len(today.past)/batchSize))
	for at := 0; at < len(today.past); at += batchSize {
		part := today.past[at:min(at+batchSize, len(today.past))]
		for _, c := range part {
			b.sending(c, false)
		}
		if err := d.batch(ctx, part); err != nil {
			return nil, fmt.Errorf("play the day: %w", err)
		}
		for _, c := range part {
			e.took(c)
		}
		step(len(part))
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
	for _, w := range today.webhooks {
		if err := d.report(ctx, w, time.Now()); err != nil {
			return nil, fmt.Errorf("report %s %s: %w", w.object, w.metric, err)
		}
		e.sent++ // Customer.io's own reports change no cohort of the default catalogue
		step(1)
	}
	for _, c := range today.purchases {
		c.at = time.Now()
		e.buying(c.id)
		b.sending(c, true)
		if err := d.track(ctx, c); err != nil {
			return nil, fmt.Errorf("buy: %w", err)
		}
		e.took(c)
		step(1)
		if err := wait(ctx, p.purchaseEvery); err != nil {
			return nil, err
		}
	}
	return settle(ctx, p, b, e, wings)
}

// settle waits for what the play has provoked.
func settle(ctx context.Context, p pace, b *board, e *expectation, wings *saleswingstest.Server) ([]check, error) {
	limit := time.Now().Add(p.limit)
	for {
		now := time.Now()
		quiet := now.Sub(b.lastNews()) >= p.settle
		if quiet || now.After(limit) {
			if checks := b.judge(e, wings.Tracks(), now); holds(checks) || now.After(limit) {
				return checks, nil
			}
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
