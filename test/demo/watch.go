package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// watch reads the pipeline's topics and puts what it sees on the board.
type watch struct {
	board   *board
	earlier bool                  // the topics held something already
	tails   map[string]*tail.Tail // by topic
}

// openWatch fixes where reading starts: nothing that is written from here on is missed.
// What the topics held before counts as known.
func openWatch(ctx context.Context, c *kafkaio.Client, b *board) (*watch, error) {
	w := &watch{board: b, tails: map[string]*tail.Tail{}}
	before, err := tail.Transitions(ctx, c, partitions)
	if err != nil {
		return nil, fmt.Errorf("look at earlier transitions: %w", err)
	}
	for i := range before.Transitions {
		b.known(&before.Transitions[i])
	}
	w.earlier = len(before.Transitions) > 0
	for _, topic := range []string{schemas.EventsTopic, schemas.QuarantineTopic, schemas.TransitionsTopic, schemas.SuppressionTopic("meta"), schemas.ReceiptsTopic} {
		if w.tails[topic], err = tail.Open(ctx, c, topic, partitions, tail.Newest); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// run reads until ctx ends.
func (w *watch) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for topic, t := range w.tails {
		g.Go(func() error {
			return t.Run(ctx, func(r *kafkaio.Record) error { return w.take(topic, r, time.Now()) })
		})
	}
	return g.Wait()
}

func (w *watch) take(topic string, r *kafkaio.Record, now time.Time) error {
	fail := func(err error) error {
		return fmt.Errorf("%s, partition %d, offset %d: %w", topic, r.Partition, r.Offset, err)
	}
	switch topic {
	case schemas.EventsTopic:
		var e event.Event
		if err := avrocodec.DecodeEvent(r.Value, &e); err != nil {
			return fail(err)
		}
		if !e.Own() {
			w.board.event(now)
		}
	case schemas.QuarantineTopic:
		w.board.quarantine()
	case schemas.TransitionsTopic:
		var t cohort.Transition
		var mark cohort.Watermark
		op, err := avrocodec.DecodeTransition(r.Value, &t, &mark)
		if err != nil {
			return fail(err)
		}
		if op == cohort.OpEnter || op == cohort.OpExit {
			t.Op = op
			w.board.transition(t, now)
		}
	case schemas.ReceiptsTopic:
		var receipt avrocodec.Receipt
		if err := avrocodec.DecodeReceipt(r.Value, &receipt); err != nil {
			return fail(err)
		}
		w.board.receipt(&receipt, now)
	default:
		if r.Value == nil {
			return nil // a tombstone: the release before it said everything
		}
		var s avrocodec.Suppression
		mark, err := avrocodec.DecodeSuppression(r.Value, &s, nil)
		if err != nil {
			return fail(err)
		}
		if !mark {
			w.board.suppression(&s, now)
		}
	}
	return nil
}

// printer shows transitions as they come. While a whole day comes in at once it
// shows a few a second of those and counts the rest; purchases made under our eyes
// and silent changes are always shown.
type printer struct {
	screen  *screen
	board   *board
	second  time.Time
	inIt    int // printed in that second
	skipped int
}

const crowd = 5 // lines a second while a whole day comes in

// run prints until ctx ends, then what is left.
func (p *printer) run(ctx context.Context) {
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case now := <-every.C:
			p.print(now)
		case <-ctx.Done():
			p.print(time.Now().Add(patience))
			p.tellSkipped()
			return
		}
	}
}

func (p *printer) print(now time.Time) {
	if now.Sub(p.second) >= time.Second {
		p.second, p.inIt = now, 0
	}
	for _, s := range p.board.due(now) {
		if !s.live && !s.silent {
			if p.inIt++; p.inIt > crowd {
				p.skipped++
				continue
			}
		} else {
			p.tellSkipped()
		}
		p.screen.linef("%s", s.line(p.screen))
	}
}

func (p *printer) tellSkipped() {
	if p.skipped > 0 {
		p.screen.linef("%s", p.screen.paint(dim, fmt.Sprintf("              ... and %d more, see the table", p.skipped)))
		p.skipped = 0
	}
}
