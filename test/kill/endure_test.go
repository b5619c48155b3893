package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/checker/audit"
	"github.com/cohortflow/cohortflow/test/launch"
)

// endure lets one fault after the other happen while people go on shopping. After each the processor has to catch
// up, and what is there has to be right; in the end all of it has to be there.
func (f *flow) endure(t *testing.T, faults []fault) {
	t.Helper()
	ctx := t.Context()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	tally, err := newTally(watching, f.brokers())
	if err != nil {
		t.Fatal(err)
	}
	people := newCrowd(f.url, uint64(time.Now().UnixNano()%1000), 24)
	living, silence := context.WithCancel(ctx)
	var everybody sync.WaitGroup
	everybody.Go(func() { people.run(living) })
	defer everybody.Wait()
	defer silence()
	if err := pause(ctx, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, x := range faults {
		begun := time.Now()
		if err := x.do(ctx); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		over := time.Now()
		if err := poll(ctx, patience, func() error {
			ends, err := audit.Ends(ctx, tally.client, schemas.EventsTopic)
			if err != nil {
				return err
			}
			return poll(ctx, patience, func() error {
				if !tally.watch.Reached(ends) {
					return errors.New("the processor has not caught up")
				}
				return nil
			})
		}); err != nil {
			t.Errorf("%s: stuck: %v", x.name, err)
		}
		t.Logf("%-60s lasted %4.1f s, caught up %4.1f s later", x.name, over.Sub(begun).Seconds(), time.Since(over).Seconds())
		books, err := audit.Read(ctx, kgo.SeedBrokers(f.brokers()...))
		if err != nil {
			t.Fatal(err)
		}
		if report, err := audit.Run(books, audit.Options{}); err != nil || !report.Sound() {
			kept := filepath.Join(os.TempDir(), "faults.case")
			t.Fatalf("%s: %v %v; the case is in %s: %v", x.name, err, report, kept, (&audit.Case{Books: books, Running: true}).Save(kept))
		}
	}
	silence()
	everybody.Wait()
	f.judge(t, people)
}

// Whatever may happen to a Redis happens to it.
func TestStores_FailInEveryWay(t *testing.T) {
	var s *stores
	t.Cleanup(func() {
		if s == nil {
			return
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	f := begin(t, func(dir string, primary *launch.Server) (addr string, err error) {
		if s, err = newStores(dir, primary); err != nil {
			return "", err
		}
		return s.front.addr(), nil
	})
	f.endure(t, s.faults())
}

// Owners that are frozen while others take their partitions, brokers that die: two of each kind at work.
func TestProcesses_FreezeAndDie(t *testing.T) {
	f := begin(t, nil)
	for _, name := range []string{"processor", "sink"} {
		if err := f.twin(name); err != nil {
			t.Fatal(err)
		}
	}
	f.endure(t, append(f.processFaults(), f.zombies("processor.publish.decided", "sink.saleswings.request.ready", "sink.ads.append.acked")...))
}

// long lets what takes minutes run: go test ./test/kill -run Zombies -long.
//
//nolint:gochecknoglobals // that is how tests take flags
var long = flag.Bool("long", false, "run the tests that take more than three minutes")

// Owners that are frozen at every step that matters, until somebody else has gone on.
func TestZombies_AtEveryStep(t *testing.T) {
	if !*long {
		t.Skip("it takes four minutes: -long")
	}
	f := begin(t, nil)
	for _, name := range []string{"processor", "sink"} {
		if err := f.twin(name); err != nil {
			t.Fatal(err)
		}
	}
	f.endure(t, f.zombies(zombieSteps()...))
}
