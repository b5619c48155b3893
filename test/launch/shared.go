package launch

import (
	"os"
	"path/filepath"
	"testing"
)

// Shared is the path of something in the folder of recorded data and expected answers
// that may lie beside the project. Where it is not, the test is skipped; with CI=true it fails.
func Shared(t testing.TB, name string) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(root), "shared", name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("recorded data: %v", err)
		}
		t.Skipf("recorded data is not beside the project: %v", err)
	}
	return path
}
