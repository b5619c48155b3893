package adsuppress

import (
	"context"
	"fmt"
	"log/slog"

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
	end     int64          // offset up to which it was read
	newest  *kafkaio.Epoch // of the last record that is ours, nil when there is none
	mark    *cohort.Watermark
	high    cohort.ID           // highest transition that some record is of; Offset -1 = none
	cohort  string              // of high
	of      map[string]progress // of high, by audience
	expects map[string]string   // keys that await their tombstone, and their audiences
}

// noID stands where there is no transition yet.
func noID(partition int32) cohort.ID { return cohort.ID{Partition: partition, Offset: -1} }

const (
	firstChunk = 256 // offsets per step backwards, doubled up to maxChunk
	maxChunk   = 8192
)

// readTail looks at the end of the output: from a record that the last watermark
// covers. That lies before the watermark, and not always right before it: a fence
// repeats the watermark of the tenure before, so what came between the two is not
// covered and has to be seen.
func readTail(ctx context.Context, r Reader, topic string, partition int32, log *slog.Logger) (*tail, error) {
	start, end, err := r.Offsets(ctx, topic, partition)
	if err != nil {
		return nil, fmt.Errorf("read the tail: %w", err)
	}
	t := &tail{end: end, high: noID(partition), of: map[string]progress{}, expects: map[string]string{}}
	var mark *cohort.Watermark
	var newestFirst [][]kafkaio.Record
	chunk, enough := int64(firstChunk), false
	for to := end; to > start && !enough; {
		from := max(start, to-chunk)
		recs, err := r.ReadRange(ctx, topic, partition, from, to)
		if err != nil {
			return nil, fmt.Errorf("read the tail: %w", err)
		}
		newestFirst = append(newestFirst, recs)
		for i := len(recs) - 1; i >= 0 && !enough; i-- {
			switch w, _, id, ok := read(&recs[i], nil); {
			case !ok:
			case w == nil:
				enough = mark != nil && !mark.Last.Less(id)
			case mark == nil:
				mark = w
			}
		}
		to, chunk = from, min(2*chunk, maxChunk)
	}
	for i := len(newestFirst) - 1; i >= 0; i-- {
		t.take(newestFirst[i], log)
	}
	return t, nil
}

// forward takes in what was written after the tail was read.
func (t *tail) forward(ctx context.Context, r Reader, topic string, partition int32, to int64, log *slog.Logger) error {
	recs, err := r.ReadRange(ctx, topic, partition, t.end, to)
	if err != nil {
		return fmt.Errorf("read up to the fence: %w", err)
	}
	t.take(recs, log)
	t.end = to
	return nil
}

// take takes in the next records, oldest first.
func (t *tail) take(recs []kafkaio.Record, log *slog.Logger) {
	for i := range recs {
		r := &recs[i]
		if r.Value == nil {
			if audience, ok := t.expects[string(r.Key)]; ok {
				t.of[audience] = whole
			}
			continue
		}
		mark, s, id, ok := read(r, log)
		if !ok {
			continue
		}
		t.newest = &kafkaio.Epoch{ProducerID: r.ProducerID, Epoch: r.ProducerEpoch}
		switch {
		case mark == nil:
			t.note(string(r.Key), id, &s)
		case t.mark == nil || mark.Processed >= t.mark.Processed:
			t.mark = mark
		}
	}
}

// note keeps the highest transition and what each audience has of it.
func (t *tail) note(key string, id cohort.ID, s *avrocodec.Suppression) {
	if t.high.Less(id) {
		t.high, t.cohort = id, s.Cohort
		clear(t.of)
		clear(t.expects)
	}
	switch {
	case t.high != id:
	case s.Reason == reasonErasure:
		t.of[s.Audience] = max(t.of[s.Audience], released)
		t.expects[key] = s.Audience
	default:
		t.of[s.Audience] = whole
	}
}

// last is the highest transition that is known to stand in the output for all its
// audiences.
func (t *tail) last(partition int32) cohort.ID {
	if t.mark == nil {
		return noID(partition)
	}
	return t.mark.Last
}

// read decodes a record of the output. What is not ours is told, if there is a log,
// and passed over: it says nothing about how far we have come.
func read(r *kafkaio.Record, log *slog.Logger) (mark *cohort.Watermark, s avrocodec.Suppression, id cohort.ID, ok bool) {
	if r.Value == nil {
		return nil, s, id, false // a tombstone follows a record of its transition
	}
	var w cohort.Watermark
	isMark, err := avrocodec.DecodeSuppression(r.Value, &s, &w)
	if err == nil && isMark {
		return &w, s, id, true
	}
	if err == nil {
		id, err = avrocodec.ParseID(s.TransitionID)
	}
	if err != nil && log != nil {
		log.Error("a record in the output is not ours", "partition", r.Partition, "offset", r.Offset, "err", err)
	}
	return nil, s, id, err == nil
}
