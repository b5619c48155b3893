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

// caller makes HTTP calls over kept connections.
type caller struct {
	client *http.Client
	header http.Header // of every call
}

func newCaller(connections int) *caller {
	return &caller{header: http.Header{}, client: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true},
	}}
}

// call gives the status and the body of the answer.
func (c *caller) call(ctx context.Context, method, url string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = c.header.Clone()
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	return resp.StatusCode, answer, nil
}

// poster sends ready-made bodies to the front door.
type poster struct {
	target target
	*caller
}

func newPoster(t target, connections int) *poster {
	p := &poster{target: t, caller: newCaller(connections)}
	authorized := http.Request{Header: p.header}
	authorized.SetBasicAuth(t.Key, "")
	p.header.Set("Content-Type", "application/json")
	return p
}

// post returns nil only for the answer 200.
func (p *poster) post(ctx context.Context, path string, body []byte) error {
	status, answer, err := p.call(ctx, http.MethodPost, p.target.URL+path, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("answer %d: %s", status, bytes.TrimSpace(answer))
	}
	if err != nil {
		return fmt.Errorf("post to %s: %w", path, err)
	}
	return nil
}

// message is one call; texts must need no JSON escapes, which the bench's own do not.
type message struct {
	id, person string
	at         time.Time
	event      string // empty = identify with an email
	traits     string // of an identify beside the email, as JSON members; empty = not unsubscribed
	email      string // of an event: of somebody who has no account; person is their anonymous id then
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// emailOf is the address with which a person is identified.
func emailOf(person string) string { return person + "@shop.example" }

func (m message) append(b []byte) []byte {
	b = append(b, `{"type":"`...)
	if m.event == "" {
		b = append(b, `identify","traits":{"email":"`...)
		if m.email == "" {
			m.email = emailOf(m.person)
		}
		b = append(b, m.email...)
		b = append(b, `",`...)
		if m.traits == "" {
			m.traits = `"unsubscribed":false`
		}
		b = append(b, m.traits...)
		m.email = ""
	} else {
		b = append(b, `track","event":"`...)
		b = append(b, m.event...)
		b = append(b, `","properties":{"product_id":"p-17","category":"shoes","price":59.9,"order_id":"o-`...)
		b = append(b, m.id...)
		b = append(b, `","currency":"EUR"`...)
	}
	b = append(b, `},"messageId":"`...)
	b = append(b, m.id...)
	if m.email == "" {
		b = append(b, `","userId":"`...)
	} else {
		b = append(b, `","context":{"traits":{"email":"`...)
		b = append(b, m.email...)
		b = append(b, `"}},"anonymousId":"`...)
	}
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

// newRun names a run, so that its people and messages are told from those of others.
func newRun(kind string) string { return kind + strconv.FormatInt(time.Now().UnixMilli(), 36) }
