package main

import (
	"context"
	"fmt"
	"time"
)

// pace is how fast the play goes.
type pace struct {
	day           time.Duration // for the events of the past
	purchaseEvery time.Duration
	settle        time.Duration // without news before the play counts as over
	limit         time.Duration // for everything to come out after the last purchase
	silentIn      time.Duration // from the start to the first silent change; the next ones follow every half second
}

func usualPace() pace {
	return pace{
		day: 10 * time.Second, purchaseEvery: 150 * time.Millisecond,
		settle: 1500 * time.Millisecond, limit: 20 * time.Second, silentIn: 12 * time.Second,
	}
}

const batchSize = 40

// play sends the day and returns once its consequences have come out, or when
// they have not within the limit.
func play(ctx context.Context, d *door, today day, p pace, b *board, scr *screen) error {
	scr.headf("A shopping day of %d people: %d events of the last 24 hours, %d signed webhooks, then %d purchases under your eyes",
		today.people, len(today.past), len(today.webhooks), len(today.purchases))
	step, done := scr.progress("events sent", len(today.past)+len(today.webhooks)+len(today.purchases))
	defer done()

	pause := p.day / time.Duration(max(1, len(today.past)/batchSize))
	for at := 0; at < len(today.past); at += batchSize {
		part := today.past[at:min(at+batchSize, len(today.past))]
		for _, c := range part {
			b.sending(c, false)
		}
		if err := d.batch(ctx, part); err != nil {
			return fmt.Errorf("play the day: %w", err)
		}
		step(len(part))
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
	for _, w := range today.webhooks {
		if err := d.report(ctx, w, time.Now()); err != nil {
			return fmt.Errorf("report %s %s: %w", w.object, w.metric, err)
		}
		step(1)
	}
	for _, c := range today.purchases {
		c.at = time.Now()
		b.sending(c, true)
		if err := d.track(ctx, c); err != nil {
			return fmt.Errorf("buy: %w", err)
		}
		step(1)
		if err := wait(ctx, p.purchaseEvery); err != nil {
			return err
		}
	}
	return settle(ctx, today, p, b)
}

// settle waits for what the play has provoked.
func settle(ctx context.Context, today day, p pace, b *board) error {
	limit := time.Now().Add(p.limit)
	for {
		live, awaited, changed := b.progress()
		now := time.Now()
		complete := live >= len(today.purchases) && awaited == 0
		if complete && now.Sub(changed) >= p.settle || now.After(limit) {
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
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
