package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/test/launch"
)

// Every step kills its service once, at its first visit; the three services die side by side. What is in the topics
// afterwards is what it would have been.
func TestKills_EveryStepOnce(t *testing.T) {
	launch.Need(t, launch.PartKafka, launch.PartRedis)
	if testing.Short() {
		t.Skip("it takes two minutes")
	}
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := build(t.Context(), root, serviceNames...)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	dir := t.TempDir()
	if kept := os.Getenv("KILL_DIR"); kept != "" {
		dir = kept
	}
	f, err := startFlow(t.Context(), dir, binaries, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range serviceNames {
		if err := f.start(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range f.services {
		if err := s.ready(t.Context(), patience); err != nil {
			t.Fatal(err)
		}
	}
	report := f.killAll(t, uint64(time.Now().UnixNano()%1000), os.Getenv("KILL_ONLY"))
	t.Logf("took %s", time.Since(begun))
	if !report {
		t.Logf("logs and case are in %s", dir)
	}
}

func (f *flow) killAll(t *testing.T, seed uint64, only string) bool {
	t.Helper()
	ctx := t.Context()
	living, silence := withStop(ctx)
	people := newCrowd(f.url, seed, 24)
	var everybody sync.WaitGroup
	everybody.Go(func() { people.run(living) })

	var chains sync.WaitGroup
	var mu sync.Mutex
	for _, name := range serviceNames {
		chains.Go(func() {
			if err := f.services[name].stop(); err != nil {
				t.Error(err)
			}
			deaths, err := f.chain(ctx, name, stepsOf(name, only))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			var list strings.Builder
			for _, d := range deaths {
				fmt.Fprintf(&list, " %s %.1fs;", strings.TrimPrefix(d.step, name+"."), d.after.Seconds())
			}
			t.Logf("%s was killed %d times:%s", name, len(deaths), list.String())
		})
	}
	chains.Wait()
	silence()
	everybody.Wait()
	if t.Failed() {
		return false
	}
	report, c, err := f.settled(ctx, people.acknowledged(), 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	report.Print(&table)
	t.Logf("sent: %v\n%s", people.counts, table.String())
	if report.Sound() {
		return true
	}
	kept := filepath.Join(os.TempDir(), fmt.Sprintf("kills-%d.case", seed))
	t.Errorf("seed %d: %d findings; the case is in %s: %v", seed, len(report.Findings), kept, c.Save(kept))
	return false
}
