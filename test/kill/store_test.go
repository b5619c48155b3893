package main

import (
	"context"
	"fmt"
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

// Everything that may happen to a Redis happens to it while people go on shopping, and nothing is lost, doubled or
// contradicted.
func TestStores_FailInEveryWay(t *testing.T) {
	launch.Need(t, launch.PartKafka, launch.PartRedis)
	if testing.Short() {
		t.Skip("it takes two minutes")
	}
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	binaries, err := build(ctx, root, serviceNames...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var s *stores
	f, err := startFlow(ctx, dir, binaries, func(primary *launch.Server) (string, error) {
		var err error
		s, err = newStores(dir, primary)
		if err != nil {
			return "", err
		}
		return s.front.addr(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, service := range f.services {
			if err := service.stop(); err != nil {
				t.Error(err)
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range serviceNames {
		if err := f.start(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, service := range f.services {
		if err := service.ready(ctx, patience); err != nil {
			t.Fatal(err)
		}
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	tally, err := newTally(watching, f.kafka.Addr)
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
	for _, x := range storeFaults() {
		begun := time.Now()
		if err := x.do(ctx, s); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		over := time.Now()
		ends, err := audit.Ends(ctx, tally.client, schemas.EventsTopic)
		if err != nil {
			t.Fatal(err)
		}
		if err := poll(ctx, patience, func() error {
			if !tally.watch.Reached(ends) {
				return fmt.Errorf("the processor has not caught up")
			}
			return nil
		}); err != nil {
			t.Errorf("%s: stuck: %v", x.name, err)
		}
		t.Logf("%-50s lasted %4.1f s, caught up %4.1f s later", x.name, over.Sub(begun).Seconds(), time.Since(over).Seconds())
		books, err := audit.Read(ctx, kgo.SeedBrokers(f.kafka.Addr))
		if err != nil {
			t.Fatal(err)
		}
		if report, err := audit.Run(books, audit.Options{}); err != nil || !report.Sound() {
			kept := filepath.Join(os.TempDir(), "stores.case")
			t.Fatalf("%s: %v %v; the case is in %s: %v", x.name, err, report.Findings, kept, (&audit.Case{Books: books, Running: true}).Save(kept))
		}
	}
	silence()
	everybody.Wait()
	report, kept, err := f.settled(ctx, people.acknowledged(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Sound() {
		path := filepath.Join(os.TempDir(), "stores.case")
		t.Errorf("%v; the case is in %s: %v", report.Findings, path, kept.Save(path))
	}
	t.Logf("sent %v; %d transitions compared", people.counts, report.Counts["transitions compared with the fold"])
}
