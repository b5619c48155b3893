package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Collector makes an Outcome of transitions that somebody else decided.
type Collector struct {
	cohorts []string
	places  map[string]int
	people  map[string]uint32
	names   []string
	rows    [][]Row
}

// NewCollector makes one for cohorts in catalogue order.
func NewCollector(cohorts []string) *Collector {
	c := &Collector{cohorts: cohorts, places: make(map[string]int), people: make(map[string]uint32), rows: make([][]Row, len(cohorts))}
	for i, key := range cohorts {
		c.places[key] = i
	}
	return c
}

// Add takes a transition. Those of one person come in the order of decision.
func (c *Collector) Add(person, cohort string, at int64, enter bool) error {
	place, ok := c.places[cohort]
	if !ok {
		return fmt.Errorf("a transition of cohort %q, which the catalogue does not have", cohort)
	}
	n, ok := c.people[person]
	if !ok {
		n = uint32(len(c.names))
		person = strings.Clone(person)
		c.people[person] = n
		c.names = append(c.names, person)
	}
	c.rows[place] = append(c.rows[place], Row{At: at, person: n, Enter: enter})
	return nil
}

// Outcome orders what was added, with what cancels out within an instant dropped. The
// Collector is spent.
func (c *Collector) Outcome() *Outcome {
	o := &Outcome{Cohorts: c.cohorts, names: c.names, people: make([]uint32, len(c.names)), blocks: [][][]Row{c.rows}}
	for i := range o.people {
		o.people[i] = uint32(i)
	}
	slices.SortFunc(o.people, func(a, b uint32) int { return strings.Compare(c.names[a], c.names[b]) })
	ranks := make([]uint32, len(c.names))
	for rank, n := range o.people {
		ranks[n] = uint32(rank)
	}
	for i, rows := range c.rows {
		for j := range rows {
			rows[j].person = ranks[rows[j].person]
		}
		slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.person, b.person), cmp.Compare(a.At, b.At)) })
		net := rows[:0]
		for _, r := range rows {
			if n := len(net); n > 0 && net[n-1].person == r.person && net[n-1].At == r.At && net[n-1].Enter != r.Enter {
				net = net[:n-1]
				continue
			}
			net = append(net, r)
		}
		c.rows[i] = net
	}
	return o
}
