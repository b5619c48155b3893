package audit

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// document is what an audit reads of a catalogue, as it stands in the log.
type document struct {
	Events     map[string]occurrence `yaml:"events"`
	Cohorts    []definition          `yaml:"cohorts"`
	Groups     []any                 `yaml:"groups"`
	Guardrails map[string]any        `yaml:"guardrails"`
	Audiences  []audience            `yaml:"audiences"`
	Deliver    struct {
		SalesWings struct {
			Cohorts []string `yaml:"cohorts"`
		} `yaml:"saleswings"`
	} `yaml:"deliver"`
}

type occurrence struct {
	Names  []string `yaml:"names"`
	Kinds  []string `yaml:"kinds"`
	Source string   `yaml:"source"`
	Where  string   `yaml:"where"`
}

type definition struct {
	Key      string         `yaml:"key"`
	When     map[string]any `yaml:"when"`
	Enter    map[string]any `yaml:"enter"`
	Stay     map[string]any `yaml:"stay"`
	Dwell    string         `yaml:"dwell"`
	LookBack string         `yaml:"look_back"`
	Replay   string         `yaml:"replay"`
}

type audience struct {
	Key       string   `yaml:"key"`
	Cohort    string   `yaml:"cohort"`
	Mode      string   `yaml:"mode"`
	Consent   string   `yaml:"consent"`
	Platforms []string `yaml:"platforms"`
}

// rule is one cohort whose definition the audit understands.
type rule struct {
	key         string
	enter, stay question
	path        bool     // staying asks something else than entering: how somebody stands depends on the way there
	events      []string // keys of the events that it asks about
	spans       []int64  // ms after an event at which its answer may change
}

// question says whether a condition holds at an instant, given all that happened up to then.
type question func(h *history, t int64) bool

func readDocument(text string) (*document, error) {
	var d document
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return &d, nil
}

// rules compiles the cohorts that it understands, and names the others with the reason.
func (d *document) rules() (rules []*rule, left []string) {
	for i := range d.Cohorts {
		c := &d.Cohorts[i]
		r, err := d.rule(c)
		if err != nil {
			left = append(left, fmt.Sprintf("cohort %s: %v", c.Key, err))
			continue
		}
		rules = append(rules, r)
	}
	return rules, left
}

func (d *document) rule(c *definition) (*rule, error) {
	if c.Dwell != "" || c.LookBack != "" || c.Replay != "" || len(d.Guardrails) > 0 || len(d.Groups) > 0 {
		return nil, fmt.Errorf("it has a dwell, guardrails or a group")
	}
	r := &rule{key: c.Key}
	enter, stay := c.Enter, c.Stay
	r.path = c.When == nil
	if c.When != nil {
		enter, stay = c.When, c.When
	}
	var err error
	if r.enter, err = d.condition(r, enter); err != nil {
		return nil, err
	}
	if r.stay, err = d.condition(r, stay); err != nil {
		return nil, err
	}
	slices.Sort(r.events)
	r.events = slices.Compact(r.events)
	slices.Sort(r.spans)
	r.spans = slices.Compact(r.spans)
	return r, nil
}

// condition turns the words of a condition into a question about a whole history.
func (d *document) condition(r *rule, c map[string]any) (question, error) {
	if len(c) != 1 {
		return nil, fmt.Errorf("a condition has %d words", len(c))
	}
	word := slices.Collect(maps.Keys(c))[0]
	switch word {
	case "not":
		of, err := d.condition(r, asMap(c[word]))
		return func(h *history, t int64) bool { return !of(h, t) }, err
	case "all", "any":
		list, ok := c[word].([]any)
		if !ok {
			return nil, fmt.Errorf("%s is no list", word)
		}
		parts := make([]question, len(list))
		for i := range list {
			var err error
			if parts[i], err = d.condition(r, asMap(list[i])); err != nil {
				return nil, err
			}
		}
		all := word == "all"
		return func(h *history, t int64) bool {
			for _, p := range parts {
				if p(h, t) != all {
					return !all
				}
			}
			return all
		}, nil
	case "did", "did_not", "silent", "quiet":
		return d.leaf(r, word, asMap(c[word]))
	default:
		return nil, fmt.Errorf("it asks %q, which is beyond this audit", word)
	}
}

func (d *document) leaf(r *rule, word string, c map[string]any) (question, error) {
	event, least := "", 1
	var length int64
	var breakers []string
	for name, v := range c {
		var err error
		switch name {
		case "event":
			event, _ = v.(string)
		case "at_least":
			least, err = strconv.Atoi(fmt.Sprint(v))
		case "within", "for":
			length, err = milliseconds(fmt.Sprint(v))
		case "none_of":
			list, _ := v.([]any)
			for _, b := range list {
				breakers = append(breakers, fmt.Sprint(b))
			}
		default:
			err = fmt.Errorf("%s says %q, which is beyond this audit", word, name)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, e := range append([]string{event}, breakers...) {
		o, known := d.Events[e]
		if !known || o.Where != "" {
			return nil, fmt.Errorf("its event %q is unknown or narrowed", e)
		}
		r.events = append(r.events, e)
	}
	if length > 0 {
		r.spans = append(r.spans, length)
	}
	unbroken := func(h *history, since, t int64) bool {
		for _, b := range breakers {
			if at, ok := h.newest(b, 1, t); ok && at >= since {
				return false
			}
		}
		return true
	}
	switch word {
	case "did", "did_not":
		is := word == "did"
		return func(h *history, t int64) bool {
			at, ok := h.newest(event, least, t)
			return (ok && (length == 0 || t-at < length) && unbroken(h, at, t)) == is
		}, nil
	default: // silent and quiet
		return func(h *history, t int64) bool {
			at, ok := h.newest(event, 1, t)
			return ok && t-at >= length && unbroken(h, at, t)
		}, nil
	}
}

// names lists the events of the catalogue that a record is one of.
func (d *document) names(e *eventRecord) (keys []string) {
	for key, o := range d.Events {
		kinds := o.Kinds
		if len(kinds) == 0 {
			kinds = []string{"track"}
		}
		if slices.Contains(kinds, e.Kind) && (len(o.Names) == 0 || slices.Contains(o.Names, text(e.Name))) && (o.Source == "" || o.Source == e.Source) {
			keys = append(keys, key)
		}
	}
	return keys
}

// same says whether a cohort means the same in two catalogues.
func (d *document) same(other *document, key string) bool {
	find := func(d *document) *definition {
		for i := range d.Cohorts {
			if d.Cohorts[i].Key == key {
				return &d.Cohorts[i]
			}
		}
		return nil
	}
	a, b := find(d), find(other)
	if a == nil || b == nil || !reflect.DeepEqual(a, b) {
		return false
	}
	r, err := d.rule(a)
	if err != nil {
		return false
	}
	for _, e := range r.events {
		if !reflect.DeepEqual(d.Events[e], other.Events[e]) {
			return false
		}
	}
	return true
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// milliseconds reads a duration of the catalogue: whole numbers with units, the largest first.
func milliseconds(text string) (int64, error) {
	units := []struct {
		name string
		ms   int64
	}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}
	var total int64
	for rest := text; rest != ""; {
		digits := strings.TrimLeft(rest, "0123456789")
		n, err := strconv.ParseInt(rest[:len(rest)-len(digits)], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("duration %q", text)
		}
		found := false
		for _, u := range units {
			after, ok := strings.CutPrefix(digits, u.name)
			if ok && (after == "" || after[0] >= '0' && after[0] <= '9') {
				total, rest, found = total+n*u.ms, after, true
				break
			}
		}
		if !found {
			return 0, fmt.Errorf("duration %q", text)
		}
	}
	return total, nil
}
