package feed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed/feedtest"
)

// Whatever fails and whoever restarts: each tenure sees every record from where it
// began, without a gap and without a repeat.
func TestFeed_GivesEveryTenureAnUnbrokenRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions, records = 3, 400
		log := feedtest.New(partitions)
		var mu sync.Mutex
		seen := map[int32]int64{} // end of what a worker has worked off
		random := rand.New(rand.NewPCG(1, 2))
		draw := func(n int) int { mu.Lock(); defer mu.Unlock(); return random.IntN(n) }
		tenures := 0
		work := func(ctx context.Context, l *feed.Lease) error {
			mu.Lock()
			tenures++
			next := seen[l.Partition()]
			mu.Unlock()
			l.Start(next)
			if draw(3) == 0 { // and once more, while answers to the first are on their way
				l.Start(next)
			}
			l.Working()
			for {
				select {
				case <-l.Ready():
				case <-ctx.Done():
					return nil
				}
				if draw(4) == 0 {
					time.Sleep(time.Duration(draw(200)) * time.Millisecond) // slow: answers pile up
				}
				for _, f := range l.Take() {
					for _, r := range f.Records {
						if r.Offset != next {
							t.Errorf("partition %d: offset %d, want %d", l.Partition(), r.Offset, next)
						}
						next = r.Offset + 1
					}
				}
				mu.Lock()
				seen[l.Partition()] = next
				mu.Unlock()
				if draw(10) == 0 {
					return errors.New("drawn")
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		f := feed.New(feed.Config{Topic: "t", Group: "g"}, log, log, log, work, slog.New(slog.DiscardHandler))
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		for i := range records {
			for p := range int32(partitions) {
				log.Append(p, "k", fmt.Append(nil, i))
			}
			if i%20 == 0 {
				time.Sleep(time.Duration(draw(300)) * time.Millisecond)
			}
			if i%90 == 0 {
				log.Rebalance(0, 1, 2)
			}
		}
		time.Sleep(10 * time.Minute)
		if err := f.Ready(); err != nil {
			t.Errorf("ready says %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for p := range int32(partitions) {
			if seen[p] != records {
				t.Errorf("partition %d: worked off up to %d of %d", p, seen[p], records)
			}
		}
		if tenures < 10 {
			t.Errorf("only %d tenures: the test does not test", tenures)
		}
	})
}

func TestFeed_ASlowWorkerDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := feedtest.New(2)
		got := make(chan int64, 1000)
		work := func(ctx context.Context, l *feed.Lease) error {
			l.Start(0)
			l.Working()
			if l.Partition() == 0 {
				<-ctx.Done()
				return nil
			}
			for {
				select {
				case <-l.Ready():
				case <-ctx.Done():
					return nil
				}
				for _, f := range l.Take() {
					for _, r := range f.Records {
						got <- r.Offset
					}
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		f := feed.New(feed.Config{Topic: "t", Group: "g"}, log, log, log, work, slog.New(slog.DiscardHandler))
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		for range 100 {
			log.Append(0, "k", nil)
			log.Append(1, "k", nil)
		}
		synctest.Wait()
		if len(got) != 100 {
			t.Errorf("the other partition got %d of 100 records", len(got))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
