package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

// What changes between catalogues.
const (
	ChangeNew     = "new"
	ChangeEdited  = "edited"
	ChangeFollows = "follows" // its own words stay, and something that it asks about is edited
	ChangeRemoved = "removed"
	ChangeSame    = "same"

	KindCohort = "cohort"
)

// Change is one entry of a catalogue that is new, other than before or no more.
type Change struct {
	Kind    string   `json:"kind"` // cohort, audience, event, group, consent, guardrails or deliver
	Key     string   `json:"key"`
	Change  string   `json:"change"`
	Details []string `json:"details"` // "when.did.within: 7d → 14d", in the words of the files
	// Decides says, of a cohort, that it decides otherwise, so that people are looked at anew.
	Decides bool `json:"decides_otherwise"`
}

// sections are the parts of a catalogue that are compared, in the order of telling.
var sections = []struct{ kind, name string }{ //nolint:gochecknoglobals // a table
	{KindCohort, "cohorts"},
	{"audience", "audiences"},
	{"event", "events"},
	{"group", "groups"},
	{"consent", "consent"},
	{"guardrails", "guardrails"},
	{"deliver", "deliver"},
}

// Differences tells what one catalogue says otherwise than another, entry by entry.
func Differences(old, next *catalogue.Catalogue) []Change {
	was, is := flattened(old.Text), flattened(next.Text)
	changed := old.Program.ChangedUnder(next.Program)
	list := []Change{}
	for _, section := range sections {
		before, after := was[section.name], is[section.name]
		keys := slices.Clone(after.keys)
		for _, key := range before.keys {
			if after.entries[key] == nil {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			c := Change{Kind: section.kind, Key: key, Details: []string{}, Decides: section.kind == KindCohort && slices.Contains(changed, key)}
			a, b := before.entries[key], after.entries[key]
			switch {
			case a == nil:
				c.Change = ChangeNew
			case b == nil:
				c.Change, c.Decides = ChangeRemoved, section.kind == KindCohort
			default:
				if c.Details = details(a, b); len(c.Details) > 0 {
					c.Change = ChangeEdited
				} else if c.Decides {
					c.Change, c.Details = ChangeFollows, []string{"something that it asks about is edited"}
				}
			}
			if c.Change != "" {
				list = append(list, c)
			}
		}
	}
	return append(list, derived(old, next, changed)...)
}

// derived tells of the cohorts that are made of audiences.
func derived(old, next *catalogue.Catalogue, changed []string) (list []Change) {
	has := func(c *catalogue.Catalogue, key string) bool {
		return slices.ContainsFunc(c.Cohorts, func(one catalogue.Cohort) bool { return one.Key == key })
	}
	for _, one := range next.Cohorts {
		switch {
		case !one.Audience:
		case !has(old, one.Key):
			list = append(list, Change{Kind: KindCohort, Key: one.Key, Change: ChangeNew, Details: []string{"it is made of the audience"}, Decides: true})
		case slices.Contains(changed, one.Key):
			list = append(list, Change{Kind: KindCohort, Key: one.Key, Change: ChangeFollows, Details: []string{"it is made of the audience"}, Decides: true})
		}
	}
	for _, one := range old.Cohorts {
		if one.Audience && !has(next, one.Key) {
			list = append(list, Change{Kind: KindCohort, Key: one.Key, Change: ChangeRemoved, Details: []string{"it was made of the audience"}, Decides: true})
		}
	}
	return list
}

// entries are those of a section, each as its values by their paths.
type entries struct {
	keys    []string
	entries map[string]map[string]string
}

// flattened takes a catalogue apart. It was read without a fault before: what this
// reader does not like is left out.
func flattened(text []byte) map[string]entries {
	var file map[string]any
	_ = yaml.Unmarshal(text, &file)
	all := map[string]entries{}
	for _, section := range sections {
		e := entries{entries: map[string]map[string]string{}}
		add := func(key string, value any) {
			flat := map[string]string{}
			flatten(flat, "", value)
			delete(flat, "key")
			e.keys, e.entries[key] = append(e.keys, key), flat
		}
		switch part := file[section.name].(type) {
		case []any:
			for _, one := range part {
				if entry, ok := one.(map[string]any); ok {
					add(fmt.Sprint(entry["key"]), entry)
				}
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(part)) {
				add(key, part[key])
			}
		}
		all[section.name] = e
	}
	return all
}

// flatten writes values by their paths. Lists of plain values are one value: people add
// to them and reorder them.
func flatten(to map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, part := range v {
			flatten(to, strings.TrimPrefix(path+"."+key, "."), part)
		}
	case []any:
		plain := !slices.ContainsFunc(v, func(part any) bool {
			switch part.(type) {
			case map[string]any, []any:
				return true
			}
			return false
		})
		if plain {
			texts := make([]string, len(v))
			for i := range v {
				texts[i] = fmt.Sprint(v[i])
			}
			to[path] = "[" + strings.Join(texts, ", ") + "]"
			return
		}
		for i, part := range v {
			flatten(to, fmt.Sprintf("%s[%d]", path, i), part)
		}
	default:
		to[path] = fmt.Sprint(v)
	}
}

// details tells what differs, by path.
func details(a, b map[string]string) []string {
	list := []string{}
	paths := slices.Sorted(maps.Keys(b))
	for path := range a {
		if _, ok := b[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		was, had := a[path]
		is, has := b[path]
		switch name := cmp.Or(path, "value"); {
		case !had:
			list = append(list, fmt.Sprintf("%s: %s (new)", name, is))
		case !has:
			list = append(list, fmt.Sprintf("%s: %s (gone)", name, was))
		case was != is:
			list = append(list, fmt.Sprintf("%s: %s → %s", name, was, is))
		}
	}
	return list
}
