package receipts

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// acknowledging is a producer that takes everything.
type acknowledging struct{ recs []kafkaio.OutRecord }

func (p *acknowledging) Produce(_ context.Context, recs []kafkaio.OutRecord) error {
	p.recs = append(p.recs, recs...)
	return nil
}

func TestJournal_NamesEveryOp(t *testing.T) {
	p := &acknowledging{}
	w := NewWriter("receipts", p, 10, slog.New(slog.DiscardHandler))
	j := NewJournal("d", w, 1, w, 2)
	for _, op := range []cohort.Op{cohort.OpEnter, cohort.OpExit, cohort.OpErased} {
		j.Receipt(0, &cohort.Transition{Op: op, Person: "u1"}, Outcome{Outcome: avrocodec.OutcomeSkipped}, nil)
	}
	for w.writeSome(t.Context()) {
	}
	var got []string
	for _, rec := range p.recs {
		var r avrocodec.Receipt
		if err := avrocodec.DecodeReceipt(rec.Value, &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Op)
	}
	if diff := cmp.Diff([]string{"enter", "exit", "erased"}, got); diff != "" {
		t.Errorf("ops (-want +got)\n%s", diff)
	}
}
