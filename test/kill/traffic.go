package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// message is one Pipelines call.
type message struct {
	Type        string            `json:"type"`
	MessageID   string            `json:"messageId"`
	UserID      string            `json:"userId,omitempty"`
	AnonymousID string            `json:"anonymousId,omitempty"`
	PreviousID  string            `json:"previousId,omitempty"`
	Event       string            `json:"event,omitempty"`
	Timestamp   string            `json:"timestamp"`
	Traits      map[string]string `json:"traits,omitempty"`
}

// crowd sends what people do, all at once and as it happens, and repeats what was not acknowledged. People
// look, fill carts, buy, fall silent, make themselves known, become one another; one is erased now and then.
type crowd struct {
	url    string
	seed   uint64
	people int // at once

	mu     sync.Mutex
	acked  []string
	counts map[string]int
}

func newCrowd(url string, seed uint64, people int) *crowd {
	return &crowd{url: url, seed: seed, people: people, counts: map[string]int{}}
}

// acknowledged lists the messages that were answered with success.
func (c *crowd) acknowledged() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.acked...)
}

// run lives people's lives until ctx ends; those that have begun are lived to their end.
func (c *crowd) run(ctx context.Context) {
	var all sync.WaitGroup
	for place := range c.people {
		all.Go(func() {
			random := rand.New(rand.NewPCG(c.seed, uint64(place)))
			for number := 0; ctx.Err() == nil; number++ {
				c.live(ctx, random, fmt.Sprintf("%d-%d-%d", c.seed, place, number))
			}
		})
	}
	all.Wait()
}

// life is one person on their way.
type life struct {
	c      *crowd
	ctx    context.Context //nolint:containedctx // it lives as long as the call of live
	name   string
	sent   int
	client http.Client
}

// live plays one person from the first look to the end.
func (c *crowd) live(ctx context.Context, random *rand.Rand, name string) {
	l := &life{c: c, ctx: ctx, name: name, client: http.Client{Timeout: 5 * time.Second}}
	user := "c-" + name
	if random.IntN(100) < 35 { // somebody who makes themselves known later
		anonymous := "a-" + name
		l.act(random, message{AnonymousID: anonymous}, 1+random.IntN(3))
		l.send(message{Type: "identify", UserID: user, AnonymousID: anonymous, Traits: map[string]string{"email": name + "@example.com"}})
		if random.IntN(2) == 0 {
			l.act(random, message{AnonymousID: anonymous}, 1) // another device, which has not heard of it
		}
	} else if random.IntN(3) == 0 {
		l.send(message{Type: "identify", UserID: user, Traits: map[string]string{"email": name + "@example.com"}})
	}
	l.act(random, message{UserID: user}, 3+random.IntN(10))
	switch n := random.IntN(100); {
	case n < 12: // another address
		l.send(message{Type: "identify", UserID: user, Traits: map[string]string{"email": name + "@example.org"}})
		l.act(random, message{UserID: user}, 2)
	case n < 20: // it was somebody else's second account
		other := "d-" + name
		l.act(random, message{UserID: other}, 2)
		l.send(message{Type: "alias", UserID: other, PreviousID: user})
		l.act(random, message{UserID: user}, 2) // passed on
	case n < 26:
		l.erase(user)
		if random.IntN(2) == 0 {
			l.act(random, message{UserID: user}, 2) // and is somebody new
		}
	case n < 32:
		l.nonsense()
	}
}

// act sends some events of one person, with pauses in which windows may run out.
func (l *life) act(random *rand.Rand, as message, n int) {
	for range n {
		as.Type = "track"
		switch x := random.IntN(100); {
		case x < 55:
			as.Event = "Product Viewed"
		case x < 82:
			as.Event = "Product Added"
		default:
			as.Event = "Order Completed"
		}
		l.send(as)
		pause := time.Duration(40+random.IntN(400)) * time.Millisecond
		if random.IntN(9) == 0 {
			pause = time.Duration(1_000+random.IntN(5_000)) * time.Millisecond
		}
		select {
		case <-l.ctx.Done():
		case <-time.After(pause):
		}
	}
}

// send sends a message until it is acknowledged.
func (l *life) send(m message) {
	l.sent++
	m.MessageID = fmt.Sprintf("m-%s-%d", l.name, l.sent)
	m.Timestamp = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	body, err := json.Marshal(map[string]any{"batch": []message{m}})
	if err != nil {
		panic(err) // of strings
	}
	if l.post("/v1/batch", body, func(r *http.Request) { r.SetBasicAuth(writeKey, "") }) {
		l.c.note(m.Type, m.MessageID)
	}
}

func (l *life) erase(user string) {
	l.sent++
	body := fmt.Appendf(nil, `{"customer_id": %q, "mode": "delete"}`, user)
	if l.post("/v1/erase", body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+eraseKey) }) {
		l.c.note("erase", "")
	}
}

// nonsense sends a message that only quarantine takes.
func (l *life) nonsense() {
	l.sent++
	body := fmt.Appendf(nil, `{"batch": [{"type": "dance", "messageId": "n-%s-%d", "userId": "c-%s"}]}`, l.name, l.sent, l.name)
	l.post("/v1/batch", body, func(r *http.Request) { r.SetBasicAuth(writeKey, "") })
	l.c.note("nonsense", "")
}

// post repeats a request until it is answered by anything but an error of the server's; true = with success. When the
// lives are over and nobody answers any more it is given up: the test has failed by then.
func (l *life) post(path string, body []byte, credentials func(*http.Request)) bool {
	var over time.Time
	for {
		if l.ctx.Err() != nil && over.IsZero() {
			over = time.Now()
		} else if !over.IsZero() && time.Since(over) > 2*patience {
			return false
		}
		request, err := http.NewRequestWithContext(context.WithoutCancel(l.ctx), http.MethodPost, l.c.url+path, bytes.NewReader(body))
		if err != nil {
			panic(err) // of an address that never changes
		}
		request.Header.Set("Content-Type", "application/json")
		credentials(request)
		answer, err := l.client.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
			_ = answer.Body.Close()
			if answer.StatusCode < http.StatusInternalServerError && answer.StatusCode != http.StatusTooManyRequests {
				return answer.StatusCode/100 == 2
			}
		}
		l.c.note("repeats", "")
		time.Sleep(50 * time.Millisecond)
	}
}

func (c *crowd) note(what, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
	if id != "" {
		c.acked = append(c.acked, id)
	}
}
