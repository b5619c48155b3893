package delivery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func enter(t *testing.T, g *Gate, repeat bool) func(bool) {
	t.Helper()
	done, err := g.Enter(t.Context(), repeat)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestGate_OpensTheBreakerAndTriesOneRequestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(GateConfig{FailuresInRow: 3, OpenFor: 8 * time.Second, Rate: 1000})
		for range 3 {
			enter(t, g, false)(false)
		}
		if g.Open() {
			t.Fatal("three failures in a row left it open")
		}
		start := time.Now()
		probe := enter(t, g, false)
		if waited := time.Since(start); waited < 8*time.Second || waited > 11*time.Second {
			t.Errorf("the probe went out after %v, want about 8 s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Enter(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second request beside the probe: %v", err)
		}
		probe(true)
		start = time.Now()
		enter(t, g, false)(true)
		if waited := time.Since(start); waited > 0 {
			t.Errorf("waited %v after a good probe", waited)
		}
	})
}

func TestGate_KeepsRetryAfterRateAndBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(GateConfig{Rate: 10, RetryRate: 1})
		start := time.Now()
		g.Close(30 * time.Second)
		g.Close(time.Second) // the longer one counts
		enter(t, g, false)(true)
		if waited := time.Since(start); waited != 30*time.Second {
			t.Errorf("passed after %v, want 30 s", waited)
		}
		start = time.Now()
		for range 50 {
			enter(t, g, false)(true)
		}
		if took := time.Since(start); took < 4*time.Second {
			t.Errorf("50 requests at 10/s took %v", took)
		}
		start = time.Now()
		for range 12 {
			enter(t, g, true)(true)
		}
		if took := time.Since(start); took < 10*time.Second {
			t.Errorf("12 repeats at 1/s took %v", took)
		}
	})
}

func TestGate_BackoffGrowsToItsBoundWithFullJitter(t *testing.T) {
	g := NewGate(GateConfig{Backoff: 100 * time.Millisecond, MaxBackoff: time.Second})
	for attempts, bound := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond, 5: time.Second, 500: time.Second} {
		var most time.Duration
		least := bound
		for range 500 {
			w := g.Wait(attempts)
			most, least = max(most, w), min(least, w)
		}
		if most > bound || most < bound/2 || least > bound/4 {
			t.Errorf("after %d: waits from %v to %v, want all of (0, %v]", attempts, least, most, bound)
		}
	}
}
