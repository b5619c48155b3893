package main

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// expectation says what must come of the calls that were sent. It restates the
// default catalogue in its own few lines and shares nothing with the pipeline's
// rules, so that it can contradict them.
type expectation struct {
	sent    int // messages that the front door took, repeats included
	seen    map[string]bool
	people  map[string]*history
	buyings map[string]bool // event ids of the purchases made while one watches
}

// history is what one person did, each thing once.
type history struct {
	email string // empty = never told
	views []time.Time
	cart  time.Time // the newest
	buys  []time.Time
}

func newExpectation() *expectation {
	return &expectation{seen: map[string]bool{}, people: map[string]*history{}, buyings: map[string]bool{}}
}

// took notes a call that was answered with success.
func (e *expectation) took(c call) {
	e.sent++
	if e.seen[c.id] {
		return // a repeat changes nothing
	}
	e.seen[c.id] = true
	h := e.people[c.person]
	if h == nil {
		h = &history{}
		e.people[c.person] = h
	}
	at := c.at.Truncate(time.Millisecond)
	switch c.event {
	case "":
		h.email = email(c.person)
	case "Product Viewed":
		h.views = append(h.views, at)
	case "Product Added":
		if at.After(h.cart) {
			h.cart = at
		}
	case "Order Completed":
		h.buys = append(h.buys, at)
	}
}

// buying marks the next purchase as one made while one watches.
func (e *expectation) buying(id string) { e.buyings[id] = true }

// Of the default catalogue.
const (
	dayLong       = 24 * time.Hour
	boughtLong    = 7 * dayLong
	vipLong       = 90 * dayLong
	quietFor      = 30 * time.Minute
	intentViews   = 3
	vipOrders     = 3
	recentCohort  = "recent_purchaser_7d"
	vipCohort     = "vip_buyer_90d"
	recentExclude = "suppress_recent_purchasers"
	vipExclude    = "protect_vip_buyers"
)

// cohorts are those that the person is in at t, sorted.
func (h *history) cohorts(t time.Time) []string {
	within := func(at time.Time, long time.Duration) bool { return !at.IsZero() && t.Sub(at) < long }
	var in []string
	bought := newest(h.buys, 1)
	if !h.cart.IsZero() && bought.Before(h.cart) && t.Sub(h.cart) >= quietFor {
		for name, long := range map[string]time.Duration{
			"cart_abandoner_2h": 2 * time.Hour, "cart_abandoner_24h": dayLong, "cart_abandoner_3d": 3 * dayLong,
		} {
			if within(h.cart, long) {
				in = append(in, name)
			}
		}
	}
	if within(bought, boughtLong) {
		in = append(in, recentCohort)
	}
	if within(newest(h.buys, vipOrders), vipLong) {
		in = append(in, vipCohort)
	}
	if third := newest(h.views, intentViews); within(third, dayLong) && bought.Before(third) {
		in = append(in, "high_intent_24h")
	}
	if within(newest(h.views, 1), dayLong) && !within(h.cart, dayLong) && !within(bought, dayLong) {
		in = append(in, "browse_no_cart_24h")
	}
	slices.Sort(in)
	return in
}

// newest is the n-th newest of times, or the zero time.
func newest(times []time.Time, n int) time.Time {
	if len(times) < n {
		return time.Time{}
	}
	sorted := slices.SortedFunc(slices.Values(times), func(a, b time.Time) int { return b.Compare(a) })
	return sorted[n-1]
}

// digest is what Meta is given of the person; empty where there is no email.
func (h *history) digest() string {
	if h.email == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(h.email))
	return hex.EncodeToString(sum[:])
}
