// Package clock moves log time of a flow whose time is data, at the admin port:
// POST /clock {"advance_to": "2026-01-01T00:00:00Z"} drains every deadline before that.
package clock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// Config says which flow it drives.
type Config struct {
	Events     bool // time is data; else the clock cannot be moved
	Partitions int
	EventsID   uint32
	// Processed tells the next input offset of a partition and the committed one.
	Processed func(partition int32) (offset, settled int64)
}

// Clock is the route.
type Clock struct {
	cfg   Config
	kafka *kafkaio.Client
}

// New makes it.
func New(cfg Config, kafka *kafkaio.Client) *Clock { return &Clock{cfg: cfg, kafka: kafka} }

// Register adds POST /clock.
func (c *Clock) Register(mux *http.ServeMux) { mux.HandleFunc("POST /clock", c.serve) }

func (c *Clock) serve(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, err error) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
	}
	if !c.cfg.Events {
		fail(http.StatusConflict, errors.New("this flow runs by the wall clock, which nobody can move: start one with --clock events on another --data-dir"))
		return
	}
	var body struct {
		AdvanceTo json.RawMessage `json:"advance_to"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body); err != nil {
		fail(http.StatusBadRequest, fmt.Errorf(`body: %w; send {"advance_to": "2026-01-01T00:00:00Z"} or milliseconds since 1970`, err))
		return
	}
	to, err := instant(body.AdvanceTo)
	if err != nil {
		fail(http.StatusBadRequest, err)
		return
	}
	if err := c.Advance(r.Context(), to); err != nil {
		fail(http.StatusServiceUnavailable, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"log_time": time.UnixMilli(to).UTC().Format(time.RFC3339Nano)})
}

func instant(raw json.RawMessage) (int64, error) {
	var ms int64
	if json.Unmarshal(raw, &ms) == nil && ms > 0 {
		return ms, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("advance_to is %s: give RFC 3339 text or milliseconds since 1970", raw)
}

// Advance appends a tick of instant to (ms) to every partition and returns when all of
// them are worked off and committed.
func (c *Clock) Advance(ctx context.Context, to int64) error {
	producer := c.kafka.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	defer func() { _ = producer.Close(context.WithoutCancel(ctx)) }()
	value := avrocodec.AppendEvent(nil, c.cfg.EventsID, &event.Event{Kind: event.KindTick, Source: event.SourceOwner, EventAt: to, AcceptedAt: to})
	ticks := make([]kafkaio.OutRecord, c.cfg.Partitions)
	for p := range ticks {
		ticks[p] = kafkaio.OutRecord{Partition: int32(p), Timestamp: to, Key: []byte("__tick__"), Value: value}
	}
	if err := producer.Produce(ctx, ticks); err != nil {
		return fmt.Errorf("append ticks: %w", err)
	}
	ends := make([]int64, c.cfg.Partitions)
	for p := range ends {
		_, end, err := c.kafka.Offsets(ctx, schemas.EventsTopic, int32(p))
		if err != nil {
			return fmt.Errorf("end of %s/%d: %w", schemas.EventsTopic, p, err)
		}
		ends[p] = end
	}
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for p := 0; p < len(ends); {
		if _, settled := c.cfg.Processed(int32(p)); settled >= ends[p] {
			p++
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("partition %d is not worked off yet: %w", p, ctx.Err())
		case <-every.C:
		}
	}
	return nil
}
