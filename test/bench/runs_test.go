package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// own starts a real pipeline on its embedded parts and returns options that measure it for a second.
func own(t *testing.T, kind setup) (options, *kafkaio.Client) {
	t.Helper()
	o := options{
		batch: 5, warmup: 200 * time.Millisecond, duration: time.Second, people: 60, explainPeople: 50, sweepPeople: 300,
		target: target{Key: "k", Partitions: 3},
	}
	end, err := ownStack(t.Context(), sideEmbedded, kind, &o.target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	client, err := kafkaio.Open(kafkaio.Config{Brokers: o.target.Brokers}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return o, client
}

// slowest, in ms, tells a measured time from a number that is none. It is no goal: a machine may
// stand still for seconds.
const slowest = 60_000

func TestMeasureLatency_FindsTheRecordOfEveryPurchase(t *testing.T) {
	o, client := own(t, setupUsual)
	o.duration, o.profile = 3*time.Second, t.TempDir()
	r, err := measureLatency(t.Context(), o, client, 200)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 600 || r.Missing != 0 || r.ToRecord.Count != 600 || r.ToRecord.P50 <= 0 || r.ToRecord.P50 > slowest || r.ToAnswer.Count != 120 {
		t.Errorf("got %+v, want 600 purchases, each with its record", r)
	}
	if profiles, err := filepath.Glob(filepath.Join(o.profile, "*.pprof")); err != nil || len(profiles) != 1 {
		t.Errorf("got the profiles %q, %v, want one", profiles, err)
	}
}

func TestMeasureSilent_FindsEveryExitAndRelease(t *testing.T) {
	o, client := own(t, setupUsual)
	r, err := measureSilent(t.Context(), o, client)
	if err != nil {
		t.Fatal(err)
	}
	if r.Missing != 0 || r.Early != 0 || r.Released != 60 || r.Exit.Count != 60 || r.Exit.P99 <= 0 || r.Exit.P99 > slowest {
		t.Errorf("got %+v, want 60 exits and releases, none early", r)
	}
}

func TestMeasureWithdrawal_FindsEveryExitAndReceipt(t *testing.T) {
	o, client := own(t, setupWithdrawal)
	r, err := measureWithdrawal(t.Context(), o, client, 100)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 100 || r.Missing != 0 || r.Untold != 0 || r.ToExit.Count != 100 || r.ToReceipt.Count != 100 || r.ToExit.P50 <= 0 || r.ToExit.P50 > slowest {
		t.Errorf("got %+v, want 100 withdrawals, each with exit and receipt", r)
	}
}

func TestMeasureErasure_FindsReleaseAndProof(t *testing.T) {
	o, client := own(t, setupUsual)
	r, err := measureErasure(t.Context(), o, client)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != eraseRate || r.Unreleased != 0 || r.Unproved != 0 || r.ToRelease.Count != eraseRate || r.ToAnswer.Count != eraseRate || r.ToProof.P50 <= 0 || r.ToProof.P50 > slowest {
		t.Errorf("got %+v, want %d erasures, each with release and proof", r, eraseRate)
	}
	o.target.EraseKey = ""
	if _, err := measureErasure(t.Context(), o, client); err == nil || !strings.Contains(err.Error(), "--erase-key") {
		t.Errorf("without a key: got %v", err)
	}
}

func TestMeasureIdentity_FindsTheRecordOfEveryAccount(t *testing.T) {
	o, client := own(t, setupUsual)
	r, err := measureIdentity(t.Context(), o, client)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != joinRate || r.Missing != 0 || r.ToRecord.Count != joinRate || r.ToEnter.Count != joinRate || r.ToRecord.P50 <= 0 || r.ToRecord.P50 > slowest {
		t.Errorf("got %+v, want %d guests, each with a record of the account", r, joinRate)
	}
}

func TestMeasureExplain_CountsAnswersAndErrors(t *testing.T) {
	o, client := own(t, setupUsual)
	r, err := measureExplain(t.Context(), o, client)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != explainRate || r.Errors != 0 || r.ToAnswer.Count != explainRate || r.Bytes < 500 || r.ToAnswer.P50 <= 0 || r.ToAnswer.P50 > slowest {
		t.Errorf("got %+v, want %d answers", r, explainRate)
	}
	o.target.Console += "/nowhere"
	if r, err = measureExplain(t.Context(), o, client); err != nil || r.Errors == 0 || r.ToAnswer.Count != 0 || !strings.Contains(r.Error, "404") {
		t.Errorf("at a wrong address: got %+v, %v, want errors", r, err)
	}
}

func TestMeasureSweep_TellsEverybodyOfTheNewCohort(t *testing.T) {
	o, client := own(t, setupSweep)
	o.profile = t.TempDir()
	r, err := measureSweep(t.Context(), o, client, 50)
	if err != nil {
		t.Fatal(err)
	}
	if r.Enter != 100 || r.Missing != 0 || r.Unsold != 0 || r.Seconds <= 0 || r.Swept <= 0 || r.Before.Count != 50 || r.During.Count == 0 || r.After.Count == 0 || r.During.P50 > slowest {
		t.Errorf("got %+v, want 100 entries, and purchases before, during and after", r)
	}
	if profiles, err := filepath.Glob(filepath.Join(o.profile, "sweep-*.pprof")); err != nil || len(profiles) != 1 {
		t.Errorf("got the profiles %q, %v, want one", profiles, err)
	}
	o.sweepPeople = 10
	if _, err := measureSweep(t.Context(), o, client, 50); err == nil || !strings.Contains(err.Error(), "--sweep-people") {
		t.Errorf("with too few people: got %v", err)
	}
	o.target.own = nil
	if _, err := measureSweep(t.Context(), o, client, 50); err == nil || !strings.Contains(err.Error(), "let the bench start one") {
		t.Errorf("with somebody else's pipeline: got %v", err)
	}
}
