package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

func TestExpectation_KnowsTheDefaultCatalogue(t *testing.T) {
	did := func(ago time.Duration, name string) call {
		return call{id: fmt.Sprint(name, ago), person: "p", at: noon.Add(-ago), event: name}
	}
	const view, cart, order = "Product Viewed", "Product Added", "Order Completed"
	for name, c := range map[string]struct {
		calls []call
		want  []string
	}{
		"a look":                        {[]call{did(time.Hour, view)}, []string{"browse_no_cart_24h"}},
		"a look exactly a day ago":      {[]call{did(24*time.Hour, view)}, nil},
		"three looks":                   {[]call{did(3, view), did(2, view), did(1, view)}, []string{"browse_no_cart_24h", "high_intent_24h"}},
		"one look told three times":     {[]call{did(1, view), did(1, view), did(1, view)}, []string{"browse_no_cart_24h"}},
		"a cart of just now":            {[]call{did(29*time.Minute, cart)}, nil},
		"a cart of half an hour":        {[]call{did(30*time.Minute, cart)}, []string{"cart_abandoner_24h", "cart_abandoner_2h", "cart_abandoner_3d"}},
		"a cart of two hours":           {[]call{did(2*time.Hour, cart)}, []string{"cart_abandoner_24h", "cart_abandoner_3d"}},
		"a cart of two days":            {[]call{did(48*time.Hour, cart)}, []string{"cart_abandoner_3d"}},
		"a cart and an order":           {[]call{did(2*time.Hour, cart), did(time.Hour, order)}, []string{recentCohort}},
		"an order, then a cart":         {[]call{did(2*time.Hour, order), did(time.Hour, cart)}, []string{"cart_abandoner_24h", "cart_abandoner_2h", "cart_abandoner_3d", recentCohort}},
		"three orders":                  {[]call{did(3, order), did(2, order), did(8*24*time.Hour, order)}, []string{recentCohort, vipCohort}},
		"three looks before an order":   {[]call{did(4, view), did(3, view), did(2, view), did(1, order)}, []string{recentCohort}},
		"nothing but telling who it is": {[]call{did(1, "")}, nil},
	} {
		e := newExpectation()
		for _, call := range c.calls {
			e.took(call)
		}
		if diff := cmp.Diff(c.want, e.people["p"].cohorts(noon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if e.sent != len(c.calls) {
			t.Errorf("%s: got %d sent, want %d", name, e.sent, len(c.calls))
		}
	}
}

// played is a board on which everything came out, and what was sent for it.
func played(t *testing.T) (*board, *expectation, []saleswingstest.Activity) {
	t.Helper()
	b, e := newBoard(noon), newExpectation()
	b.awaits([]string{"late"})
	delete(b.awaited, "late")
	for _, c := range []call{identify("a", at(0)), {id: "buy", person: "a", at: at(1), event: "Order Completed"}} {
		b.sending(c, c.event != "")
		e.took(c)
		b.event(at(1))
	}
	e.buying("buy")
	in := enters("a", 1, "buy", at(1))
	in.Version = 1
	b.transition(in, at(2))
	b.suppression(&avrocodec.Suppression{
		Op: avrocodec.OpSuppress, Audience: recentExclude, SourceID: "buy", TransitionID: avrocodec.FormatID(in.ID),
		// sha256sum of a@shop.example
		Identifiers: []avrocodec.Identifier{{Type: "email", Value: "f1a380e36299cc9e667d3485ebf78d8f0189d684d776a66cc9f26a54d82dc76c"}},
	}, at(3))
	b.receipt(&avrocodec.Receipt{Destination: "saleswings", Outcome: avrocodec.OutcomeDelivered}, at(3))
	told := func(version float64, name, change string) saleswingstest.Activity {
		return saleswingstest.Activity{UserID: "a", Values: map[string]any{"cohort": name, "version": version, "change": change}}
	}
	return b, e, []saleswingstest.Activity{told(1, recentCohort, "entered")}
}

func failing(checks []check) string {
	var out []string
	for _, c := range checks {
		if !c.ok {
			out = append(out, c.what+": "+c.detail)
		}
	}
	return strings.Join(out, "\n")
}

func TestJudge_FailsForEachThingThatDidNotCome(t *testing.T) {
	b, e, tracks := played(t)
	if got := failing(b.judge(e, tracks, at(4))); got != "" {
		t.Fatalf("everything came, and yet: %s", got)
	}
	wrong := enters("a", 2, "x", noon)
	wrong.Cohort = vipCohort
	for name, c := range map[string]struct {
		spoil func(*board, *expectation) []saleswingstest.Activity
		want  string
	}{
		"a message that is not in the log": {func(_ *board, e *expectation) []saleswingstest.Activity { e.sent++; return tracks }, "3 sent, 2 in the log"},
		"a message in quarantine":          {func(b *board, _ *expectation) []saleswingstest.Activity { b.quarantine(); return tracks }, "1 in quarantine"},
		"a cohort that nothing put them in": {func(b *board, _ *expectation) []saleswingstest.Activity {
			b.transition(wrong, at(3))
			return tracks
		}, "a is in [recent_purchaser_7d vip_buyer_90d], not in [recent_purchaser_7d]"},
		"a gap of versions": {func(b *board, _ *expectation) []saleswingstest.Activity { b.gaps++; return tracks }, "1 gaps"},
		"a purchase without a record": {func(_ *board, e *expectation) []saleswingstest.Activity {
			e.buying("lost")
			return tracks
		}, "1 of 2, not lost"},
		"a silent change": {func(b *board, _ *expectation) []saleswingstest.Activity { b.awaited["late"] = true; return tracks }, "0 of 1 people"},
		"another digest": {func(b *board, _ *expectation) []saleswingstest.Activity {
			b.suppressed[recentExclude]["a"] = []string{"00"}
			return tracks
		}, "not the one of the email"},
		"a release": {func(b *board, _ *expectation) []saleswingstest.Activity {
			b.suppression(&avrocodec.Suppression{Op: avrocodec.OpRelease, Audience: recentExclude, SourceID: "buy"}, at(3))
			return tracks
		}, "suppressed false"},
		"SalesWings told nothing": {func(*board, *expectation) []saleswingstest.Activity { return nil }, "a is said to be in [], not in"},
		"a transition without a receipt": {func(b *board, _ *expectation) []saleswingstest.Activity {
			b.receipts["saleswings"] = nil
			return tracks
		}, "0 receipts for 1 transitions"},
	} {
		b, e, _ := played(t)
		list := c.spoil(b, e)
		if got := failing(b.judge(e, list, at(4))); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", name, got, c.want)
		}
	}
}

// An exit that was overtaken on its way must not bring a person back.
func TestJudge_TakesSalesWingsNewestVersion(t *testing.T) {
	b, e, tracks := played(t)
	out := enters("a", 3, "undo", at(2))
	out.Op, out.Version = cohort.OpExit, 2
	b.transition(out, at(2))
	e.people["a"].buys = nil
	older := tracks[0]
	newer := saleswingstest.Activity{UserID: "a", Values: map[string]any{"cohort": recentCohort, "version": 2.0, "change": "exited"}}
	c := b.judgeSalesWings(e, []saleswingstest.Activity{newer, older}, at(4))
	if want := "1 receipts for 2 transitions"; c.detail != want {
		t.Errorf("got %q, want %q", c.detail, want)
	}
}
