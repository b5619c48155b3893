package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const plannedFrom = `version: 1
events:
  order: {names: [order]}
  view: {names: [view]}
cohorts:
  - key: buyer
    when: {did: {event: order, within: 7d}}
  - key: spender
    when: {sum: {event: order, property: total, at_least: 150, within: 20d}}
  - key: keen
    when: {did: {event: view, at_least: 3, within: 3d}}
  - key: gone
    when: {did: {event: view, within: 5d}}
  - key: pro
    when: {attribute: attributes.plan == "pro"}
  - key: willing
    when: {attribute: attributes.ads_consent}
groups: [{key: value, cohorts: [spender, buyer]}]
audiences:
  - {key: spare, cohort: buyer, mode: exclude, platforms: [meta, google], reason: RECENT_PURCHASE}
deliver: {saleswings: {cohorts: [buyer, keen]}}
`

// plannedTo changes windows and bounds, one cohort only by its group, adds cohorts that
// the facts know and that they do not, takes one away, and puts a gate before an audience.
const plannedTo = `version: 1
events:
  order: {names: [order]}
  view: {names: [view]}
  refund: {names: [refund]}
cohorts:
  - key: buyer
    when: {did: {event: order, within: 4d}}
  - key: spender
    when: {sum: {event: order, property: total, at_least: 120, within: 20d}}
    dwell: 1h
  - key: keen
    when: {did: {event: view, at_least: 2, within: 3d}}
  - key: keen_pro
    when: {all: [{member: keen}, {attribute: attributes.plan == "pro"}]}
  - key: no_refund
    when: {not: {did: {event: refund, within: 30d}}}
  - key: pro
    when: {attribute: attributes.plan == "pro"}
  - key: willing
    when: {attribute: attributes.ads_consent}
  - key: gold
    when: {attribute: attributes.tier == "gold"}
groups: [{key: value, cohorts: [buyer, spender]}]
consent:
  ads: {attribute: ads_consent}
audiences:
  - {key: spare, cohort: buyer, mode: exclude, platforms: [meta, google], reason: RECENT_PURCHASE}
  - {key: woo, cohort: keen, consent: ads, mode: target, platforms: [tiktok]}
deliver: {saleswings: {cohorts: [buyer, keen, no_refund]}}
`

// planned is what the test reads of a plan.
type planned struct {
	Decides     bool `json:"decides_otherwise"`
	People      int
	PeopleMoved int `json:"people_moved"`
	Cohorts     []struct {
		Cohort, Change    string
		Now               int `json:"members_now"`
		Enter, Leave      int
		After             int `json:"members_after"`
		Entering, Leaving []string
	}
	Lists []struct {
		Destination, List                     string
		Adds, Removes, Held, Missing, Dropped any
	}
	Warming []struct {
		Cohort  string
		Forever bool
	}
	Untold []struct {
		Cohort     string
		Attributes []string
	}
}

// cohortctl builds the command; settings of the shell stay out.
func cohortctl(t *testing.T) func(args ...string) (out []byte, code int) {
	t.Helper()
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cohortctl")
	build := exec.Command("go", "build", "-o", path, "./services/cohortctl/cmd/cohortctl")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build cohortctl: %v\n%s", err, out)
	}
	return func(args ...string) ([]byte, int) {
		t.Helper()
		var out, said bytes.Buffer
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Stdout, cmd.Stderr, cmd.Env = &out, &said, []string{}
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
			if exit.ExitCode() != 3 {
				t.Fatalf("%v: %v\n%s", args, err, said.String())
			}
			return out.Bytes(), exit.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.Bytes(), 0
	}
}

// shoppers appends what some hundred people do in a month: orders, views, attributes,
// accounts that turn out to be one, and somebody who asks to be forgotten.
func shoppers(t *testing.T, c *kafkaio.Client) {
	t.Helper()
	const people, day = 300, int64(86_400_000)
	random, start := rand.New(rand.NewPCG(7, 11)), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	var events []event.Event
	for i := range people * 14 {
		e := event.Event{Kind: event.KindTrack, Person: fmt.Sprintf("p%d", random.IntN(people)), EventAt: start + random.Int64N(30*day)}
		switch n := random.IntN(20); {
		case n < 6:
			e.Name, e.Properties.Numbers = "order", map[string]float64{"total": float64(5 + random.IntN(60))}
		case n < 17:
			e.Name = "view"
		case n == 17 && i%5 == 0:
			e.Kind, e.Name = event.KindMerge, event.NameMerge
			e.Properties.Strings = map[string]string{event.PropertyInto: fmt.Sprintf("p%d", random.IntN(people))}
		case n == 18 && i%9 == 0:
			e.Kind, e.Name = event.KindErase, event.NameDelete
		default:
			e.Kind = event.KindIdentify
			e.Properties.Strings = map[string]string{"plan": []string{"pro", "free"}[random.IntN(2)]}
			e.Properties.Booleans = map[string]bool{"ads_consent": random.IntN(3) > 0}
		}
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b event.Event) int { return int(a.EventAt - b.EventAt) })
	producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	defer func() { _ = producer.Close(t.Context()) }()
	records := make([]kafkaio.OutRecord, len(events))
	for i := range events {
		e := &events[i]
		e.Source, e.ID, e.AcceptedAt, e.IDs.CustomerID = event.SourcePipelines, fmt.Sprintf("e%d", i), e.EventAt, e.Person
		records[i] = kafkaio.OutRecord{
			Partition: kafkaio.PartitionFor(e.Person, partitions), Timestamp: e.EventAt, Key: []byte(e.Person),
			Value: avrocodec.AppendEvent(nil, embeddedIDs{}.ID(schemas.EventsSubject), e),
		}
	}
	if err := producer.Produce(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// swept waits until the catalogue is in force everywhere and everybody was looked at anew.
func swept(t *testing.T, store *redisstate.Store, rules *catalogue.Catalogue) {
	t.Helper()
	eventually(t, time.Minute, func() bool {
		for p := range int32(partitions) {
			text, err := store.Checkpoint(t.Context(), p)
			if err != nil {
				return false
			}
			c, err := partition.DecodeCheckpoint(text)
			if err != nil || c.Catalogue != rules.Program.Revision() || c.Sweep != 0 {
				return false
			}
		}
		return true
	})
}

// A plan says beforehand, person by person, what the sweep then does.
func TestPlan_SaysWhatTheSweepWillDo(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		c, store, run := p.client(t), p.store(t), cohortctl(t)
		p.create(t, c)
		folder := t.TempDir()
		rules, files := map[string]*catalogue.Catalogue{}, map[string]string{}
		for name, text := range map[string]string{"from": plannedFrom, "to": plannedTo} {
			files[name] = filepath.Join(folder, name+".yaml")
			if err := os.WriteFile(files[name], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var err error
			if rules[name], err = catalogue.Load(files[name], []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		app, stop := p.runAs(t, "cohortflow.processor", rules["from"])
		shoppers(t, c)
		for range 3 { // what is passed on to other partitions comes behind
			settle(t, c, app)
		}
		swept(t, store, rules["from"])
		stop()

		flow := []string{"plan", "--redis", p.redis, "--partitions", fmt.Sprint(partitions), "--clock", "events", "--catalogue", files["to"], "--json"}
		live := append(slices.Clone(flow), "--kafka-brokers", strings.Join(p.brokers, ","))
		text, _ := run(append(live, "--examples", "100000")...)
		var plan planned
		if err := json.Unmarshal(text, &plan); err != nil {
			t.Fatal(err)
		}
		if _, code := run(append(live, "--fail-above", fmt.Sprint(plan.PeopleMoved-1))...); code != 3 {
			t.Errorf("one person more than allowed: exit code %d, want 3", code)
		}
		if _, code := run(append(live, "--fail-above", fmt.Sprint(plan.PeopleMoved))...); code != 0 {
			t.Errorf("as many people as allowed: exit code %d, want 0", code)
		}
		var again planned
		if text, _ = run(append(flow, "--from", files["from"], "--examples", "100000")...); json.Unmarshal(text, &again) != nil || cmp.Diff(plan, again) != "" {
			t.Errorf("without Kafka the plan is another: %s", cmp.Diff(plan, again))
		}

		before, err := tail.Transitions(t.Context(), c, partitions)
		if err != nil {
			t.Fatal(err)
		}
		app, stop = p.runAs(t, "cohortflow.processor", rules["to"])
		swept(t, store, rules["to"])
		settle(t, c, app)
		stop()
		produced, err := tail.Transitions(t.Context(), c, partitions)
		if err != nil {
			t.Fatal(err)
		}
		type moves struct{ Entering, Leaving []string }
		did, foreseen, movers := map[string]moves{}, map[string]moves{}, map[string]bool{}
		for i := range produced.Transitions {
			d := &produced.Transitions[i]
			if d.Reason != cohort.ReasonDefinitionChanged {
				continue
			}
			m := did[d.Cohort]
			if d.Op == cohort.OpEnter {
				m.Entering = append(m.Entering, d.Person)
			} else {
				m.Leaving = append(m.Leaving, d.Person)
			}
			did[d.Cohort], movers[d.Person] = m, true
		}
		for key, m := range did {
			slices.Sort(m.Entering)
			slices.Sort(m.Leaving)
			did[key] = m
		}
		for _, one := range plan.Cohorts {
			if one.Enter+one.Leave > 0 {
				foreseen[one.Cohort] = moves{one.Entering, one.Leaving}
			}
			if one.Enter != len(one.Entering) || one.Leave != len(one.Leaving) || one.After != one.Now+one.Enter-one.Leave {
				t.Errorf("%s does not add up: %+v", one.Cohort, one)
			}
			if n := inside(before.Transitions, one.Cohort); n != one.Now {
				t.Errorf("%s: planned with %d members, and the topic has %d", one.Cohort, one.Now, n)
			}
			if n := inside(produced.Transitions, one.Cohort); n != one.After {
				t.Errorf("%s: %d members were foreseen, and there are %d", one.Cohort, one.After, n)
			}
		}
		if diff := cmp.Diff(did, foreseen); diff != "" {
			t.Errorf("what the sweep did and what was foreseen (-did +foreseen):\n%s", diff)
		}
		if plan.PeopleMoved != len(movers) || !plan.Decides {
			t.Errorf("%d people were to move, and %d did", plan.PeopleMoved, len(movers))
		}
		// Nothing of this is empty, or the test would prove little.
		for _, key := range []string{"buyer", "spender", "keen", "keen_pro", "no_refund", "woo"} {
			if len(did[key].Entering) == 0 && len(did[key].Leaving) == 0 {
				t.Errorf("nobody moved in %s", key)
			}
		}
		if len(did["gone"].Leaving) == 0 || len(did["pro"].Entering)+len(did["pro"].Leaving) > 0 || len(did["buyer"].Entering) == 0 || len(did["buyer"].Leaving) == 0 {
			t.Errorf("the change moved %v", did)
		}
		if len(plan.Warming) != 1 || plan.Warming[0].Cohort != "no_refund" || plan.Warming[0].Forever {
			t.Errorf("warming: %+v, want the cohort about refunds, which nobody asked about before", plan.Warming)
		}
		if len(plan.Untold) != 2 || plan.Untold[0].Cohort != "gold" || !slices.Equal(plan.Untold[0].Attributes, []string{"tier"}) || plan.Untold[1].Cohort != "woo" {
			t.Errorf("attributes not kept so far: %+v, want the tier and what the gate asks about beside the consent", plan.Untold)
		}
		if text, _ = run(live...); json.Unmarshal(text, &again) != nil || again.PeopleMoved != 0 || again.Decides {
			t.Errorf("once it is in force the same plan moves nobody; got %s", text)
		}
	})
}

// inside counts who is in a cohort by the topic.
func inside(list []cohort.Transition, key string) int {
	in := map[string]bool{}
	for i := range list {
		if list[i].Cohort == key {
			in[list[i].Person] = list[i].Op == cohort.OpEnter
		}
	}
	n := 0
	for _, is := range in {
		if is {
			n++
		}
	}
	return n
}
