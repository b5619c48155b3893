package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Keys of the demo. They guard a pipeline that listens on the loopback interface only.
const (
	ingestKey     = "demo"
	salesWingsKey = "demo-saleswings-key"
)

// reportingPath is where ingest takes Customer.io's reporting webhooks.
const reportingPath = "/webhooks/reporting"

// door speaks to ingest as a website and Customer.io do.
type door struct {
	base   string
	client *http.Client
}

func newDoor(base string) *door {
	return &door{base: base, client: &http.Client{Timeout: 10 * time.Second}}
}

// wire is a call as Customer.io's Pipelines API takes it.
func (c call) wire() map[string]any {
	m := map[string]any{
		"messageId": c.id, "userId": c.person, "timestamp": c.at.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if c.event == "" {
		m["type"], m["traits"] = "identify", c.fields
	} else {
		m["type"], m["event"], m["properties"] = "track", c.event, c.fields
	}
	return m
}

// batch sends calls together and returns once they are in the log.
func (d *door) batch(ctx context.Context, calls []call) error {
	items := make([]map[string]any, len(calls))
	for i, c := range calls {
		items[i] = c.wire()
	}
	return d.post(ctx, "/v1/batch", map[string]any{"batch": items}, func(r *http.Request, _ []byte) { r.SetBasicAuth(ingestKey, "") })
}

// track sends one call by itself.
func (d *door) track(ctx context.Context, c call) error {
	return d.post(ctx, "/v1/track", c.wire(), func(r *http.Request, _ []byte) { r.SetBasicAuth(ingestKey, "") })
}

// report sends one signed reporting webhook.
func (d *door) report(ctx context.Context, w webhook, now time.Time) error {
	data := map[string]any{
		"customer_id": w.person,
		"identifiers": map[string]any{"id": w.person, "email": email(w.person)},
	}
	if w.object == "email" {
		data["delivery_id"], data["recipient"], data["href"] = "dlv-"+w.id, email(w.person), "https://shop.example/sale"
	} else {
		data["email_address"] = email(w.person)
	}
	body := map[string]any{
		"event_id": w.id, "object_type": w.object, "metric": w.metric, "timestamp": now.Unix(), "data": data,
	}
	return d.post(ctx, reportingPath, body, func(r *http.Request, raw []byte) {
		stamp := strconv.FormatInt(now.Unix(), 10)
		r.Header.Set("X-CIO-Timestamp", stamp)
		r.Header.Set("X-CIO-Signature", sign(ingestKey, stamp, raw))
	})
}

// sign is Customer.io's signature of a webhook: over the body as it is sent.
func sign(key, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte("v0:" + timestamp + ":"))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (d *door) post(ctx context.Context, path string, body any, prepare func(*http.Request, []byte)) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode a call for %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("post to %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	prepare(req, raw)
	resp, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("post to %s: read the answer: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("post to %s: answer %s: %s", path, resp.Status, bytes.TrimSpace(answer))
	}
	return nil
}
