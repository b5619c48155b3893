package receipts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// producer answers by a script; beyond it everything is acknowledged.
type producer struct {
	mu     sync.Mutex
	script []error
	hang   chan struct{}
	wrote  []string
	calls  int
}

func (p *producer) Produce(ctx context.Context, recs []kafkaio.OutRecord) error {
	p.mu.Lock()
	p.calls++
	var err error
	if len(p.script) > 0 {
		err, p.script = p.script[0], p.script[1:]
	}
	hang := p.hang
	p.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return kafkaio.ErrUnavailable
		}
	}
	failed := map[int]bool{}
	if partial, ok := errors.AsType[*kafkaio.PartialError](err); ok {
		for _, i := range partial.Failed {
			failed[i] = true
		}
	} else if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range recs {
		if !failed[i] {
			p.wrote = append(p.wrote, string(r.Value))
		}
	}
	return err
}

func (p *producer) seen() (calls int, wrote []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls, append([]string(nil), p.wrote...)
}

func run(t *testing.T, p Producer, most int) (*Writer, func()) {
	t.Helper()
	w := NewWriter("topic", p, most, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return w, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestWriter_RepeatsOnlyWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &producer{script: []error{
			kafkaio.ErrUnavailable, kafkaio.ErrBackpressure,
			&kafkaio.PartialError{Failed: []int{1}, Total: 3, Err: kafkaio.ErrAmbiguous},
		}}
		w := NewWriter("topic", p, 100, slog.New(slog.DiscardHandler))
		acked := map[int]error{}
		for i := range 3 {
			w.Add(kafkaio.OutRecord{Value: fmt.Append(nil, i)}, func(err error) { acked[i] = err })
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"0", "2", "1"}, p.wrote); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[int]error{0: nil, 1: nil, 2: nil}, acked); diff != "" {
			t.Errorf("acknowledged (-want +got)\n%s", diff)
		}
		if w.Err() != nil {
			t.Errorf("still says %v", w.Err())
		}
		cancel()
		<-ended
	})
}

func TestWriter_BoundsWhatIsOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &producer{hang: make(chan struct{})}
		w, stop := run(t, p, 3)
		for range 3 {
			w.Add(kafkaio.OutRecord{}, nil)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Room(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("room for a fourth: %v", err)
		}
		close(p.hang)
		if err := w.Room(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
	})
}

func TestWriter_TellsThoseWhoWaitWhenItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &producer{hang: make(chan struct{})}
		w, stop := run(t, p, 100)
		got := make(chan error, 2)
		w.Add(kafkaio.OutRecord{}, func(err error) { got <- err })
		stop()
		if err := <-got; !errors.Is(err, errStopped) {
			t.Errorf("got %v", err)
		}
		w.Add(kafkaio.OutRecord{}, func(err error) { got <- err })
		if err := <-got; !errors.Is(err, errStopped) {
			t.Errorf("after the end: got %v", err)
		}
	})
}

func TestWriter_FlushesWhenItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &producer{}
		w := NewWriter("topic", p, 100, slog.New(slog.DiscardHandler))
		for i := range 5 {
			w.Add(kafkaio.OutRecord{Value: fmt.Append(nil, i)}, nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Run(ctx); err != nil || len(p.wrote) != 5 {
			t.Errorf("wrote %d of 5, %v", len(p.wrote), err)
		}
	})
}

// Receipts that are written one by one cost the broker more than what they tell of.
func TestWriter_GathersForAMomentUnlessABatchIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &producer{}
		w, stop := run(t, p, 10*maxBatch)
		for i := range 3 {
			w.Add(kafkaio.OutRecord{Value: fmt.Append(nil, i)}, nil)
			time.Sleep(gather / 4)
		}
		synctest.Wait()
		if calls, _ := p.seen(); calls != 0 {
			t.Errorf("got %d writes before the moment was over", calls)
		}
		time.Sleep(gather / 4)
		synctest.Wait()
		calls, wrote := p.seen()
		if diff := cmp.Diff([]string{"0", "1", "2"}, wrote); diff != "" || calls != 1 {
			t.Errorf("got %d writes, want one of (-want +got)\n%s", calls, diff)
		}
		for range maxBatch {
			w.Add(kafkaio.OutRecord{}, nil)
		}
		synctest.Wait() // the clock stands still meanwhile
		if calls, wrote := p.seen(); calls != 2 || len(wrote) != 3+maxBatch {
			t.Errorf("got %d writes of %d records, want a complete batch to leave at once", calls, len(wrote))
		}
		stop()
	})
}

func TestJournal_WritesWhatCanBeReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &producer{}, &producer{}
		w, stop := run(t, p, 100)
		dead, stopDead := run(t, q, 100)
		j := NewJournal("saleswings", w, 6, dead, 7)
		begun := time.Now().UnixMilli()
		tr := cohort.Transition{ID: cohort.ID{Partition: 1, Offset: 2, Ordinal: 3}, Op: cohort.OpEnter, Person: "u1", Cohort: "cart", Version: 4, AcceptedAt: 5, EffectiveAt: 6}
		j.Receipt(1, &tr, Outcome{Outcome: avrocodec.OutcomeDelivered, Status: 202, Attempt: 2}, nil)
		j.DeadLetter(1, []byte("u1"), "1-2-3", []byte("raw"), "why", 2, nil)
		time.Sleep(gather)
		synctest.Wait()
		var r avrocodec.Receipt
		if err := avrocodec.DecodeReceipt([]byte(p.wrote[0]), &r); err != nil {
			t.Fatal(err)
		}
		want := avrocodec.Receipt{
			Destination: "saleswings", TransitionID: "1-2-3", Person: "u1", Cohort: "cart", Op: "enter",
			Version: 4, Outcome: "delivered", Status: 202, Attempt: 2, At: begun, AcceptedAt: 5, EffectiveAt: 6,
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("receipt (-want +got)\n%s", diff)
		}
		var d avrocodec.DeadLetter
		if err := avrocodec.DecodeDeadLetter([]byte(q.wrote[0]), &d); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(avrocodec.DeadLetter{
			Destination: "saleswings", TransitionID: "1-2-3", Reason: "why", Transition: []byte("raw"),
			At: begun, Attempts: 2,
		}, d); diff != "" {
			t.Errorf("dead letter (-want +got)\n%s", diff)
		}
		stop()
		stopDead()
	})
}
