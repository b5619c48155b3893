package predicate

import "testing"

func TestNeverHolds(t *testing.T) {
	for text, want := range map[string]bool{
		`attributes.plan == "pro" && attributes.plan == "free"`:            true,
		`attributes.seats > 5 && attributes.seats < 3`:                     true,
		`attributes.seats > 5 && attributes.seats == "many"`:               true,
		`attributes.paid && attributes.paid == "yes"`:                      true,
		`attributes.plan in []`:                                            true,
		`has(attributes.plan) && !has(attributes.plan)`:                    true,
		`attributes.plan == "pro" || attributes.plan == "free"`:            false,
		`attributes.seats > 3 && attributes.seats < 5`:                     false,
		`attributes.seats != 3`:                                            false,
		`attributes.plan.startsWith("p") && attributes.plan.endsWith("o")`: false,
		`attributes.plan.contains("p") && attributes.plan != "p"`:          false,
		`!has(attributes.plan)`:                                            false,
		`attributes.a * 2.0 == 9.0`:                                        false, // computes: not sure
		`attributes.a.matches("^b") && attributes.a == "c"`:                false, // likewise
	} {
		p, err := Compile(text, Attributes, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.NeverHolds(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
