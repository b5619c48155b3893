package report

import (
	"fmt"
	"math"
	"time"
)

// Moves are entries and exits of one list that are sent at once.
type Moves struct{ Adds, Removes int64 }

// Need is what a destination needs for changes that come all at once.
type Need struct {
	Requests int64         // each filled as far as it goes; 0 where nothing is known of the destination
	Takes    time.Duration // at the pace that its limits allow, in whole ms
	Limit    string        // the one that decides; empty where no rate is known
	Source   string        // who says so
}

// NeedOf tells what a destination needs for the changes of its lists. Lists do not share
// requests, nor do entries and exits, save for SalesWings, to which all are activities.
func NeedOf(name string, lists []Moves) Need {
	d, known := destinations[name]
	if !known {
		return Need{Source: sizeOnly}
	}
	n := Need{Source: d.source}
	full := func(changes int64, size int) int64 { return (changes + int64(size) - 1) / int64(size) }
	var together int64
	for _, l := range lists {
		together += l.Adds + l.Removes
		n.Requests += full(l.Adds, d.add) + full(l.Removes, d.remove)
	}
	if name == SalesWings {
		n.Requests = full(together, d.add)
	}
	for _, l := range d.limits {
		ms := float64(n.Requests) / float64(l.Requests) * float64(l.Per.Milliseconds())
		takes := time.Duration(math.Ceil(ms-1e-6)) * time.Millisecond
		if n.Limit == "" || takes > n.Takes {
			n.Takes, n.Limit = takes, limitName(l)
		}
	}
	return n
}

func limitName(l Limit) string { return fmt.Sprintf("%d requests per %s", l.Requests, spanName(l.Per)) }
