package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every step kills its service once, at its first visit; the three services die side by side. What is in the topics
// afterwards is what it would have been.
func TestKills_EveryStepOnce(t *testing.T) {
	f := begin(t, nil)
	ctx := t.Context()
	living, silence := context.WithCancel(ctx)
	defer silence()
	people := newCrowd(f.url, uint64(time.Now().UnixNano()%1000), 24)
	var everybody sync.WaitGroup
	everybody.Go(func() { people.run(living) })

	var chains sync.WaitGroup
	for _, name := range serviceNames {
		chains.Go(func() {
			if err := f.services[name].stop(); err != nil {
				t.Error(err)
			}
			deaths, err := f.chain(ctx, name, stepsOf(name, ""))
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
	if !t.Failed() {
		f.judge(t, people)
	}
}

// judge wants that what is there in the end is what it would have been without any fault.
func (f *flow) judge(t *testing.T, people *crowd) {
	t.Helper()
	report, c, err := f.settled(t.Context(), people.acknowledged(), 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	report.Print(&table)
	t.Logf("sent: %v\n%s", people.counts, table.String())
	if !report.Sound() {
		kept := filepath.Join(os.TempDir(), fmt.Sprintf("kills-%d.case", people.seed))
		t.Errorf("seed %d: %d findings; the case is in %s: %v", people.seed, len(report.Findings), kept, c.Save(kept))
	}
	if n := report.Counts["transitions compared with the fold"]; n < 1000 {
		t.Errorf("%d transitions were compared: this judges little", n)
	}
}
