package partition

import "testing"

// A second record that says that cohorts are known in full may come while the sweep of the first one goes on. It
// would begin that one anew; it is passed over, and asked for again when everybody has been told.
func TestWarmed_WaitsForTheSweepUnderWay(t *testing.T) {
	program := testProgram(t)
	until := map[string]int64{"buyer": 10}
	m := &Machine{program: program.WithWarming(until), changed: Change{Warming: until}, sweep: 3, swept: 3}
	m.warmed(20)
	if m.sweep != 3 || m.changed.Warming["buyer"] != 10 {
		t.Fatalf("the sweep is at %d, warming is %v", m.sweep, m.changed.Warming)
	}
	m.sweep = sweepIdle
	m.warmed(20)
	if _, left := m.changed.Warming["buyer"]; left || m.sweep != 0 {
		t.Errorf("when the other sweep is over: the sweep is at %d, warming is %v", m.sweep, m.changed.Warming)
	}
}
