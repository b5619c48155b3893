package security

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/test/launch"
)

// document is docs/security.md.
func document(t *testing.T) string {
	t.Helper()
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// named are the rows of the table: a line of the checklist, what holds, and the tests that show it.
var (
	named   = regexp.MustCompile(`(?m)^\| (S[0-9]{2}) \| (.*) \| (.*) \| (.*) \|$`)
	aTest   = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	defined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

func TestDocument_NamesTestsThatExist(t *testing.T) {
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	for _, room := range []string{"pkg", "services", "schemas", "deploy", "test"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "node_modules" || path == filepath.Join(root, "test", "build")):
				return filepath.SkipDir
			case !strings.HasSuffix(path, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			for _, m := range defined.FindAllSubmatch(text, -1) {
				exist[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	text := document(t)
	for _, m := range aTest.FindAllStringSubmatch(text, -1) {
		if !exist[m[1]] {
			t.Errorf("docs/security.md names the test %s, which does not exist", m[1])
		}
	}
	rows := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		if rows[m[1]] {
			t.Errorf("%s stands twice", m[1])
		}
		rows[m[1]] = true
		if !aTest.MatchString(m[4]) && !strings.Contains(m[4], "not covered") && !strings.Contains(m[4], "`make ") {
			t.Errorf("%s names no test, and does not say that it is not covered", m[1])
		}
	}
	for i := 1; i <= 50; i++ {
		if id := fmt.Sprintf("S%02d", i); !rows[id] {
			t.Errorf("%s has no row", id)
		}
	}
}
