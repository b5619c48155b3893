package house

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elsewhere are flags of tools that documents speak of.
var elsewhere = map[string]bool{"exit": true, "people": true, "seed": true}

var quotedFlag = regexp.MustCompile("`--(?:no-)?([a-z][a-z0-9-]*)")

func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", "services/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, name)
		}
	}
	if len(all) < 10 {
		t.Fatalf("found only %v", all)
	}
	return all
}

func TestDocuments_NameSettingsThatExist(t *testing.T) {
	flags, names := map[string]bool{}, map[string]bool{}
	for service := range commands {
		c := of(t, service)
		for flag := range c.flags {
			flags[flag] = true
		}
		for name := range c.names {
			names[name] = true
		}
	}
	for _, path := range documents(t) {
		text := read(t, path)
		for _, m := range quotedFlag.FindAllStringSubmatch(text, -1) {
			if !flags[m[1]] && !elsewhere[m[1]] {
				t.Errorf("%s speaks of --%s, which no command has", path, m[1])
			}
		}
		for _, name := range variable.FindAllString(text, -1) {
			if !names[name] {
				t.Errorf("%s speaks of %s, which no command has", path, name)
			}
		}
	}
}

// link is a relative link in Markdown.
var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func TestDocuments_LinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			target := filepath.Join(root, filepath.Dir(path), m[1])
			if found, err := filepath.Glob(strings.TrimSuffix(target, "/")); err != nil || len(found) == 0 {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
			checked++
		}
	}
	if checked < 10 {
		t.Errorf("found only %d links", checked)
	}
}
