package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/event"
)

const people = 7 // person keys, over all partitions

func sortItems(list []Item) {
	slices.SortStableFunc(list, func(a, b Item) int { return cmp.Compare(a.At, b.At) })
}

// drawing draws what clients send.
type drawing struct {
	r         *rand.Rand
	forgetful bool // erasures, and keys that change hands
	identity  int  // of so many events one is about who somebody is; 0 = none
	late      int  // of so many events one comes late
	again     int
	ahead     int // of so many events one bears a stamp that is ahead
	pace      int64
	crowd     int
	grid      int64 // everything happens at multiples of it: deadlines and records meet
	sent      []*event.Event
}

func inputs(r *rand.Rand) []Item {
	d := &drawing{r: r, forgetful: r.IntN(2) == 0, pace: second << r.IntN(9), crowd: 2 + r.IntN(people-1)}
	d.grid = 1
	if r.IntN(3) == 0 {
		d.grid = []int64{second, minute, 5 * minute}[r.IntN(3)]
	}
	rarely := func() int {
		if r.IntN(3) == 0 {
			return 0
		}
		return 3 + r.IntN(12)
	}
	d.identity, d.late, d.again, d.ahead = rarely(), rarely(), rarely(), 4*rarely()
	var list []Item
	at := second
	for n := 12 + r.IntN(40); n > 0; n-- {
		switch r.IntN(10) {
		case 0: // a tie, or nearly
		case 1:
			at += r.Int64N(100)
		case 2:
			at += r.Int64N(40 * minute)
		default:
			at += r.Int64N(d.pace)
		}
		on := at + (d.grid-at%d.grid)%d.grid
		list = append(list, Item{At: on, Kind: kindInput, In: d.event(on)})
	}
	return list
}

func (d *drawing) one(in int) bool { return in > 0 && d.r.IntN(in) == 0 }

func (d *drawing) key() string { return fmt.Sprintf("p%d", d.r.IntN(d.crowd)) }

// event draws one message; its times count from the start.
func (d *drawing) event(at int64) *event.Event {
	r := d.r
	if len(d.sent) > 0 && d.one(d.again) {
		e := *d.sent[r.IntN(len(d.sent))]
		e.AcceptedAt = at
		return &e
	}
	e := &event.Event{ID: fmt.Sprintf("e%d", len(d.sent)), Person: d.key(), EventAt: at, AcceptedAt: at}
	d.sent = append(d.sent, e)
	switch {
	case d.one(d.late):
		e.EventAt -= r.Int64N(2 * hour)
	case r.IntN(2) == 0:
		e.EventAt -= e.EventAt % second // ties in event time
	}
	if d.one(d.ahead) {
		e.AcceptedAt += r.Int64N(2 * hour)
		e.EventAt = e.AcceptedAt
	}
	if d.one(d.identity) {
		d.aboutIdentity(e)
		return e
	}
	switch k := r.IntN(12); {
	case k < 4:
		e.Kind, e.Name = event.KindTrack, "view"
	case k < 7:
		e.Kind, e.Name = event.KindTrack, "cart"
	case k < 10:
		e.Kind, e.Name = event.KindTrack, "order"
		e.Properties.Numbers = map[string]float64{"value": float64(10 + r.IntN(90))}
	case k == 10:
		e.Kind = event.KindIdentify
		e.IDs.CustomerID = e.Person
		e.IDs.Email = fmt.Sprintf("mail%d", r.IntN(4))
		if r.IntN(3) == 0 {
			e.IDs.Phone = fmt.Sprintf("phone%d", r.IntN(4))
		}
		if r.IntN(2) == 0 {
			e.Properties.Strings = map[string]string{"plan": []string{"gold", "tin"}[r.IntN(2)]}
		}
	default:
		e.Kind, e.Name = event.KindPage, "nobody asks"
	}
	return e
}

// aboutIdentity makes it a record that says who somebody is, or that they want to be forgotten.
func (d *drawing) aboutIdentity(e *event.Event) {
	k := d.r.IntN(6)
	if !d.forgetful {
		k += 3
	}
	switch k {
	case 0:
		e.Kind, e.Name = event.KindErase, event.NameDelete
	case 1:
		e.Kind, e.Name = event.KindErase, event.NameSuppress
	case 2:
		e.Kind = event.KindUnerase
	default: // any to any: chains and circles too
		e.Kind, e.Name = event.KindMerge, []string{event.NameLink, event.NameMerge}[d.r.IntN(2)]
		if d.forgetful && d.r.IntN(3) == 0 {
			e.Name = event.NameRelink
		}
		e.Properties.Strings = map[string]string{event.PropertyInto: d.key()}
	}
}
