package cohortctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func lint(t *testing.T, l Lint) (out, said string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = l.Run(Streams{Out: &o, Err: &e})
	return o.String(), e.String(), err
}

func TestLint_TellsEveryFaultWithItsPlace(t *testing.T) {
	good := write(t, "good.yaml", withTests)
	bad := write(t, "bad.yaml", "version: 1\nevents: {view: {names: [v]}}\ncohorts:\n  - {key: c, when: {did: {event: veiw}}}\n  - {key: C, when: {did: {event: view}}}\n")
	out, said, err := lint(t, Lint{Files: []string{good, bad}})
	if !errors.Is(err, ErrFaults) {
		t.Errorf("got %v, want that there are faults", err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `bad.yaml:4:`) || !strings.Contains(lines[0], `error: `) || !strings.Contains(lines[0], `did you mean "view"?`) || !strings.Contains(lines[1], "bad.yaml:5:") {
		t.Errorf("faults: got\n%s", out)
	}
	if !strings.Contains(said, "good.yaml: catalogue ") {
		t.Errorf("got %q, want a word about the good one", said)
	}
	out, _, err = lint(t, Lint{Files: []string{bad}, JSON: true})
	var found []finding
	if json.Unmarshal([]byte(out), &found) != nil || !errors.Is(err, ErrFaults) || len(found) != 2 || found[0].Line != 4 || found[0].Severity != "error" {
		t.Errorf("as JSON: got %s and %v", out, err)
	}
	if out, _, err := lint(t, Lint{Files: []string{good}, JSON: true}); err != nil || out != "[]\n" {
		t.Errorf("a good one as JSON: got %q and %v, want an empty list", out, err)
	}
	long := write(t, "long.yaml", "version: 1\nevents: {view: {names: [v]}}\ncohorts:\n  - {key: c, when: {did: {event: view, within: 30d}}}\n")
	if out, _, err := lint(t, Lint{Files: []string{long}, LogRetention: 24 * time.Hour}); err != nil || !strings.Contains(out, "long.yaml:4:") || !strings.Contains(out, ": warning: ") {
		t.Errorf("a window longer than the log: got %q and %v, want a warning and no error", out, err)
	}
	if _, _, err := lint(t, Lint{Files: []string{"absent.yaml"}}); err == nil || errors.Is(err, ErrFaults) {
		t.Errorf("got %v, want that the file is not there", err)
	}
}
