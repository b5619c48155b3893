package crashpoint_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is released has no way of killing itself: neither the code nor the name of a step is in it.
func TestCrashpoints_AreInNoReleaseBuild(t *testing.T) {
	const step = "processor.closing.ended"
	const command = "github.com/cohortflow/cohortflow/services/processor/cmd/cohortflow-processor"
	build := func(tags string) (files string, found, hook bool) {
		t.Helper()
		list, err := exec.CommandContext(t.Context(), "go", "list", "-tags", tags, "-f", "{{.GoFiles}}", ".").Output()
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "processor")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-o", out, command)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("the processor cannot be built outside the workspace: %v\n%s", err, text)
		}
		binary, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", out).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(list), bytes.Contains(binary, []byte(step)), bytes.Contains(symbols, []byte("pkg/crashpoint"))
	}
	if files, found, hook := build(""); found || hook || strings.Contains(files, "armed.go") {
		t.Errorf("a release build has the hook: files %s, name of a step %v, symbols %v", files, found, hook)
	}
	if files, found, hook := build("crashpoints"); !found || !hook || !strings.Contains(files, "armed.go") {
		t.Errorf("a build with the tag has no hook, so this test looks for the wrong thing: files %s, name of a step %v, symbols %v", files, found, hook)
	}
}
