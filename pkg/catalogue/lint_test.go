package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
)

// Each rule finds what it is for, at its place, and nothing more.
func TestLint_FindsEachMistake(t *testing.T) {
	const head = "version: 1\nevents: {order: {names: [order]}, view: {names: [view]}}\nconsent: {ads: {attribute: ads}}\ncohorts:\n" +
		"  - {key: base, when: {any: [{did: {event: order, within: 1d}}, {did: {event: view, within: 1d}}]}}\n"
	for name, c := range map[string]struct {
		text string
		want []string // line:column rule
	}{
		"nothing":           {"", nil},
		"ever":              {"  - {key: a, when: {did: {event: order}}}", []string{"6:5 no-exit"}},
		"ever, all":         {"  - {key: a, when: {all: [{did: {event: order}}, {sum: {event: view, property: x, at_least: 1}}]}}", []string{"6:5 no-exit"}},
		"ever, stay":        {"  - {key: a, enter: {did: {event: order, within: 1d}}, stay: {did: {event: order}}}", []string{"6:5 no-exit"}},
		"ever, by another":  {"  - {key: a, when: {did: {event: order}}}\n  - {key: b, when: {member: a}}", []string{"6:5 no-exit", "7:5 no-exit"}},
		"not ever":          {"  - {key: a, when: {all: [{did: {event: order}}, {did: {event: view, within: 1d}}]}}", nil},
		"not ever, none_of": {"  - {key: a, when: {did: {event: order, none_of: [view]}}}", nil},
		"not ever, a group": {"  - {key: a, when: {did: {event: order}}}\ngroups: [{key: g, cohorts: [base, a]}]", nil},
		"long window":       {"  - {key: a, when: {did: {event: order, within: 31d}}}", []string{"6:41 beyond-retention"}},
		"long window, not":  {"  - {key: a, when: {did_not: {event: order, within: 31d}}}", []string{"6:45 beyond-retention"}},
		"long pause":        {"  - {key: a, when: {quiet: {event: order, for: 5w}}}", []string{"6:43 beyond-retention"}},
		"outranked":         {"  - {key: a, when: {did: {event: order, within: 2d}}}\n  - {key: b, when: {did: {event: order, within: 1d, at_least: 2}}}\ngroups: [{key: g, cohorts: [a, b]}]", []string{"8:32 outranked"}},
		"outranked, no":     {"  - {key: a, when: {did: {event: order, within: 2d}}}\n  - {key: b, when: {did: {event: order, within: 1d, at_least: 2}}}\ngroups: [{key: g, cohorts: [b, a]}]", nil},
		"no gate":           {"audiences: [{key: x, cohort: base, mode: target, platforms: [x]}]", []string{"6:13 no-consent"}},
		"a gate":            {"audiences: [{key: x, cohort: base, consent: ads, mode: target, platforms: [x]}]", nil},
		"no basis":          {"audiences: [{key: x, cohort: base, mode: exclude, platforms: [x], reason: CUSTOMER}]", []string{"6:13 no-lawful-basis"}},
		"a basis":           {"audiences: [{key: x, cohort: base, mode: exclude, platforms: [x], reason: CUSTOMER, lawful_basis: consent}]", nil},
		"both ways":         {"audiences: [{key: x, cohort: base, mode: exclude, platforms: [x, meta], reason: MANUAL}, {key: y, cohort: base, mode: target, platforms: [x]}]", []string{"6:90 no-consent", "6:90 both-ways"}},
		"within in vain":    {"  - {key: a, when: {all: [{did: {event: order, within: 7d}}, {did: {event: order, within: 1d}}]}}", []string{"6:27 no-effect"}},
		"any in vain":       {"  - {key: a, when: {any: [{did: {event: order, within: 7d}}, {did: {event: order, within: 1d}}]}}", []string{"6:62 no-effect"}},
		"twice":             {"  - {key: a, when: {all: [{did: {event: order, within: 7d}}, {did: {event: order, within: 7d}}]}}", []string{"6:62 no-effect"}},
		"contradiction":     {"  - {key: a, when: {all: [{did: {event: order, within: 1d}}, {did_not: {event: order, within: 7d}}]}}", []string{"6:27 never-true"}},
		"no contradiction":  {"  - {key: a, when: {all: [{did: {event: order, within: 7d}}, {did_not: {event: order, within: 1d}}]}}", nil},
		"attribute in vain": {"  - {key: a, when: {attribute: 'attributes.plan == \"a\" && attributes.plan == \"b\"'}}", []string{"6:21 never-true"}},
		"outranked, unlike": {"  - {key: a, when: {did: {event: order, within: 2d}}, look_back: 2d}\n  - {key: b, when: {did: {event: order, within: 1d, at_least: 2}}}\ngroups: [{key: g, cohorts: [a, b]}]", nil},
		"outranked, replay": {"  - {key: a, when: {did: {event: order, within: 2d}}}\n  - {key: b, when: {did: {event: order, within: 1d, at_least: 2}}, replay: ignore}\ngroups: [{key: g, cohorts: [a, b]}]", nil},
		"outranked, alike":  {"  - {key: a, when: {did: {event: order, within: 2d}}, look_back: 2d}\n  - {key: b, when: {did: {event: order, within: 1d, at_least: 2}}, look_back: 2d}\ngroups: [{key: g, cohorts: [a, b]}]", []string{"8:32 outranked"}},
		"retries lost":      {"  - {key: a, when: {did: {event: order, within: 1d}}, look_back: 119m}", []string{"6:55 short-look-back"}},
		"retries taken":     {"  - {key: a, when: {did: {event: order, within: 1d}}, look_back: 2h}", nil},
		"retries of all":    {"  - {key: a, when: {did: {event: order, within: 1d}}}\nguardrails: {look_back: 1h}", []string{"7:14 short-look-back"}},
		"retries of others": {"  - {key: a, when: {did: {event: order, within: 1d}}, look_back: 30m}\nguardrails: {look_back: 2d}", []string{"6:55 short-look-back"}},
		"holds nothing":     {"  - {key: a, when: {not: {member: base}}, look_back: 2d, replay: ignore}", []string{"6:43 no-effect", "6:58 no-effect"}},
		"holds something":   {"  - {key: a, when: {all: [{not: {member: base}}, {any: [{not: {silent: {event: order, for: 1d}}}]}]}, look_back: 2d}", nil},
		"where in vain":     {"  - {key: a, when: {did: {event: order, within: 1d, where: properties.a > 2 && properties.a < 1}}}", []string{"6:53 never-true"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, w := range Lint(load(t, "x.yaml", []byte(head+c.text+"\n")), Options{Retention: 30 * 86_400_000}) {
				got = append(got, fmt.Sprintf("%d:%d %s", w.Line, w.Column, w.Rule))
				if w.Message == "" || w.File != "x.yaml" {
					t.Errorf("a warning without a message or a file: %+v", w)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLint_LooksAtEvents(t *testing.T) {
	c := load(t, "x.yaml", []byte(`version: 1
events:
  a: {names: [x, y]}
  b: {names: [z, x]}
  c: {names: [x], kinds: [page]}
  d: {names: [y], where: properties.test == true}
cohorts:
  - {key: k, when: {did: {event: a, within: 1d, none_of: [b]}}}
`))
	var got []string
	for _, w := range Lint(c, Options{}) {
		got = append(got, w.String())
	}
	want := []string{
		`x.yaml:4:18: "x" is event "a" too: each such message counts as both; remove it from one of them`,
		`x.yaml:5:3: no condition asks about event "c": remove it, or the cohort that needs it is missing`,
		`x.yaml:6:3: no condition asks about event "d": remove it, or the cohort that needs it is missing`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The default catalogue leaves one thing to whoever installs it: the ground of uploads.
func TestLint_DefaultSaysAllButItsGround(t *testing.T) {
	for _, w := range Lint(load(t, catalogues.DefaultName, catalogues.Default()), Options{}) {
		if w.Rule != "no-lawful-basis" {
			t.Errorf("%s", w)
		}
	}
}
