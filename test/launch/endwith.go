package launch

import "testing"

// endWith ends a member with the test, and prints the end of its log when the test has failed.
func endWith(t testing.TB, name string, m *member) {
	t.Helper()
	t.Cleanup(func() {
		if err := m.end(); err != nil {
			t.Errorf("end %s: %v", name, err)
		}
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", name, m.tail(60))
		}
	})
}
