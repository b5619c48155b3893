package through

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A request has at most so many calls and bytes; ingest takes 2,500 and 1 MiB.
const (
	batchCalls = 500
	batchBytes = 400 << 10
	retryFor   = time.Minute
)

// send brings every queue in order, side by side.
func (f *flow) send(ctx context.Context, queues [partitions][]*call, progress func(what string, n int)) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sent atomic.Int64
	var errs [partitions]error
	var senders sync.WaitGroup
	client := &http.Client{Timeout: 30 * time.Second}
	for i := range queues {
		senders.Go(func() {
			errs[i] = f.sendQueue(ctx, client, queues[i], func(n int) {
				if total := int(sent.Add(int64(n))); progress != nil {
					progress("events sent", total)
				}
			})
			if errs[i] != nil {
				cancel() // the others need not go on
			}
		})
	}
	senders.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return int(sent.Load()), errors.Join(err, f.alive())
		}
	}
	return int(sent.Load()), errors.Join(errs[:]...)
}

func (f *flow) sendQueue(ctx context.Context, client *http.Client, queue []*call, done func(n int)) error {
	var body []byte
	for len(queue) > 0 {
		body = append(body[:0], `{"batch":[`...)
		n := 0
		for n < len(queue) && n < batchCalls && len(body) < batchBytes {
			if n > 0 {
				body = append(body, ',')
			}
			var err error
			if body, err = queue[n].append(body); err != nil {
				return err
			}
			n++
		}
		body = append(body, `]}`...)
		if err := f.deliver(ctx, client, body); err != nil {
			return fmt.Errorf("send events: %w", err)
		}
		queue = queue[n:]
		done(n)
	}
	return nil
}

// deliver repeats a request until it is taken or refused for good. A repeat is harmless:
// the calls have ids.
func (f *flow) deliver(ctx context.Context, client *http.Client, body []byte) error {
	deadline, pause := time.Now().Add(retryFor), 20*time.Millisecond
	for {
		again, err := f.post(ctx, client, body)
		if err == nil || !again || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		case <-f.ended:
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

func (f *flow) post(ctx context.Context, client *http.Client, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.http+"/v1/batch", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.SetBasicAuth(f.key, "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
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
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests, fmt.Errorf("answer %s: %s", resp.Status, bytes.TrimSpace(answer))
}
