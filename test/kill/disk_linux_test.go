package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/checker/audit"
	"github.com/cohortflow/cohortflow/test/launch"
)

// smallDisk gives a folder that is a disk of 32 MiB of its own. Only root may have one.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a small disk: %v; run as root", err)
		}
		t.Skipf("mount a small disk: %v; only root may", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill takes what is left of a disk, to the last byte.
func fill(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for size := 1 << 16; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// wholeFlow is the standalone over a data folder, with a broker and a Redis of its own, and no destination but topics.
func wholeFlow(t *testing.T, data string) *flow {
	t.Helper()
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "cohortflow")
	build := exec.Command("go", "build", "-o", binary, "./services/standalone/cmd/cohortflow")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the standalone: %v\n%s", err, out)
	}
	ports, err := freePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(t.TempDir(), "catalogue.yaml")
	if err := os.WriteFile(rules, []byte(catalogue), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &flow{url: "http://" + ports[1], kafka: &launch.Broker{Addr: ports[2]}}
	f.services = map[string]*service{"standalone": {
		name: "standalone", binary: binary, admin: ports[0], log: filepath.Join(t.TempDir(), "standalone.log"),
		args: []string{
			"--data-dir", data, "--http", ports[1], "--kafka-listen", ports[2], "--registry-listen", ports[3], "--console-listen", ports[4],
			"--partitions", fmt.Sprint(partitions), "--seal-secret", secret, "--pipelines-write-keys", writeKey, "--erase-keys", eraseKey, "--catalogue", rules,
		},
	}}
	t.Cleanup(func() {
		s := f.services["standalone"]
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if said := s.said(); t.Failed() {
			t.Logf("the end of the standalone:\n%s", said[max(0, len(said)-3_000):])
		}
	})
	return f
}

// answers waits until ingest answers everybody with success, or while there is no room somebody with 503: a partition
// whose last block has room still takes what fits.
func (f *flow) answers(ctx context.Context, room bool) error {
	return poll(ctx, patience, func() error {
		statuses, err := f.offers(ctx)
		if err != nil {
			return err
		}
		good, refused := statuses[http.StatusOK], statuses[http.StatusServiceUnavailable]
		if good+refused != offered || room != (refused == 0) {
			return fmt.Errorf("with room %t ingest answers %v", room, statuses)
		}
		return nil
	})
}

// The embedded broker's disk runs full, is given room, runs full again and the process dies of it.
func TestDisk_FullLosesNothingThatWasAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	t.Parallel() // it waits more than it works
	disk := smallDisk(t)
	f := wholeFlow(t, filepath.Join(disk, "data"))
	filler := filepath.Join(disk, "filler")
	ctx := t.Context()
	if err := errors.Join(f.start("standalone"), f.services["standalone"].ready(ctx, patience)); err != nil {
		t.Fatal(err)
	}
	people, silence := f.live(t)
	step := func(what string, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	step("room", f.answers(ctx, true), pause(ctx, 2*time.Second))
	step("the disk is full", fill(filler), f.answers(ctx, false), pause(ctx, 3*time.Second))
	s := f.services["standalone"]
	if status, text, err := s.readyz(ctx); err != nil || status != http.StatusServiceUnavailable || !strings.Contains(text, "no space left") {
		t.Errorf("on a full disk /readyz says %d %s %v", status, text, err)
	}
	step("there is room again", os.Remove(filler))
	if !s.ended(ctx, patience) || !strings.Contains(s.said(), "there is room again: start anew") {
		t.Fatalf("with room again it does not end to be started anew:\n%s", s.said()[max(0, len(s.said())-2_000):])
	}
	step("it is started anew", f.start("standalone"), s.ready(ctx, patience), f.answers(ctx, true), pause(ctx, 2*time.Second))
	step("it is full again, and the process dies", fill(filler), f.answers(ctx, false), s.kill())
	step("it is started on the full disk", f.start("standalone"), pause(ctx, 3*time.Second))
	step("and killed, and started with room", s.kill(), os.Remove(filler), f.start("standalone"),
		s.ready(ctx, patience), f.answers(ctx, true), pause(ctx, 2*time.Second))
	silence()

	var report *audit.Report
	if err := poll(ctx, patience, func() error {
		books, err := audit.Read(ctx, kgo.SeedBrokers(f.brokers()...))
		if err != nil {
			return err
		}
		if report, err = audit.Run(books, audit.Options{Complete: true, Acknowledged: people.acknowledged()}); err != nil {
			return err
		}
		if !report.Sound() {
			return fmt.Errorf("%v", report.Findings)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	report.Print(&table)
	t.Logf("sent: %v\n%s", people.counts, table.String())
	if len(people.acknowledged()) == 0 || report.Counts["transitions, enter"] == 0 {
		t.Errorf("nothing happened in %s", schemas.EventsTopic)
	}
}
