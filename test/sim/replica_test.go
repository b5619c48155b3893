package main

import (
	"testing"

	"github.com/cohortflow/cohortflow/test/contract"
)

// What is not on all replicas is neither acknowledged nor read, and the next leader may not have it:
// then it is written anew, and who sends it again is taken for one who sends the next.
func TestBroker_OnlyWhatAllReplicasHaveIsThere(t *testing.T) {
	b := newSimBroker(t)
	p := b.TakeEpoch(0)
	for seq := range int32(2) {
		if offset, code := b.Append(0, contract.Batch{By: p, Seq: seq, Values: []string{"kept"}}); offset != int64(seq) || code != contract.OK {
			t.Fatalf("append %d: %d, %v", seq, offset, code)
		}
	}
	of, acknowledged, lost := b.topic(0), 0, 0
	b.w.slowReplicas = 1000 * hour
	for seq := int32(2); of.high == of.end(); seq++ { // until a batch is one of those that take long
		offset, v := b.w.append(of, p, seq, []record{{value: []byte("new"), stamp: b.w.now}})
		if v != appended {
			t.Fatalf("append %d: verdict %v", seq, v)
		}
		b.w.whenHigh(of, offset+1, func() { acknowledged++ }, func() { lost++ })
		b.pass(10)
	}
	high, end, told := of.high, of.end(), acknowledged
	if f := b.Read(0, high-1); f.High != high || len(f.Records) != 1 {
		t.Errorf("a reader gets %d records up to %d, want one up to %d", len(f.Records), f.High, high)
	}
	if f := b.Read(0, end); f.Code != contract.OK || len(f.Records) != 0 {
		t.Errorf("the end of the leader's log answers %v with %d records, want none", f.Code, len(f.Records))
	}
	b.w.elect(of, 0)
	b.pass(10)
	if acknowledged != told || lost != 1 {
		t.Errorf("%d acknowledged and %d lost, want %d and 1", acknowledged, lost, told)
	}
	if f := b.Read(0, end); f.Code != contract.OutOfRange {
		t.Errorf("what is lost answers %v, want out of range", f.Code)
	}
	b.w.slowReplicas = 0
	last := int32(high - 1)
	if _, code := b.Append(0, contract.Batch{By: p, Seq: last + 2, Values: []string{"next"}}); code != contract.Disorder {
		t.Errorf("the batch after the lost one: %v, want disorder", code)
	}
	if offset, code := b.Append(0, contract.Batch{By: p, Seq: last + 1, Values: []string{"again"}}); offset != high || code != contract.OK {
		t.Errorf("the lost one again: %d, %v, want %d", offset, code, high)
	}
	if offset, code := b.Append(0, contract.Batch{By: p, Seq: last, Values: []string{"kept"}}); offset != high-1 || code != contract.OK {
		t.Errorf("one from before, again: %d, %v, want %d", offset, code, high-1)
	}
}
