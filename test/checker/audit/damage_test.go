package audit

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/avro"

	"github.com/cohortflow/cohortflow/schemas"
)

// flow.case is a flow over Apache Kafka and Redis with purchases, silent exits, merges and erasures, in which the
// processor and the sink were killed once each. TestAudit_FindsEveryDamage damages it.
func recorded(t *testing.T) *Case {
	t.Helper()
	c, err := Load("testdata/flow.case")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAudit_FindsNothingInAFlowThatIsSound(t *testing.T) {
	c := recorded(t)
	report, err := Run(c.Books, c.Options())
	if err != nil {
		t.Fatal(err)
	}
	if !report.Sound() {
		t.Errorf("found %v", report.Findings)
	}
	for name, least := range map[string]int64{
		"transitions compared with the fold": 500, "profiles compared with the fold": 50, "suppression words compared": 200,
		"deliveries judged": 500, "transitions, erased": 1, "events, merge": 50, "messages acknowledged": 400,
	} {
		if report.Counts[name] < least {
			t.Errorf("%s: got %d, want at least %d, or this judges little", name, report.Counts[name], least)
		}
	}
}

// rewrite changes fields of a record, with the schema that it was written with.
func rewrite(t *testing.T, r *Record, change func(fields map[string]any)) {
	t.Helper()
	number := binary.BigEndian.Uint32(r.Value[1:5])
	for _, v := range schemas.Versions() {
		if v.ID != number {
			continue
		}
		s, err := avro.Parse(strings.ReplaceAll(v.Text, `, "logicalType": "timestamp-millis"`, ""))
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if _, err := s.Decode(r.Value[5:], &fields); err != nil {
			t.Fatal(err)
		}
		change(fields)
		if r.Value, err = s.AppendEncode(slices.Clone(r.Value[:5]), fields); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("%s has schema %d", r.Place(), number)
}

// place is a record in the books.
type place struct {
	topic     string
	partition int
	at        int
}

func (p place) in(c *Case) *Record { return &c.Books[p.topic][p.partition][p.at] }

func (p place) drop(c *Case) {
	c.Books[p.topic][p.partition] = slices.Delete(c.Books[p.topic][p.partition], p.at, p.at+1)
}

// again puts the record to the end of its partition once more.
func (p place) again(c *Case) *Record {
	list := c.Books[p.topic][p.partition]
	r := *p.in(c)
	r.Offset = list[len(list)-1].Offset + 1
	c.Books[p.topic][p.partition] = append(list, r)
	list = c.Books[p.topic][p.partition]
	return &list[len(list)-1]
}

// find gives the last record that has these fields and for which more holds.
func find[T any](t *testing.T, c *Case, topic string, more func(r *Record, fields *T) bool) place {
	t.Helper()
	cd := newCodec()
	for partition, list := range slices.Backward(c.Books[topic]) {
		for at := range slices.Backward(list) {
			var fields T
			if list[at].Value != nil && cd.decode(&list[at], &fields) == nil && more(&list[at], &fields) {
				return place{topic, partition, at}
			}
		}
	}
	t.Fatalf("%s has no such record", topic)
	return place{}
}

func transition(t *testing.T, c *Case, op, reason string) place {
	t.Helper()
	return find(t, c, transitionsTopic, func(_ *Record, e *transitionRecord) bool { return e.Op == op && e.Reason == reason })
}

func TestAudit_FindsEveryDamage(t *testing.T) {
	meta := schemas.SuppressionTopic("meta")
	suppression := func(t *testing.T, c *Case, op, reason string) place {
		t.Helper()
		return find(t, c, meta, func(_ *Record, w *suppressionRecord) bool { return w.Op == op && w.Reason == reason })
	}
	for _, damage := range []struct {
		name  string
		kind  Kind
		topic string
		do    func(t *testing.T, c *Case)
	}{
		{"a transition is missing", Lost, transitionsTopic, func(t *testing.T, c *Case) { transition(t, c, "enter", "window_ended").drop(c) }},
		{"a transition is missing, and its version", Gap, transitionsTopic, func(t *testing.T, c *Case) {
			later := find(t, c, transitionsTopic, func(_ *Record, e *transitionRecord) bool { return e.Version == 4 })
			find(t, c, transitionsTopic, func(r *Record, e *transitionRecord) bool {
				return string(r.Key) == string(later.in(c).Key) && e.Version == 2
			}).drop(c)
		}},
		{"a transition is there twice", Duplicate, transitionsTopic, func(t *testing.T, c *Case) { transition(t, c, "exit", "event").again(c) }},
		{"a transition is there under another id too", Duplicate, transitionsTopic, func(t *testing.T, c *Case) {
			rewrite(t, transition(t, c, "exit", "event").again(c), func(f map[string]any) { f["transition_id"] = f["transition_id"].(string) + "0" })
		}},
		{"a transition holds from another instant", Contradictory, transitionsTopic, func(t *testing.T, c *Case) {
			rewrite(t, transition(t, c, "exit", "window_ended").in(c), func(f map[string]any) { f["effective_at"] = f["effective_at"].(int64) - 1 })
		}},
		{"an exit says that it is an entry", Contradictory, transitionsTopic, func(t *testing.T, c *Case) {
			rewrite(t, transition(t, c, "exit", "window_ended").in(c), func(f map[string]any) { f["op"] = "enter" })
		}},
		{"a transition speaks of a cohort that the person was never in", Contradictory, transitionsTopic, func(t *testing.T, c *Case) {
			rewrite(t, transition(t, c, "enter", "event").in(c), func(f map[string]any) { f["cohort"] = "vip_buyer_90d" })
		}},
		{"a transition is of somebody else", Contradictory, transitionsTopic, func(t *testing.T, c *Case) {
			transition(t, c, "enter", "event").in(c).Key = []byte("somebody else")
		}},
		{"two transitions stand the other way round", Disorder, transitionsTopic, func(t *testing.T, c *Case) {
			p := transition(t, c, "enter", "window_ended")
			list := c.Books[p.topic][p.partition]
			list[p.at], list[p.at-3] = list[p.at-3], list[p.at]
		}},
		{"versions leap", Gap, transitionsTopic, func(t *testing.T, c *Case) {
			rewrite(t, transition(t, c, "enter", "event").in(c), func(f map[string]any) { f["version"] = f["version"].(int64) + 1 })
		}},
		{"a watermark promises what is not there yet", Disorder, transitionsTopic, func(t *testing.T, c *Case) {
			rewrite(t, &c.Books[transitionsTopic][0][0], func(f map[string]any) { f["processed"] = int64(1 << 40) })
		}},
		{"an owner writes behind the fence of the next", Disorder, transitionsTopic, func(t *testing.T, c *Case) {
			place{transitionsTopic, 1, 0}.again(c)
		}},
		{"the owner has stopped", Stuck, transitionsTopic, func(_ *testing.T, c *Case) {
			list := c.Books[transitionsTopic][2]
			c.Books[transitionsTopic][2] = list[:len(list)/2]
		}},
		{"an erasure is not proved", Lost, transitionsTopic, func(t *testing.T, c *Case) { transition(t, c, "erased", "erased").drop(c) }},
		{"an erasure is proved twice", Duplicate, transitionsTopic, func(t *testing.T, c *Case) { transition(t, c, "erased", "erased").again(c) }},
		{"a record cannot be read", Unreadable, transitionsTopic, func(t *testing.T, c *Case) {
			r := transition(t, c, "enter", "event").in(c)
			r.Value = r.Value[:len(r.Value)-2]
		}},
		{"an acknowledged message is not there", Lost, eventsTopic, func(_ *testing.T, c *Case) { c.Acknowledged = append(c.Acknowledged, "m-0") }},
		{"what came for a key that is somebody else's was not passed on", Lost, eventsTopic, func(t *testing.T, c *Case) {
			p := find(t, c, eventsTopic, func(_ *Record, e *eventRecord) bool { return e.Numbers["cohortflow.hops"] > 0 })
			rewrite(t, p.in(c), func(f map[string]any) { f["event_id"] = "m-0" })
		}},
		{"the newest profile is missing", Lost, profilesTopic, func(t *testing.T, c *Case) {
			find(t, c, profilesTopic, func(_ *Record, p *profileRecord) bool { return p.Op == "upsert" && len(p.Memberships) > 0 }).drop(c)
		}},
		{"a profile stands behind a newer one", Disorder, profilesTopic, func(t *testing.T, c *Case) {
			find(t, c, profilesTopic, func(r *Record, p *profileRecord) bool { return p.Op == "upsert" && p.Version < 3 && r.Offset < 60 }).again(c)
		}},
		{"a profile lists another cohort", Contradictory, profilesTopic, func(t *testing.T, c *Case) {
			p := find(t, c, profilesTopic, func(_ *Record, p *profileRecord) bool { return p.Op == "upsert" && len(p.Memberships) > 0 })
			rewrite(t, p.in(c), func(f map[string]any) {
				f["memberships"].([]any)[0].(map[string]any)["cohort"] = "browse_no_cart_24h"
			})
		}},
		{"no tombstone follows a delete", Lost, profilesTopic, func(t *testing.T, c *Case) {
			p := find(t, c, profilesTopic, func(_ *Record, p *profileRecord) bool { return p.Op == "delete" })
			p.at++
			p.drop(c)
		}},
		{"a release is missing", Lost, meta, func(t *testing.T, c *Case) { suppression(t, c, "RELEASE", "RECENT_PURCHASE").drop(c) }},
		{"a suppression is there twice", Duplicate, meta, func(t *testing.T, c *Case) { suppression(t, c, "SUPPRESS", "RECENT_PURCHASE").again(c) }},
		{"the last word is an older one", Disorder, meta, func(t *testing.T, c *Case) {
			p := suppression(t, c, "RELEASE", "RECENT_PURCHASE")
			r := *p.in(c)
			var release suppressionRecord
			if err := newCodec().decode(&r, &release); err != nil {
				t.Fatal(err)
			}
			q := find(t, c, meta, func(x *Record, w *suppressionRecord) bool {
				return w.Op == "SUPPRESS" && string(x.Key) == string(r.Key) && w.Version < release.Version
			})
			moved := *q.in(c)
			q.drop(c)
			c.Books[meta][q.partition] = append(c.Books[meta][q.partition], moved)
		}},
		{"no tombstone follows an erasure", Lost, meta, func(t *testing.T, c *Case) {
			p := suppression(t, c, "RELEASE", "ERASURE")
			p.at++
			if p.in(c).Value != nil {
				t.Fatal("no tombstone stands behind the release")
			}
			p.drop(c)
		}},
		{"a tombstone stands before its release", Disorder, meta, func(t *testing.T, c *Case) {
			p := suppression(t, c, "RELEASE", "ERASURE")
			list := c.Books[meta][p.partition]
			list[p.at], list[p.at+1] = list[p.at+1], list[p.at]
		}},
		{"a suppression speaks of no transition", Contradictory, meta, func(t *testing.T, c *Case) {
			rewrite(t, suppression(t, c, "SUPPRESS", "RECENT_PURCHASE").in(c), func(f map[string]any) { f["transition_id"] = "0-9999999-0" })
		}},
		{"a transition has no outcome", Lost, receiptsTopic, func(t *testing.T, c *Case) {
			of := find(t, c, receiptsTopic, func(_ *Record, r *receiptRecord) bool { return r.Destination == salesWings && r.Outcome == "delivered" })
			var gone receiptRecord
			if err := newCodec().decode(of.in(c), &gone); err != nil {
				t.Fatal(err)
			}
			for p, list := range c.Books[receiptsTopic] {
				c.Books[receiptsTopic][p] = slices.DeleteFunc(list, func(r Record) bool {
					var x receiptRecord
					return newCodec().decode(&r, &x) == nil && x.Destination == salesWings && x.ID == gone.ID
				})
			}
		}},
		{"SalesWings has not got what counts as delivered", Contradictory, receiptsTopic, func(_ *testing.T, c *Case) { c.Taken = c.Taken[:len(c.Taken)-5] }},
		{"SalesWings got what nobody decided", Contradictory, salesWings, func(_ *testing.T, c *Case) { c.Taken = append(c.Taken, Taken{TransitionID: "0-1-99"}) }},
		{"SalesWings got a person's news the other way round", Disorder, salesWings, func(_ *testing.T, c *Case) { slices.Reverse(c.Taken) }},
	} {
		t.Run(damage.name, func(t *testing.T) {
			c := recorded(t)
			damage.do(t, c)
			report, err := Run(c.Books, c.Options())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Kind == damage.kind && f.Topic == damage.topic }) {
				t.Errorf("want %s in %s, found %v", damage.kind, damage.topic, report.Findings)
			}
		})
	}
}
