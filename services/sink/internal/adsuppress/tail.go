package adsuppress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// Reader reads a topic; *kafkaio.Client is one.
type Reader interface {
	Offsets(ctx context.Context, topic string, partition int32) (start, end int64, err error)
	ReadRange(ctx context.Context, topic string, partition int32, from, to int64) ([]kafkaio.Record, error)
}

// progress is how much of a transition an audience has.
type progress uint8

const (
	nothing  progress = iota
	released          // its record, but not the tombstone that has to follow
	whole
)

// tail is what the end of an output partition tells.
type tail struct {
	reader    Reader
	decoder   *avrocodec.Resolver
	topic     string
	partition int32
	log       *slog.Logger

	end     int64          // offset up to which it was read
	newest  *kafkaio.Epoch // heir of the last record that is ours, nil when there is none
	mark    *cohort.Watermark
	high    cohort.ID           // highest transition that some record is of; Offset -1 = none
	of      map[string]progress // of high, by audience
	expects map[string]string   // keys that await their tombstone, and their audiences
	feeds   string              // header of the newest watermark: which audiences its owner wrote
}

// noID stands where there is no transition yet.
func noID(partition int32) cohort.ID { return cohort.ID{Partition: partition, Offset: -1} }

const (
	firstChunk = 256 // offsets per step backwards, doubled up to maxChunk
	maxChunk   = 8192
)

func newTail(r Reader, d *avrocodec.Resolver, topic string, partition int32, log *slog.Logger) *tail {
	return &tail{
		reader: r, decoder: d, topic: topic, partition: partition, log: log,
		high: noID(partition), of: map[string]progress{}, expects: map[string]string{},
	}
}

// load looks at the end of the output: from a record that the last watermark covers.
// That lies before the watermark, and not always right before it: a fence repeats the
// watermark of the tenure before, so what came between the two is not covered and has
// to be seen.
func (t *tail) load(ctx context.Context) error {
	start, end, err := t.reader.Offsets(ctx, t.topic, t.partition)
	if err != nil {
		return fmt.Errorf("read the tail: %w", err)
	}
	t.end = end
	var mark *cohort.Watermark
	var newestFirst [][]ours
	chunk, enough := int64(firstChunk), false
	for to := end; to > start && !enough; {
		from := max(start, to-chunk)
		recs, err := t.read(ctx, from, to)
		if err != nil {
			return fmt.Errorf("read the tail: %w", err)
		}
		newestFirst = append(newestFirst, recs)
		for i := len(recs) - 1; i >= 0 && !enough; i-- {
			switch r := &recs[i]; {
			case r.nameless:
			case r.mark == nil:
				enough = mark != nil && !mark.Last.Less(r.id)
			case mark == nil:
				mark = r.mark
			}
		}
		to, chunk = from, min(2*chunk, maxChunk)
	}
	for _, recs := range slices.Backward(newestFirst) {
		t.take(recs)
	}
	return nil
}

// forward takes in what was written after load.
func (t *tail) forward(ctx context.Context, to int64) error {
	recs, err := t.read(ctx, t.end, to)
	if err != nil {
		return fmt.Errorf("read up to the fence: %w", err)
	}
	t.take(recs)
	t.end = to
	return nil
}

// take takes in the next records, oldest first.
func (t *tail) take(recs []ours) {
	for i := range recs {
		r := &recs[i]
		if r.nameless {
			if audience, ok := t.expects[r.key]; ok {
				t.of[audience] = whole
			}
			continue
		}
		t.newest = &r.by
		if r.mark != nil {
			t.feeds = r.feeds
		}
		switch {
		case r.mark == nil:
			t.note(r)
		case t.mark == nil || r.mark.Processed >= t.mark.Processed:
			t.mark = r.mark
		}
	}
}

// note keeps the highest transition and what each audience has of it.
func (t *tail) note(r *ours) {
	if t.high.Less(r.id) {
		t.high = r.id
		clear(t.of)
		clear(t.expects)
	}
	switch {
	case t.high != r.id:
	case r.ends && !r.tombstone:
		t.of[r.audience] = max(t.of[r.audience], released)
		t.expects[r.key] = r.audience
	default:
		t.of[r.audience] = whole
	}
}

// last is the highest transition that is known to stand in the output for all its
// audiences.
func (t *tail) last() cohort.ID {
	if t.mark == nil {
		return noID(t.partition)
	}
	return t.mark.Last
}

// headerTransitionID is the header by which a tombstone names its transition.
const headerTransitionID = "x-transition-id"

// ours is a record of the output, as far as it tells something here.
type ours struct {
	key       string
	by        kafkaio.Epoch
	tombstone bool
	nameless  bool              // a tombstone of a release that did not write the header yet
	mark      *cohort.Watermark // nil = it is a suppression, or the tombstone of one
	feeds     string            // of a watermark: its header
	id        cohort.ID
	audience  string
	ends      bool // a tombstone follows
}

// read reads a range. What is not ours is told and passed over: it says nothing about
// how far we have come.
func (t *tail) read(ctx context.Context, from, to int64) ([]ours, error) {
	recs, err := t.reader.ReadRange(ctx, t.topic, t.partition, from, to)
	if err != nil {
		return nil, err
	}
	out := make([]ours, 0, len(recs))
	for i := range recs {
		r := &recs[i]
		o := ours{key: string(r.Key), by: r.Heir(), tombstone: r.Value == nil}
		if o.tombstone {
			o.nameless = !o.name(r.Headers)
		} else {
			err := t.decode(ctx, r.Value, &o)
			if errors.Is(err, avrocodec.ErrRegistry) {
				return nil, err
			}
			if err != nil {
				t.log.Error("a record in the output is not ours", "topic", t.topic, "partition", t.partition, "offset", r.Offset, "err", err)
				continue
			}
		}
		if o.mark != nil {
			o.feeds = headerOf(r.Headers, headerAudiences)
		}
		out = append(out, o)
	}
	return out, nil
}

func (t *tail) decode(ctx context.Context, value []byte, o *ours) error {
	var s avrocodec.Suppression
	var w cohort.Watermark
	isMark, err := t.decoder.DecodeSuppression(ctx, value, &s, &w)
	if err != nil {
		return err
	}
	if isMark {
		o.mark = &w
		return nil
	}
	o.id, err = avrocodec.ParseID(s.TransitionID)
	o.audience = s.Audience
	o.ends = s.Op == avrocodec.OpRelease && (s.Reason == reasonErasure || s.Reason == reasonMerged || s.Reason == reasonRetired)
	return err
}

// name reads what a tombstone is of, from its header and its key.
func (o *ours) name(headers []kafkaio.Header) bool {
	for _, h := range headers {
		if h.Key != headerTransitionID {
			continue
		}
		id, err := avrocodec.ParseID(string(h.Value))
		parts := strings.Split(o.key, "|")
		if err != nil || len(parts) != 3 {
			return false
		}
		o.id, o.audience = id, parts[1]
		return true
	}
	return false
}
