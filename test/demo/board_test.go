package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// enters is a transition that an event decided, or time where source is empty.
func enters(person string, offset int64, source string, effective time.Time) cohort.Transition {
	t := cohort.Transition{
		ID: cohort.ID{Partition: 1, Offset: offset}, Op: cohort.OpEnter, Person: person, Cohort: "recent_purchaser_7d",
		Reason: cohort.ReasonEvent, SourceID: source, EffectiveAt: effective.UnixMilli(), AcceptedAt: noon.UnixMilli(),
	}
	if source == "" {
		t.Reason = cohort.ReasonWindowEnded
	}
	return t
}

func lines(b *board, now time.Time) []string {
	var out []string
	for _, s := range b.due(now) {
		out = append(out, strings.TrimRight(s.line(&screen{}), " "))
	}
	return out
}

func TestBoard_JoinsATransitionWithItsSuppressionRecord(t *testing.T) {
	b := newBoard(noon)
	b.sending(call{id: "buy", event: "Order Completed"}, true)
	record := func(offset int64) *avrocodec.Suppression {
		return &avrocodec.Suppression{
			Op: avrocodec.OpSuppress, SourceID: "buy", AcceptedAt: noon.UnixMilli(),
			TransitionID: avrocodec.FormatID(cohort.ID{Partition: 1, Offset: offset}),
		}
	}
	b.transition(enters("a", 1, "buy", noon), at(2))
	if got := lines(b, at(3)); got != nil {
		t.Errorf("shown before its suppression record and before patience ended: %q", got)
	}
	b.suppression(record(1), at(4))
	b.suppression(record(2), at(5)) // ahead of its transition, which another connection brings
	b.transition(enters("b", 2, "buy", noon), at(6))
	b.transition(enters("c", 3, "other", noon), at(7))
	want := []string{
		"12:00:00.002  a             in  recent_purchaser_7d  Order Completed  4.00 ms ads",
		"12:00:00.006  b             in  recent_purchaser_7d  Order Completed  5.00 ms ads",
	}
	if diff := cmp.Diff(want, lines(b, at(8))); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	want = []string{"12:00:00.007  c             in  recent_purchaser_7d  event            7.00 ms"}
	if diff := cmp.Diff(want, lines(b, at(8).Add(patience))); diff != "" {
		t.Errorf("lines after patience ended (-want +got):\n%s", diff)
	}
	if !b.liveSeen["buy"] {
		t.Error("the live purchase was not seen")
	}
}

func TestBoard_KeepsTogetherWhatOneEventDid(t *testing.T) {
	b := newBoard(noon)
	left := enters("a", 1, "buy", noon)
	left.ID.Ordinal, left.Op, left.Cohort = 1, cohort.OpExit, "cart_abandoner_24h"
	b.transition(enters("a", 1, "buy", noon), at(1))
	b.transition(left, at(2))
	other := enters("b", 2, "look", noon)
	other.Cohort = "browse_no_cart_24h"
	b.transition(other, at(3))
	if got := lines(b, at(4)); len(got) != 1 || !strings.Contains(got[0], "browse_no_cart_24h") {
		t.Errorf("got %q, want only what waits for no suppression record", got)
	}
	b.suppression(&avrocodec.Suppression{Op: avrocodec.OpSuppress, TransitionID: "1-1-0", SourceID: "buy", AcceptedAt: noon.UnixMilli()}, at(5))
	if got := lines(b, at(6)); len(got) != 2 || !strings.Contains(got[0], "ads") || !strings.Contains(got[1], "cart_abandoner_24h") {
		t.Errorf("got %q, want both lines of the purchase", got)
	}
}

func TestBoard_TellsSilentChangesFromThoseOfThePast(t *testing.T) {
	b := newBoard(noon)
	b.awaits([]string{"now", "never"})
	b.transition(enters("past", 1, "", noon.Add(-time.Hour)), at(1))
	b.transition(enters("now", 2, "", at(10)), at(13))
	got := lines(b, at(13).Add(patience))
	want := []string{
		"12:00:00.001  past          in  recent_purchaser_7d  time passed",
		"12:00:00.013  now           in  recent_purchaser_7d  time passed      3.00 ms",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if len(b.awaited) != 1 || !b.lastNews().Equal(at(13)) {
		t.Errorf("got %d silent changes awaited and news at %s, want 1 at %s", len(b.awaited), b.lastNews(), at(13))
	}
}

func TestWatch_TakesEveryTopicAndSummaryCounts(t *testing.T) {
	b := newBoard(noon)
	w := watch{board: b}
	in, out := enters("a", 1, "x", noon), enters("a", 2, "y", noon)
	out.Op = cohort.OpExit
	before := enters("z", 0, "w", noon)
	b.known(&before)
	meta := schemas.SuppressionTopic("meta")
	for _, r := range []struct {
		topic string
		value []byte
	}{
		{schemas.EventsTopic, avrocodec.AppendEvent(nil, 1, &event.Event{Kind: event.KindTrack, Source: event.SourcePipelines})},
		{schemas.EventsTopic, avrocodec.AppendEvent(nil, 1, &event.Event{Kind: event.KindTick, Source: event.SourceOwner})},
		{schemas.QuarantineTopic, nil},
		{schemas.TransitionsTopic, avrocodec.AppendTransitionWatermark(nil, 1, &cohort.Watermark{})},
		{schemas.TransitionsTopic, avrocodec.AppendTransition(nil, 1, &in)},
		{schemas.TransitionsTopic, avrocodec.AppendTransition(nil, 1, &out)},
		{schemas.ReceiptsTopic, avrocodec.AppendReceipt(nil, 1, &avrocodec.Receipt{Destination: "saleswings", Outcome: avrocodec.OutcomeDelivered})},
		{schemas.ReceiptsTopic, avrocodec.AppendReceipt(nil, 1, &avrocodec.Receipt{Destination: "saleswings", Outcome: avrocodec.OutcomeDelivered})},
		{meta, avrocodec.AppendSuppressionWatermark(nil, 1, &cohort.Watermark{})},
		{meta, avrocodec.AppendSuppression(nil, 1, &avrocodec.Suppression{Op: avrocodec.OpSuppress, SourceID: "x", AcceptedAt: noon.UnixMilli()})},
		{meta, nil},
	} {
		if err := w.take(r.topic, &kafkaio.Record{Value: r.value}, at(6)); err != nil {
			t.Fatal(err)
		}
	}
	for topic := range map[string]bool{schemas.TransitionsTopic: true, schemas.ReceiptsTopic: true, meta: true} {
		if err := w.take(topic, &kafkaio.Record{Value: []byte("x")}, at(6)); err == nil || !strings.Contains(err.Error(), topic) {
			t.Errorf("%s: got %v for a broken record, want an error with the topic", topic, err)
		}
	}
	var text strings.Builder
	good := check{"it works", "1 of 1", true}
	if err := summary(&screen{out: &text}, b, []check{good}, 1500*time.Millisecond); err != nil {
		t.Error(err)
	}
	want := `
After 1.5 s
cohort               entered  left  members now
recent_purchaser_7d  1        1     1

destination  transitions, by its receipts
saleswings   2 delivered

latency                                              count  p50      p99      max
purchase accepted -> ad-suppression record readable  0      -        -        -
the same, the whole day included                     1      6.00 ms  6.00 ms  6.00 ms
nobody clicked: instant -> transition readable       0      -        -        -

Checked against what was played
ok   it works: 1 of 1
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if err := summary(&screen{out: &text}, b, []check{good, {"it lasts", "no", false}}, 0); err == nil || !strings.Contains(text.String(), "FAIL it lasts: no") {
		t.Errorf("a check that does not hold: got %v", err)
	}
	if b.logged != 1 || b.quarantined != 1 {
		t.Errorf("got %d records in the log and %d in quarantine, want 1 of each: ticks are none", b.logged, b.quarantined)
	}
}

func TestPrinter_ShowsAFewOfACrowdAndEveryLivePurchase(t *testing.T) {
	b := newBoard(noon)
	b.sending(call{id: "buy", event: "Order Completed"}, true)
	for i := range 9 {
		b.transition(enters("crowd", int64(i), "x", noon), at(i))
	}
	b.transition(enters("buyer", 99, "buy", noon), at(20))
	var text strings.Builder
	p := printer{screen: &screen{out: &text}, board: b}
	p.print(at(30).Add(patience))
	got := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(got) != crowd+2 || !strings.Contains(got[crowd], "4 more") || !strings.Contains(got[crowd+1], "buyer") {
		t.Errorf("got %d lines:\n%s", len(got), text.String())
	}
}
