package receipts

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// Decoder reads receipts of every version of their schema.
type Decoder interface {
	DecodeReceipt(ctx context.Context, b []byte, r *avrocodec.Receipt) error
}

// Follower fills an Index: from the newest Recent receipts of each partition on. It takes
// part in no group, so each process sees all partitions and nothing is committed.
type Follower struct {
	Kafka      *kafkaio.Client
	Decoder    Decoder
	Index      *Index
	Partitions int
	Recent     int64 // receipts of each partition to begin with
	Log        *slog.Logger

	mu    sync.Mutex
	parts []progress
}

// progress is how far one partition has been read.
type progress struct {
	began bool
	whole bool  // from the first receipt that there ever was
	since int64 // time of the first receipt that was read, ms; 0 = none yet
	next  int64
	end   int64 // of the log when it was last heard of
}

const retryEvery = time.Second

// Run reads until ctx ends. What goes wrong is waited out.
func (f *Follower) Run(ctx context.Context) error {
	fetcher := f.Kafka.NewFetcher(kafkaio.FetcherConfig{Topic: schemas.ReceiptsTopic, MaxWait: 500 * time.Millisecond})
	defer fetcher.Close()
	f.mu.Lock()
	f.parts = make([]progress, f.Partitions)
	f.mu.Unlock()
	for p := range int32(f.Partitions) {
		for !f.begin(ctx, fetcher, p) {
			if !wait(ctx, retryEvery) {
				return nil
			}
		}
	}
	for {
		fetches, err := fetcher.Poll(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for i := range fetches {
			if !f.take(ctx, fetcher, &fetches[i]) {
				return nil
			}
		}
	}
}

// begin starts a partition at its newest receipts.
func (f *Follower) begin(ctx context.Context, fetcher *kafkaio.Fetcher, p int32) bool {
	start, end, err := f.Kafka.Offsets(ctx, schemas.ReceiptsTopic, p)
	if err != nil {
		f.Log.Debug("receipts cannot be read yet", "partition", p, "err", err)
		return false
	}
	from := max(start, end-f.Recent)
	f.mu.Lock()
	f.parts[p] = progress{began: true, whole: from == 0, next: from, end: end}
	f.mu.Unlock()
	fetcher.Assign(p, from)
	return true
}

// take works one answer off; false = ctx has ended.
func (f *Follower) take(ctx context.Context, fetcher *kafkaio.Fetcher, got *kafkaio.Fetch) bool {
	since := int64(0)
	for i := range got.Records {
		var r avrocodec.Receipt
		if err := f.Decoder.DecodeReceipt(ctx, got.Records[i].Value, &r); err != nil {
			f.Log.Debug("a receipt cannot be read and is passed over", "partition", got.Partition, "offset", got.Records[i].Offset, "err", err)
			continue
		}
		if since == 0 {
			since = r.At
		}
		f.Index.Add(&r)
	}
	f.mu.Lock()
	at := &f.parts[got.Partition]
	if at.since == 0 {
		at.since = since
	}
	at.next, at.end = got.Next, max(got.HighWatermark, got.Next)
	f.mu.Unlock()
	if got.Err == nil {
		return true
	}
	if _, gone := errors.AsType[kafkaio.ErrOffsetOutOfRange](got.Err); !gone {
		f.Log.Warn("receipts cannot be read, trying again", "partition", got.Partition, "err", got.Err)
	}
	// Retention was faster, or something passes: go on with what is there.
	for {
		if !wait(ctx, retryEvery) {
			return false
		}
		if f.begin(ctx, fetcher, got.Partition) {
			return true
		}
	}
}

// Known says from when on all receipts of a partition's people have been seen.
type Known struct {
	Whole    bool  // from the first one on
	Since    int64 // ms, where not Whole; 0 = none has been seen
	CaughtUp bool  // up to where the log ended a moment ago
}

// Known tells how far a partition has been read.
func (f *Follower) Known(partition int32) Known {
	f.mu.Lock()
	var at progress
	if int(partition) < len(f.parts) {
		at = f.parts[partition]
	}
	f.mu.Unlock()
	k := Known{Whole: at.whole, Since: at.since, CaughtUp: at.began && at.next >= at.end}
	if _, dropped := f.Index.Held(); dropped > 0 {
		k.Whole, k.Since = false, max(k.Since, dropped+1)
	}
	return k
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Of gives the receipts of a person; see Index.Of.
func (f *Follower) Of(person string) (list []Receipt, more bool) { return f.Index.Of(person) }
