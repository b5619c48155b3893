package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// poster sends ready-made bodies to the front door over kept connections.
type poster struct {
	target target
	client *http.Client
}

func newPoster(t target, connections int) *poster {
	return &poster{target: t, client: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true},
	}}
}

// post returns nil only for the answer 200.
func (p *poster) post(ctx context.Context, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: %w", path, err)
	}
	req.SetBasicAuth(p.target.Key, "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("post to %s: read the answer: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("post to %s: answer %s: %s", path, resp.Status, bytes.TrimSpace(answer))
	}
	return nil
}

// message is one call; texts must need no JSON escapes, which the bench's own do not.
type message struct {
	id, person string
	at         time.Time
	event      string // empty = identify with an email
}

const timeFormat = "2006-01-02T15:04:05.000Z"

func (m message) append(b []byte) []byte {
	b = append(b, `{"type":"`...)
	if m.event == "" {
		b = append(b, `identify","traits":{"email":"`...)
		b = append(b, m.person...)
		b = append(b, `@shop.example","unsubscribed":false}`...)
	} else {
		b = append(b, `track","event":"`...)
		b = append(b, m.event...)
		b = append(b, `","properties":{"product_id":"p-17","category":"shoes","price":59.9,"order_id":"o-`...)
		b = append(b, m.id...)
		b = append(b, `","currency":"EUR"}`...)
	}
	b = append(b, `,"messageId":"`...)
	b = append(b, m.id...)
	b = append(b, `","userId":"`...)
	b = append(b, m.person...)
	b = append(b, `","timestamp":"`...)
	b = m.at.UTC().AppendFormat(b, timeFormat)
	return append(b, `"}`...)
}

// batchBody puts messages into the body of one /v1/batch call.
func batchBody(messages ...message) []byte {
	b := append(make([]byte, 0, 32+320*len(messages)), `{"batch":[`...)
	for i, m := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = m.append(b)
	}
	return append(b, `]}`...)
}

// numbered names the n-th thing of a run; sequence is its inverse.
func numbered(run string, n int) string { return run + "-" + strconv.Itoa(n) }

func sequence(run, id string) (int, bool) {
	if len(id) <= len(run)+1 || id[:len(run)] != run || id[len(run)] != '-' {
		return 0, false
	}
	n, err := strconv.Atoi(id[len(run)+1:])
	return n, err == nil
}
