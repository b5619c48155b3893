package predicate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

func order() cohort.Properties {
	return cohort.Properties{Of: &event.Properties{
		Strings:  map[string]string{"category": "shoes", "coupon": ""},
		Numbers:  map[string]float64{"total": 120.5, "Order Items": 3},
		Booleans: map[string]bool{"gift": true},
		Nested:   map[string]string{"items": "[]"},
	}}
}

func TestHolds(t *testing.T) {
	for text, want := range map[string]bool{
		`properties.total >= 100`:                                  true,
		`properties.total >= 120.5 && properties.gift`:             true,
		`properties.total == 120`:                                  false,
		`properties["Order Items"] == 3`:                           true,
		`properties.category in ["shoes", "bags"]`:                 true,
		`properties.category.startsWith("sh")`:                     true,
		`properties.category.matches("^b")`:                        false,
		`has(properties.coupon)`:                                   true,
		`has(properties.refund)`:                                   false,
		`!has(properties.refund)`:                                  true,
		`properties.refund == true`:                                false, // missing
		`!(properties.refund == true)`:                             false, // missing, whatever is asked
		`properties.refund == true || properties.gift`:             true,  // one side is enough
		`properties.total > "a"`:                                   false, // another type
		`properties.items == "[]"`:                                 false, // nested values are not there
		`"total" in properties`:                                    true,
		`properties.gift`:                                          true,
		`properties.total`:                                         false, // no truth
		`size(properties) > 0`:                                     false, // names cannot be counted
		`properties.total * 2.0 > 240.0 ? properties.gift : false`: true,
	} {
		p, err := Compile(text, Properties, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.Holds(order()); got != want {
			t.Errorf("%s: got %v", text, got)
		}
		if p.Holds(cohort.Properties{}) && !strings.HasPrefix(text, "!has") {
			t.Errorf("%s holds for an event without properties", text)
		}
	}
}

func TestCompile_TellsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		text         string
		about        Subject
		line, column int
		want         string
	}{
		{``, Properties, 1, 1, "empty"},
		{`properties.total >=`, Properties, 1, 20, "Syntax error"},
		{`total >= 100`, Properties, 1, 1, "as in properties.total"},
		{`attributes.plan == "pro"`, Properties, 1, 1, "speaks of properties"},
		{`size("abc")`, Properties, 1, 1, "not true or false"},
		{`properties[properties.name] == 1`, Properties, 1, 11, "in quotes"},
		{"true &&\n  attributes.Email == \"a\"", Attributes, 2, 13, "personal data"},
		{`"a".contains(1)`, Properties, 1, 13, "no matching overload"},
		{`properties.exists(p, p == "a")`, Properties, 1, 18, ""},
		{strings.Repeat(`properties.a == "x" || `, 100) + `true`, Properties, 1, 1, ""},
		{`now() > 1`, Properties, 1, 4, ""},
		{strings.Repeat(`properties.a.matches("`+strings.Repeat("ab", 200)+`") || `, 4) + `true`, Properties, 1, 1, "more than 10000: simplify it"},
		{`"a".matches(properties.pattern)`, Properties, 1, 12, "needs its pattern in quotes"},
		{`properties.name.matches("(")`, Properties, 1, 1, "error parsing regexp"},
	} {
		_, err := Compile(c.text, c.about, nil)
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("%q: got %v, want an *Error", c.text, err)
			continue
		}
		if !strings.Contains(fault.Message, c.want) || c.want != "" && (fault.Line != c.line || fault.Column != c.column) {
			t.Errorf("%q: got %d:%d %s", c.text, fault.Line, fault.Column, fault.Message)
		}
	}
}

func TestAttributes_AreWhatIsRead(t *testing.T) {
	p, err := Compile(`attributes.plan == "pro" && (has(attributes.seats) || attributes["trial ends"] > 3) && attributes.plan != "x"`, Attributes, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"plan", "seats", "trial ends"}; !slices.Equal(p.Attributes(), want) {
		t.Errorf("got %v, want %v", p.Attributes(), want)
	}
	q, err := Compile(`attributes.plan=="pro"&&(has(attributes.seats)||attributes["trial ends"]>3) && attributes.plan  !=  "x"`, Attributes, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Text() != q.Text() {
		t.Errorf("white space makes two of one: %s and %s", p.Text(), q.Text())
	}
}

// What an event declares is checked before anything is sent.
func TestCompile_HoldsToWhatIsDeclared(t *testing.T) {
	declared := map[string]Type{"total": Number, "Order Items": Number, "category": Text, "gift": Truth, "extra": Any}
	for text, want := range map[string]string{
		`properties.total >= 100 && properties.total < 200.5`:   "",
		`properties.total == 120 || properties.total in [1, 2]`: "",
		`properties["Order Items"] > 2`:                         "",
		`properties.extra > 3 || properties.extra == "x"`:       "",
		`has(properties.gift) && properties.gift`:               "",
		`properties.category.size() == 5`:                       "",
		`properties.totl > 3`:                                   `did you mean "total"?`,
		`has(properties.zzz)`:                                   "it has Order Items, category, extra, gift, total",
		`properties["Order Item"] > 2`:                          `did you mean "Order Items"?`,
		`properties.total > "a"`:                                "no matching overload",
		`properties.total == "a"`:                               "no matching overload",
		`properties.category > 3`:                               "no matching overload",
		`properties.gift == "yes"`:                              "no matching overload",
		`properties.category`:                                   "string, not true or false",
	} {
		_, err := Compile(text, Properties, declared)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`properties.total >= 100 && has(properties.x)`)
	f.Add(`properties["a b"] in ["x"]`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text, Properties, nil)
		if err != nil {
			return
		}
		got := p.Holds(order())
		again, err := Compile(p.Text(), Properties, nil)
		if err != nil {
			t.Fatalf("%q is %q, which is refused: %v", text, p.Text(), err)
		}
		if again.Holds(order()) != got {
			t.Fatalf("%q is %q, which means something else", text, p.Text())
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	p, err := Compile(`properties.total >= 100 && properties.category in ["shoes", "bags"]`, Properties, nil)
	if err != nil {
		b.Fatal(err)
	}
	v := order()
	b.ReportAllocs()
	for b.Loop() {
		if !p.Holds(v) {
			b.Fatal("it holds")
		}
	}
}
