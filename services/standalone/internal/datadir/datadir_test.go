package datadir

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen_OneProcessAndOneClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow")
	wall := Settings{Clock: "wall", Partitions: 12}
	d, err := Open(path, wall)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, wall); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second opening: got %v, want a refusal that says why", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]Settings{
		"--clock wall":    {Clock: "events", Partitions: 12},
		"--partitions 12": {Clock: "wall", Partitions: 6},
	} {
		if _, err := Open(path, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error that names %q", s, err, want)
		}
	}
	d, err = Open(path, wall)
	if err != nil {
		t.Fatalf("the same settings again: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
