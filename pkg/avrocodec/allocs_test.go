package avrocodec

import (
	"testing"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
)

// The hot path of every service: it must not feed the garbage collector.
func TestHotPath_DoesNotAllocate(t *testing.T) {
	registry := NewEmbedded()
	resolver, err := NewResolver(registry)
	if err != nil {
		t.Fatal(err)
	}
	e, tr, p, s := commonEvent(), commonTransition(), commonProfile(), commonSuppression()
	mark := cohort.Watermark{Partition: 1, Last: cohort.ID{Partition: 1, Offset: 5}, Owner: "o"}
	receipt := Receipt{Destination: "d", TransitionID: "1-2-3", Message: "m"}
	var (
		buf       = make([]byte, 0, 4096)
		eventB    = AppendEvent(nil, 1, &e)
		newest    = registry.ID(schemas.TransitionsSubject)
		transB    = AppendTransition(nil, newest, &tr)
		transV1   = goldenRecords(t, schemas.TransitionsTopic)[0]
		transMark = AppendTransitionWatermark(nil, newest, &mark)
		profileB  = AppendProfile(nil, 4, &p)
		suppressB = AppendSuppression(nil, 5, &s)
		receiptB  = AppendReceipt(nil, 6, &receipt)
		into      event.Event
		intoTr    cohort.Transition
		intoP     cohort.Profile
		intoS     Suppression
		intoR     Receipt
		intoW     cohort.Watermark
		failed    error
	)
	ctx := t.Context()
	keep := func(err error) {
		if err != nil {
			failed = err
		}
	}
	for name, f := range map[string]func(){
		"append event":        func() { AppendEvent(buf, 1, &e) },
		"append transition":   func() { AppendTransition(buf, newest, &tr) },
		"append watermark":    func() { AppendTransitionWatermark(buf, newest, &mark) },
		"append profile":      func() { AppendProfile(buf, 4, &p) },
		"append suppression":  func() { AppendSuppression(buf, 5, &s) },
		"append receipt":      func() { AppendReceipt(buf, 6, &receipt) },
		"decode event":        func() { keep(DecodeEvent(eventB, &into)) },
		"decode event head":   func() { keep(DecodeEventHead(eventB, &into)) },
		"decode transition":   func() { _, err := DecodeTransition(transB, &intoTr, &intoW); keep(err) },
		"decode watermark":    func() { _, err := DecodeTransition(transMark, &intoTr, &intoW); keep(err) },
		"decode profile":      func() { _, err := DecodeProfile(profileB, &intoP, &intoW); keep(err) },
		"decode suppression":  func() { _, err := DecodeSuppression(suppressB, &intoS, &intoW); keep(err) },
		"decode receipt":      func() { keep(DecodeReceipt(receiptB, &intoR)) },
		"resolver event":      func() { keep(resolver.DecodeEvent(ctx, eventB, &into)) },
		"resolver transition": func() { _, err := resolver.DecodeTransition(ctx, transB, &intoTr, &intoW); keep(err) },
		"resolver version 1":  func() { _, err := resolver.DecodeTransition(ctx, transV1, &intoTr, &intoW); keep(err) },
	} {
		f() // the first decode makes the slices and maps that the later ones use again
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
	if failed != nil {
		t.Error(failed)
	}
}
