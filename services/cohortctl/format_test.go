package cohortctl

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

func TestFormat_WritesTheOneFormAndChecks(t *testing.T) {
	const text = "# ours\ncohorts:   [{key: c, when: {did: {event: v}}}]\nevents: {v: {names: [v]}}\nversion: 1\n"
	path := write(t, "c.yaml", text)
	format := func(f Format) (string, error) {
		var out bytes.Buffer
		err := f.Run(Streams{Out: &out, Err: &out})
		return out.String(), err
	}
	if out, err := format(Format{Files: []string{path}, Check: true}); !errors.Is(err, ErrUnformatted) || out != path+"\n" {
		t.Errorf("check: got %q and %v, want the file named", out, err)
	}
	if now, _ := os.ReadFile(path); string(now) != text {
		t.Errorf("check has written: %s", now)
	}
	if out, err := format(Format{Files: []string{path}}); err != nil || out != path+"\n" {
		t.Errorf("got %q and %v, want the file named", out, err)
	}
	formed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := catalogue.Format([]byte(text)); !bytes.Equal(formed, want) || !strings.Contains(string(formed), "# ours") {
		t.Errorf("got\n%swant\n%s", formed, want)
	}
	if out, err := format(Format{Files: []string{path}, Check: true}); err != nil || out != "" {
		t.Errorf("once more: got %q and %v, want nothing to do", out, err)
	}
	bad := write(t, "bad.yaml", "a: [1\n")
	if _, err := format(Format{Files: []string{bad}}); err == nil || !strings.Contains(err.Error(), "bad.yaml:") {
		t.Errorf("no YAML: got %v, want the place", err)
	}
}
