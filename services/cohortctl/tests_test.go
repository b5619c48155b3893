package cohortctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const withTests = `version: 1
events: {order: {names: [order]}}
cohorts: [{key: recent, when: {did: {event: order, within: 1h}}}]
tests:
  - name: an hour and no longer
    events: [{person: ada, event: order, at: 0}]
    expect:
      - {person: ada, at: 59m, in: [recent]}
      - {person: ada, at: 1h, out: [recent]}
`

func TestTest_TellsWhatFailedAndWhere(t *testing.T) {
	good, bad := write(t, "good.yaml", withTests), write(t, "bad.yaml", strings.Replace(withTests, "59m", "61m", 1))
	tests := func(c Test) (out, said string, err error) {
		var o, e bytes.Buffer
		err = c.Run(Streams{Out: &o, Err: &e})
		return o.String(), e.String(), err
	}
	if out, said, err := tests(Test{Files: []string{good}}); err != nil || out != "" || !strings.Contains(said, "good.yaml: 1 tests, 0 failed") {
		t.Errorf("a good one: got %q, %q and %v", out, said, err)
	}
	out, said, err := tests(Test{Files: []string{good, bad}})
	if !errors.Is(err, ErrFailed) || !strings.Contains(out, "bad.yaml:8: an hour and no longer: ") || !strings.Contains(said, "1 failed") {
		t.Errorf("a bad one: got %q, %q and %v", out, said, err)
	}
	out, _, err = tests(Test{Files: []string{good, bad}, JSON: true})
	var all []tested
	if json.Unmarshal([]byte(out), &all) != nil || !errors.Is(err, ErrFailed) || len(all) != 2 || !all[0].Passed || all[1].Passed || all[1].Failures[0].Line != 8 {
		t.Errorf("as JSON: got %s and %v", out, err)
	}
	if _, _, err := tests(Test{Files: []string{write(t, "none.yaml", "version: 2\n")}}); err == nil || errors.Is(err, ErrFailed) {
		t.Errorf("a catalogue with faults: got %v, want its faults", err)
	}
}
