package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// call is one message of a shop's website or app, before it goes on the wire.
type call struct {
	id     string
	person string
	at     time.Time
	event  string // empty = identify
	fields map[string]any
}

// webhook is one thing that Customer.io reports about its own messages.
type webhook struct {
	id     string
	person string
	object string
	metric string
}

// day is everything the play sends, in the order of sending.
type day struct {
	people    int
	past      []call    // the last 24 hours, by their own time
	webhooks  []webhook // clicks on an email, then people who unsubscribe
	purchases []call    // made while one watches; their time is that of sending
	silent    []string  // people who will change cohort during the play without doing anything
}

const (
	silentPeople  = 12
	livePurchases = 40
	clicks        = 12
	unsubscribes  = 4
)

// journey draws the history of one person. Within a visit, people look at the next
// thing after about forty seconds, some after many minutes.
type journey struct {
	rng    *rand.Rand
	person string
	visits int
	calls  []call
}

var shelf = []struct {
	id, category string
	price        float64
}{
	{"trail-runner", "shoes", 129},
	{"rain-shell", "jackets", 189.5},
	{"wool-sock", "basics", 14.9},
	{"day-pack", "bags", 89},
	{"merino-tee", "basics", 59.9},
	{"head-torch", "gear", 44.5},
	{"steel-flask", "gear", 29},
	{"down-vest", "jackets", 149},
	{"camp-stove", "gear", 74.9},
	{"canvas-tote", "bags", 24.5},
	{"city-sneaker", "shoes", 99},
	{"linen-shirt", "shirts", 69},
}

func (j *journey) do(at time.Time, event string, fields map[string]any) {
	j.calls = append(j.calls, call{
		id: fmt.Sprintf("%s-%03d", j.person, len(j.calls)), person: j.person, at: at.Truncate(time.Millisecond), event: event, fields: fields,
	})
}

func (j *journey) pause() time.Duration {
	return time.Duration(40 * math.Exp(j.rng.NormFloat64()) * float64(time.Second))
}

// look ends with the last of n views at end, and returns the thing looked at.
func (j *journey) look(end time.Time, n int) map[string]any {
	j.visits++
	at := end
	times := make([]time.Time, n)
	for i := range slices.Backward(times) {
		times[i] = at
		at = at.Add(-j.pause())
	}
	var fields map[string]any
	for _, at := range times {
		thing := shelf[j.rng.IntN(len(shelf))]
		fields = map[string]any{
			"product_id": thing.id, "category": thing.category, "price": thing.price, "session_id": fmt.Sprintf("%s-v%d", j.person, j.visits),
		}
		j.do(at, "Product Viewed", fields)
	}
	return fields
}

func (j *journey) cart(end time.Time, views int) map[string]any {
	thing := j.look(end.Add(-j.pause()), views)
	j.do(end, "Product Added", thing)
	return thing
}

func (j *journey) buy(end time.Time) {
	thing := j.cart(end.Add(-j.pause()-time.Minute), 1+j.rng.IntN(4))
	j.do(end, "Order Completed", map[string]any{"order_id": fmt.Sprintf("%s-o%d", j.person, j.visits), "total": thing["price"], "currency": "EUR"})
}

// newDay draws a shopping day of some hundred people that ends at now. The same
// seed gives the same day; the tag tells its people from those of another. The first
// silent change falls silentIn after now.
func newDay(seed uint64, now time.Time, people int, silentIn time.Duration, tag string) day {
	rng := rand.New(rand.NewPCG(seed, 1))
	ago := func(least, most time.Duration) time.Time {
		return now.Add(-least - time.Duration(rng.Int64N(int64(most-least))))
	}
	d := day{people: people}
	var carts, known []string
	for i := range people {
		j := journey{rng: rng, person: fmt.Sprintf("shopper%s-%04d", tag, i+1)}
		named := i < silentPeople || rng.Float64() < 0.8
		if i < silentPeople {
			d.silent = append(d.silent, j.person)
		}
		switch {
		case i < silentPeople/2: // half an hour after the add, with us watching
			j.cart(now.Add(-30*time.Minute+silentIn+time.Duration(i)*time.Second/3), 1)
		case i < silentPeople: // a day after the only look
			j.look(now.Add(-24*time.Hour+silentIn+time.Duration(i)*time.Second/3), 1)
		default:
			switch p := rng.Float64(); {
			case p < 0.38:
				j.look(ago(time.Minute, 23*time.Hour), 1+rng.IntN(2))
			case p < 0.55:
				j.look(ago(time.Minute, 20*time.Hour), 3+rng.IntN(6))
			case p < 0.82:
				j.cart(ago(35*time.Minute, 20*time.Hour), 1+rng.IntN(4))
				if named {
					carts = append(carts, j.person)
				}
			case p < 0.97:
				j.buy(ago(time.Minute, 22*time.Hour))
			default:
				for _, before := range []time.Duration{20 * time.Hour, 12 * time.Hour, 2 * time.Hour} {
					j.buy(ago(before, before+2*time.Hour))
				}
			}
		}
		if named {
			known = append(known, j.person)
			d.past = append(d.past, identify(j.person, j.calls[0].at))
		}
		d.past = append(d.past, j.calls...)
	}
	slices.SortStableFunc(d.past, func(a, b call) int { return a.at.Compare(b.at) })
	d.past = repeatSome(rng, d.past)

	rng.Shuffle(len(known), func(a, b int) { known[a], known[b] = known[b], known[a] })
	for i, person := range known[:min(clicks+unsubscribes, len(known))] {
		w := webhook{id: fmt.Sprintf("hook-%s", person), person: person, object: "email", metric: "clicked"}
		if i >= clicks {
			w.object, w.metric = "customer", "unsubscribed"
		}
		d.webhooks = append(d.webhooks, w)
	}
	for i, person := range carts[:min(livePurchases, len(carts))] {
		d.purchases = append(d.purchases, call{
			id: fmt.Sprintf("%s-live", person), person: person, event: "Order Completed",
			fields: map[string]any{"order_id": fmt.Sprintf("live-%d", i+1), "total": 59.9, "currency": "EUR"},
		})
	}
	return d
}

func identify(person string, at time.Time) call {
	return call{
		id: person + "-identify", person: person, at: at,
		fields: map[string]any{"email": email(person), "unsubscribed": false},
	}
}

func email(person string) string { return person + "@shop.example" }

// repeatSome sends one event in twenty a second time, as a network that loses answers does.
func repeatSome(rng *rand.Rand, calls []call) []call {
	out := make([]call, 0, len(calls)+len(calls)/16)
	for _, c := range calls {
		out = append(out, c)
		if rng.IntN(20) == 0 {
			out = append(out, c)
		}
	}
	return out
}
