package main

// facts: what is kept of events and attributes, and what can be known from it.
func facts() []mutant {
	return []mutant{
		change("facts.go", "a.At > b.At || a.At == b.At && a.ID > b.ID", "a.At > b.At", "events of one instant would be kept in the order of arrival"),
		change("facts.go", "return a.At == b.At && a.ID == b.ID", "return a.At == b.At", "two events of one instant would be one"),
		change("facts.go", "return a.At == b.At && a.ID == b.ID", "return false", "a redelivery would count twice"),
		change("facts.go", "		facts[place].Offset = min(facts[place].Offset, f.Offset)\n", "", "the evidence would hang on the order of redeliveries"),
		change("facts.go", "if place >= keep {", "if false {", "more would be kept than was asked for"),
		change("facts.go", "later == 0 || len(facts) < q.keep", "later == 0", "what was never there would be taken for forgotten"),
		change("facts.go", "later == 0 || len(facts) < q.keep", "len(facts) <= q.keep", "what was forgotten would be taken for never there"),
		change("facts.go", "facts[n].At > t {", "facts[n].At >= t {", "an event would not count at its own instant"),
		change("facts.go", "i := later + q.nth - 1;", "i := later + q.nth;", "one event more would be needed"),
		change("facts.go", "dst, a, b = append(dst, f), a[1:], b[1:]", "dst, a = append(dst, f), a[1:]", "a union would hold an event twice"),
		change("facts.go", "f.Offset = min(f.Offset, b[0].Offset)", "_ = b", "a union would not be commutative"),

		change("attribute.go", "a.told && !f.newer(", "a.told && f.newer(", "an older value would win"),
		change("attribute.go", "a.told && !f.newer(", "!f.newer(", "what is told of a time before 1970 would not be taken in"),
		change("attribute.go", "			a.offset = min(a.offset, f.Offset)\n", "", "the evidence would hang on the order of redeliveries"),
		change("attribute.go", "a.told && a.at > t {", "a.told && a.at > t+1<<40 {", "a late event would see an attribute that came after it"),
		change("attribute.go", "a.told && a.at > t {", "a.told && a.at >= t {", "an attribute would not count at its own instant"),
		change("attribute.go", "return v, v.Kind != ValueNone", "return v, true", "an attribute taken away would still be there"),

		change("value.go", "		_, ok = p.Nested[name]\n", "", "null would not take an attribute away"),
		change("value.go", "		v.Text = v.Text[:MaxText]\n", "		_ = v\n", "a long text would fill the state"),
		change("value.go", "math.Round(v * amountScale)", "math.Floor(v * amountScale)", "0.29 would count as 0.2899"),
		change("value.go", "case v >= MaxSum:", "case v > MaxSum*2:", "a value beyond all sums would overflow them"),
		change("value.go", "case !(v > 0): // NaN too", "case v <= 0:", "what is no number would count"),

		change("sum.go", "total >= c.least {", "total > c.least {", "a sum would have to be passed, not reached"),
		change("sum.go", "x <= t-c.within", "x < t-c.within", "a value exactly as old as the window would count"),
		change("sum.go", "return yes, x + c.within", "return yes, x + c.within + 1", "a stay would be promised for too long"),
		change("sum.go", "total >= most {", "total >= most/2 {", "values would be forgotten that a sum needs"),
		change("sum.go", "total >= most {", "total > most {", "more would be kept than can matter"),
		change("sum.go", "			return facts[:i+1]\n", "			return facts[:i]\n", "the value that reaches the sum would be forgotten"),
		change("sum.go", " && whole < c.most:", ":", "a sum that was forgotten would be taken for never reached"),
		change("sum.go", "whole += facts[i].Value", "_ = i", "values later than the instant would be taken for never forgotten ones"),
		change("sum.go", "total < c.least; i++", "total <= c.least; i++", "evidence would name events that are not needed"),
	}
}
