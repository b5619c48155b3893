package state

import (
	"context"
	"errors"
	"testing"
	"time"
)

type offsets struct {
	calls int
	end   int64
	err   error
}

func (o *offsets) Offsets(context.Context, string, int32) (int64, int64, error) {
	o.calls++
	return 0, o.end, o.err
}

func TestEnds_AskAtMostTwiceASecondAndWaitForNobody(t *testing.T) {
	now := time.Unix(0, 0)
	log := &offsets{end: 7}
	e := NewEnds(log, 2, func() time.Time { return now })
	want := func(end int64, known bool, calls int) {
		t.Helper()
		got, ok := e.Of(t.Context(), 1)
		if got != end && known || ok != known || log.calls != calls {
			t.Errorf("got %d, known %t after %d calls; want %d, %t after %d", got, ok, log.calls, end, known, calls)
		}
	}
	want(7, true, 1)
	log.end = 9
	want(7, true, 1)
	now = now.Add(endFresh)
	want(9, true, 2)
	log.err = errors.New("away")
	now = now.Add(endFresh)
	want(0, false, 3)
	want(0, false, 3)
	now, log.err = now.Add(endBackoff), nil
	want(9, true, 4)
}
