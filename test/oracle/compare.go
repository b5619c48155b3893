package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// shown is how many differences String lists.
const shown = 20

// Difference is what a run got wrong. The zero value means nothing.
type Difference struct {
	Expected int   // rows in the expected answer
	Produced int   // rows of the run, netted
	Missing  []Row // expected and not produced
	Surplus  []Row // produced and not expected, or produced once too often
}

// Compare nets the produced transitions and holds them against the expected ones,
// exactly. Cohorts that the expected answer does not speak of are surplus; restrict
// the produced rows with Only where a catalogue holds more.
func Compare(expected, produced []Row) Difference {
	want := slices.Clone(expected)
	slices.SortFunc(want, order)
	got := Net(produced)
	d := Difference{Expected: len(want), Produced: len(got)}
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case j == len(got) || i < len(want) && order(want[i], got[j]) < 0:
			d.Missing = append(d.Missing, want[i])
			i++
		case i == len(want) || order(want[i], got[j]) > 0:
			d.Surplus = append(d.Surplus, got[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	return d
}

// Only keeps the rows of the named cohorts.
func Only(rows []Row, cohorts ...string) []Row {
	var out []Row
	for _, r := range rows {
		if slices.Contains(cohorts, r.Cohort) {
			out = append(out, r)
		}
	}
	return out
}

// Equal says whether the run gave the expected answer.
func (d Difference) Equal() bool { return len(d.Missing) == 0 && len(d.Surplus) == 0 }

// String lists the first differences by cohort, person and time: "-" stands before a
// row that is missing, "+" before one too many.
func (d Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d transitions expected, %d produced, %d missing, %d too many", d.Expected, d.Produced, len(d.Missing), len(d.Surplus))
	type mark struct {
		row  Row
		sign string
	}
	var marks []mark
	for _, r := range d.Missing {
		marks = append(marks, mark{r, "-"})
	}
	for _, r := range d.Surplus {
		marks = append(marks, mark{r, "+"})
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return order(a.row, b.row) })
	for i, m := range marks {
		if i == shown {
			fmt.Fprintf(&b, "\n... and %d more", len(marks)-shown)
			break
		}
		fmt.Fprintf(&b, "\n%s %s", m.sign, m.row)
	}
	return b.String()
}
