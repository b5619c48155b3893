package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say how events are sent. The zero value sends all of them over one
// connection, one request at a time, 250 events a request.
type Options struct {
	BatchSize int // events a request; a batch stays below 500 KB up to about 1,000

	// Shards > 1 sends over that many connections at once. ShardOf says which one
	// carries a person; each keeps its order. Where log time is data (--clock events),
	// one partition must not be spread over two shards, so ShardOf has to follow the
	// partitioner.
	Shards  int
	ShardOf func(user string) int

	Redeliver    int           // every n-th event is sent a second time, under its id; 0 = none
	SkipNameless bool          // leave out events without a person; else they are sent and the server must refuse them
	RetryFor     time.Duration // how long one request is repeated after 5xx, 429 or a lost connection; 0 = one minute
	Client       *http.Client  // nil = one with a timeout of 30 s
	Progress     func(sent int)
}

// Result counts what was sent. Events holds repeats by Redeliver, not repeats by retry.
type Result struct {
	Events, Requests, Retries, Skipped int
	Took                               time.Duration
}

// message is one Pipelines call as the server takes it.
type message struct {
	Type       string     `json:"type"`
	MessageID  string     `json:"messageId"`
	UserID     string     `json:"userId,omitempty"`
	Event      string     `json:"event"`
	Timestamp  string     `json:"timestamp"`
	Properties properties `json:"properties"`
}

type properties struct {
	ProductID string   `json:"product_id,omitempty"`
	Category  string   `json:"category,omitempty"`
	SessionID string   `json:"session_id,omitempty"`
	OrderID   string   `json:"order_id,omitempty"`
	Price     *float64 `json:"price,omitempty"`
}

// TimeFormat is how instants are written: UTC with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

func toMessage(e *Event) message {
	m := message{
		Type: "track", MessageID: e.ID, UserID: e.User, Event: e.Name,
		Timestamp:  time.UnixMilli(e.At).UTC().Format(TimeFormat),
		Properties: properties{ProductID: e.Product, Category: e.Categ, SessionID: e.Session, OrderID: e.Order},
	}
	if e.Priced {
		m.Properties.Price = &e.Price
	}
	return m
}

// Send posts the events to url + "/v1/batch" with the write key, in their order,
// and returns once the server has answered 200 to every request. A request that
// meets 5xx, 429 or a lost connection is repeated as it is before anything later
// leaves on that connection. Any other answer ends the run with an error.
func Send(ctx context.Context, url, key string, events []Event, o Options) (Result, error) {
	if o.BatchSize <= 0 {
		o.BatchSize = 250
	}
	if o.RetryFor <= 0 {
		o.RetryFor = time.Minute
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	queues, skipped, err := split(events, o)
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	progress := make(chan Result)
	g, ctx := errgroup.WithContext(ctx)
	for _, queue := range queues {
		g.Go(func() error {
			s := sender{o: o, url: strings.TrimRight(url, "/") + "/v1/batch", key: key, done: progress}
			return s.all(ctx, queue)
		})
	}
	total := Result{Skipped: skipped}
	finished := make(chan error, 1)
	go func() {
		finished <- g.Wait()
		close(progress)
	}()
	for r := range progress {
		total.Events += r.Events
		total.Requests += r.Requests
		total.Retries += r.Retries
		if o.Progress != nil {
			o.Progress(total.Events)
		}
	}
	total.Took = time.Since(start)
	return total, <-finished
}

// split deals the events out to the connections, repeats included.
func split(events []Event, o Options) (queues [][]*Event, skipped int, err error) {
	n := max(o.Shards, 1)
	if n > 1 && o.ShardOf == nil {
		return nil, 0, errors.New("send events: several shards need ShardOf, which keeps a person on one connection")
	}
	queues = make([][]*Event, n)
	for i := range events {
		e := &events[i]
		if e.User == "" && o.SkipNameless {
			skipped++
			continue
		}
		q := 0
		if n > 1 {
			if q = o.ShardOf(e.User); q < 0 || q >= n {
				return nil, 0, fmt.Errorf("send events: ShardOf gave %d, want 0 to %d", q, n-1)
			}
		}
		queues[q] = append(queues[q], e)
		if o.Redeliver > 0 && (i+1)%o.Redeliver == 0 {
			queues[q] = append(queues[q], e)
		}
	}
	return queues, skipped, nil
}

// sender is one connection.
type sender struct {
	o        Options
	url, key string
	done     chan<- Result
}

func (s *sender) all(ctx context.Context, queue []*Event) error {
	for len(queue) > 0 {
		part := queue[:min(s.o.BatchSize, len(queue))]
		queue = queue[len(part):]
		batch := make([]message, len(part))
		for i, e := range part {
			batch[i] = toMessage(e)
		}
		body, err := json.Marshal(map[string]any{"batch": batch})
		if err != nil {
			return fmt.Errorf("encode events from %s: %w", part[0].ID, err)
		}
		retries, err := s.deliver(ctx, body)
		if err != nil {
			return fmt.Errorf("send %d events from %s: %w", len(part), part[0].ID, err)
		}
		select {
		case s.done <- Result{Events: len(part), Requests: 1, Retries: retries}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// deliver repeats one request until it is taken, refused for good, or out of time.
func (s *sender) deliver(ctx context.Context, body []byte) (retries int, err error) {
	deadline := time.Now().Add(s.o.RetryFor)
	pause := 20 * time.Millisecond
	for {
		again, err := s.post(ctx, body)
		if err == nil || !again {
			return retries, err
		}
		if time.Now().Add(pause).After(deadline) {
			return retries, fmt.Errorf("given up after %s: %w", s.o.RetryFor, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return retries, errors.Join(ctx.Err(), err)
		}
		pause = min(2*pause, time.Second)
		retries++
	}
}

func (s *sender) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.SetBasicAuth(s.key, "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.o.Client.Do(req)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return true, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return false, nil
	}
	err = fmt.Errorf("answer %s: %s", resp.Status, bytes.TrimSpace(answer))
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests, err
}
