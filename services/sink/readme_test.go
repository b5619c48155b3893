package sink_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/services/sink"
)

// The table of settings names every setting and its default.
func TestReadme_ListsEverySetting(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	var walk func(kind reflect.Type, prefix string)
	walk = func(kind reflect.Type, prefix string) {
		for field := range kind.Fields() {
			if field.Type.Kind() == reflect.Struct {
				walk(field.Type, field.Tag.Get("prefix"))
				continue
			}
			name := field.Tag.Get("name")
			if name == "" {
				name = prefix + kebab(field.Name)
			}
			row := "| `" + name + "` | "
			_, rest, found := strings.Cut(string(text), row)
			fallback := field.Tag.Get("default")
			if !found || !strings.HasPrefix(strings.TrimLeft(rest, "`"), fallback) {
				t.Errorf("README.md: no row %s%s", row, fallback)
			}
			checked++
		}
	}
	walk(reflect.TypeFor[sink.Config](), "")
	if checked < 15 {
		t.Errorf("only %d settings were found", checked)
	}
}

// kebab writes MaxAge as max-age and URL as url, as the flags do.
func kebab(name string) string {
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}
