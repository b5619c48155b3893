package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Plan is one run: everything that is done to the system, as a list that can be printed,
// played again, and made shorter.
type Plan struct {
	Seed  uint64
	Knobs Knobs
	Items []Item
	Weak  Weak // rule that the world leaves out
}

// Knobs are the settings of a run.
type Knobs struct {
	CommitEvery int64 // ms
	Residents   int
	Budget      int
	SweepEvery  int64 // ms
	Slow        int64 // longest way to all replicas, ms
	Long        bool  // at the end time goes on until every window has run out
	DieWithin   bool  // a process dies soon after it has committed in the middle of a record
}

// Item is one thing that happens: an input or a fault.
type Item struct {
	At   int64 // true time since the start, ms
	Kind kind
	Who  int   // process, or what the kind says
	Part int   // partition
	For  int64 // ms
	Rate int
	In   *event.Event
}

type kind uint8

const (
	kindInput kind = iota
	kindKill
	kindPause
	kindTroubleKafka
	kindTroubleRedis
	kindLie
	kindRebalance
	kindElect
	kindExhaust
	kindFailover
	kindFlush
	kindEvict
	kindBackup
	kindRestore
	kindRefuse
	kindAway
	kindClock
	kindDeploy
	kindRetain
	kindRecreate
	kindOvertake
	kinds
)

var kindNames = [kinds]string{
	"input", "kill", "pause", "trouble with kafka", "trouble with redis", "a second owner", "rebalance", "another leader",
	"another producer id", "failover", "flush", "checkpoint evicted", "backup", "restore", "redis refuses", "redis away", "clock", "deploy",
	"retention", "topic created again", "held up and overtaken",
}

func (i *Item) String() string {
	at := fmt.Sprintf("%9.3fs %s", float64(i.At)/1000, kindNames[i.Kind])
	if e := i.In; e != nil {
		what := e.Kind.String() + " " + e.Name
		if into := e.Properties.Strings[event.PropertyInto]; into != "" {
			what += " into " + into
		}
		return fmt.Sprintf("%s %s of %s (%s), %d ms old", at, what, e.Person, e.ID, e.AcceptedAt-e.EventAt)
	}
	return fmt.Sprintf("%s who=%d partition=%d for=%dms rate=%d", at, i.Who, i.Part, i.For, i.Rate)
}

// String lists the plan for a person.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %+v, %d items\n", p.Seed, p.Knobs, len(p.Items))
	for i := range p.Items {
		fmt.Fprintln(&b, " ", p.Items[i].String())
	}
	return b.String()
}

func (p *Plan) faultless() bool {
	return !slices.ContainsFunc(p.Items, func(i Item) bool { return i.Kind != kindInput })
}

// swarm are the faults that a run has: each seed leaves a half of them out, so that the others
// get room, and draws how often they come.
var swarm = [...]struct {
	kind kind
	most int // of them in a run
	rare int // one run in so many has it at all
}{
	{kindKill, 6, 2},
	{kindPause, 4, 2},
	{kindTroubleKafka, 4, 2},
	{kindTroubleRedis, 4, 2},
	{kindLie, 4, 2},
	{kindRebalance, 4, 2},
	{kindElect, 5, 2},
	{kindExhaust, 2, 4},
	{kindFailover, 4, 2},
	{kindFlush, 2, 3},
	{kindEvict, 2, 4},
	{kindBackup, 2, 3},
	{kindRestore, 2, 3},
	{kindRefuse, 2, 3},
	{kindAway, 2, 3},
	{kindClock, 4, 2},
	{kindDeploy, 3, 2},
	{kindRetain, 2, 12},
	{kindRecreate, 1, 25},
	{kindOvertake, 1, 6},
}

// Draw makes the plan of a seed.
func Draw(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := &Plan{Seed: seed, Knobs: Knobs{
		CommitEvery: 20 + r.Int64N(400), Residents: 1 + r.IntN(4), Budget: 1 + r.IntN(6), Long: seed%3 == 0,
	}}
	if r.IntN(2) == 0 {
		p.Knobs.Slow = 1 + r.Int64N(50)
	}
	p.Items = inputs(r)
	last := p.Items[len(p.Items)-1].At + minute
	if r.IntN(20) > 0 { // the others know no faults
		for _, f := range swarm {
			if r.IntN(f.rare) > 0 {
				continue
			}
			for range 1 + r.IntN(f.most) {
				// Faults come where something is going on: beside an input.
				at := p.Items[r.IntN(len(p.Items))].At + r.Int64N(3*second) - second
				p.Items = append(p.Items, fault(r, f.kind, min(max(at, 0), last)))
			}
		}
	}
	p.Knobs.DieWithin = seed%2 == 0 && !p.faultless()
	p.crowd()
	p.sort()
	return p
}

// crowd has sweeps take their time, and much come in while they go on. It draws apart from the rest.
func (p *Plan) crowd() {
	r := rand.New(rand.NewPCG(p.Seed, 0x63726f7764))
	p.Knobs.SweepEvery = 50
	if r.IntN(2) == 0 {
		p.Knobs.SweepEvery += r.Int64N(1_500)
	}
	for _, i := range p.Items {
		if i.Kind != kindDeploy || r.IntN(2) == 0 {
			continue
		}
		for n := range 10 {
			other := p.Items[r.IntN(len(p.Items))]
			if other.Kind != kindInput {
				continue
			}
			e := *other.In
			at := i.At + 100 + r.Int64N(6*second)
			e.ID, e.EventAt, e.AcceptedAt = fmt.Sprintf("%s/%d/%d", e.ID, i.At, n), at, at
			p.Items = append(p.Items, Item{At: at, Kind: kindInput, In: &e})
		}
	}
}

func (p *Plan) sort() { sortItems(p.Items) }

func fault(r *rand.Rand, k kind, at int64) Item {
	i := Item{At: at, Kind: k, Who: r.IntN(processes), Part: r.IntN(partitions), For: 200 + r.Int64N(20*second), Rate: 50 + r.IntN(500)}
	switch k {
	case kindPause:
		if r.IntN(2) == 0 {
			i.For = session + r.Int64N(150*minute)
		}
	case kindTroubleKafka, kindTroubleRedis:
		i.For = second + r.Int64N(30*second)
		if r.IntN(4) == 0 {
			i.Rate = 1000
		}
	case kindAway:
		i.For = 200 + r.Int64N(5*second)
	case kindElect:
		i.Who = r.IntN(3) // log, transitions, profiles
		i.For = r.Int64N(3 * second)
	case kindClock:
		i.For = r.Int64N(20*second) - 10*second
		if r.IntN(3) == 0 {
			i.For = r.Int64N(hour) - 30*minute
		}
	case kindDeploy:
		i.Rate = r.IntN(len(catalogueNames))
	default:
	}
	return i
}
