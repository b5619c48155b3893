package main

import "testing"

// Three brokers, every record on each: whatever may happen to them happens.
func TestBrokers_FailInEveryWay(t *testing.T) {
	f := beginOn(t, t.TempDir(), parts{cluster: true})
	for _, name := range []string{"processor", "sink"} {
		if err := f.twin(name); err != nil {
			t.Fatal(err)
		}
	}
	faults := f.brokerFaults()
	if *long {
		faults = append(faults, f.slowBrokerFaults()...)
	}
	f.endure(t, faults)
}
