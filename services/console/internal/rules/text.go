package rules

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

// words are the parts of a cohort that are its rule, and of an audience those that
// make a cohort of it.
var (
	words         = []string{"when", "enter", "stay", "dwell", "look_back", "replay"} //nolint:gochecknoglobals // a table
	audienceWords = []string{"cohort", "when", "consent"}                             //nolint:gochecknoglobals // a table
)

// texts cuts the rules out of the catalogue's own text, so that people see the words
// that somebody wrote and not ours.
func texts(c *catalogue.Catalogue) map[string]string {
	var file struct {
		Cohorts   []yaml.MapSlice `yaml:"cohorts"`
		Audiences []yaml.MapSlice `yaml:"audiences"`
	}
	// It was read without a fault before; what this reader does not like has no text.
	if err := yaml.UnmarshalWithOptions(c.Text, &file, yaml.UseOrderedMap()); err != nil {
		return nil
	}
	list := make(map[string]string, len(file.Cohorts))
	add := func(entries []yaml.MapSlice, words []string) {
		for _, e := range entries {
			key, rule := "", yaml.MapSlice{}
			for _, item := range e {
				name, _ := item.Key.(string)
				if name == "key" {
					key, _ = item.Value.(string)
				}
				if slices.Contains(words, name) {
					rule = append(rule, item)
				}
			}
			text, err := yaml.MarshalWithOptions(rule, yaml.Indent(2), yaml.IndentSequence(true))
			if err == nil && list[key] == "" && len(rule) > 0 {
				list[key] = strings.TrimSpace(string(text))
			}
		}
	}
	add(file.Cohorts, words)
	add(file.Audiences, audienceWords)
	return list
}
