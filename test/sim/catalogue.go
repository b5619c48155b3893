package main

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

const (
	partitions = 3
	processes  = 3
	sliceCount = 2
	second     = int64(1_000)
	minute     = 60 * second
	hour       = 60 * minute
)

// homeOf is the partition of a person key, sliceOf the slice of the store that keeps it.
func homeOf(key string) int { return int(key[len(key)-1]-'0') % partitions }

func sliceOf(key string) int { return int(key[len(key)-1]-'0') / partitions % sliceCount }

// told is an attribute that has to have a value.
type told struct{ name, value string }

func (a told) Holds(v cohort.Values) bool {
	x, ok := v.Value(a.name)
	return ok && x.Kind == cohort.ValueText && x.Text == a.value
}
func (a told) Text() string         { return a.name + " is " + a.value }
func (a told) Attributes() []string { return []string{a.name} }

// catalogues are what may be in force, by their text.
var catalogues = compile()

var catalogueNames = []string{"first", "second", "third"}

func compile() map[string]*cohort.Program {
	did := func(name string, n int, within int64, none ...string) *cohort.Condition {
		return &cohort.Condition{Did: &cohort.Did{Event: name, AtLeast: n, Within: within, NoneOf: none}}
	}
	events := []cohort.Pattern{
		{Key: "view", Names: []string{"view"}}, {Key: "cart", Names: []string{"cart"}}, {Key: "order", Names: []string{"order"}},
	}
	waits := &cohort.Condition{All: []cohort.Condition{
		{Quiet: &cohort.Quiet{Event: "cart", For: 5 * minute, NoneOf: []string{"order"}}}, *did("cart", 1, hour, "order"),
	}}
	viewer := cohort.Definition{Key: "viewer", When: did("view", 2, 30*minute), Dwell: minute}
	abandoner := cohort.Definition{Key: "abandoner", Enter: waits, Stay: did("cart", 1, hour, "order")}
	gold := cohort.Definition{Key: "gold", When: &cohort.Condition{All: []cohort.Condition{
		{Attribute: told{"plan", "gold"}}, *did("order", 1, 2*hour),
	}}}
	spender := cohort.Definition{Key: "spender", When: &cohort.Condition{Sum: &cohort.Sum{Event: "order", Property: "value", AtLeast: 100, Within: 2 * hour}}}
	specs := []cohort.Spec{
		{Events: events, Cohorts: []cohort.Definition{
			abandoner, viewer, {Key: "buyer", When: did("order", 1, 90*minute)}, gold, spender,
		}, Groups: []cohort.Group{{Key: "one", Cohorts: []string{"abandoner", "viewer"}}}},
		{Events: events, Cohorts: []cohort.Definition{
			{Key: "buyer", When: did("order", 1, 40*minute)},
			viewer,
			{Key: "keen", When: did("view", 3, 45*minute)},
			{Key: "away", When: &cohort.Condition{Silent: &cohort.Silent{Event: "view", For: 50 * minute}}},
		}},
		{Events: events, Cohorts: []cohort.Definition{
			abandoner, viewer,
			{Key: "buyer", When: did("order", 1, 90*minute)},
			{Key: "loyal", When: &cohort.Condition{All: []cohort.Condition{{Member: "buyer"}, *did("order", 2, 3*hour)}}},
			gold,
		}},
	}
	all := map[string]*cohort.Program{}
	for i, s := range specs {
		g, err := cohort.Compile(s)
		if err != nil {
			panic(fmt.Sprintf("catalogue %s: %v", catalogueNames[i], err))
		}
		all[catalogueNames[i]] = g
	}
	return all
}

func program(text string) (*cohort.Program, error) {
	g := catalogues[text]
	if g == nil {
		return nil, fmt.Errorf("catalogue %q is none", text)
	}
	return g, nil
}

// valueOf stands for the bytes of a record: no two records have the same.
func valueOf(e *event.Event, number uint64) []byte {
	return append(binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(e.ID)), number), e.ID...)
}

// contactsOf are the sealed contacts that an event tells.
func contactsOf(e *event.Event) (list [][]byte, account [2][]byte) {
	for i, plain := range [2]string{e.IDs.Email, e.IDs.Phone} {
		if plain == "" {
			continue
		}
		sealed := []byte("sealed " + plain)
		list = append(list, sealed)
		if e.Kind == event.KindIdentify && strings.HasPrefix(e.IDs.CustomerID, e.Person) {
			account[i] = sealed
		}
	}
	return list, account
}
