package show

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/readapi"
)

// Person writes what somebody is in.
func Person(w io.Writer, a *readapi.Person, s Style) error {
	p := &page{Writer: bufio.NewWriter(w), Style: s}
	p.line(0, "%s", p.paint(bold, plain(a.Person)))
	p.followed(a.Followed)
	others := slices.DeleteFunc(slices.Clone(a.Aliases), func(key string) bool { return slices.Contains(a.Followed, key) })
	if len(others) > 0 {
		p.line(0, "known as well as %s", plain(strings.Join(others, ", ")))
	}
	p.line(0, "as of %s, log time; %s known", logTime(&a.AsOf), count(a.Contacts, "contact"))
	p.pending(&a.AsOf)
	if a.ErasedAt != nil {
		p.line(0, "%s", p.paint(yellow, "erased at "+instant(*a.ErasedAt)+": nothing from before is kept"))
	}
	if a.Suppressed {
		p.line(0, "%s", p.paint(yellow, "suppressed: nothing is taken in until that is lifted"))
	}
	if a.FormerStays > 0 {
		p.line(0, "%s", p.paint(yellow, count(a.FormerStays, "stay")+" in cohorts that are no more end with the sweep"))
	}
	if len(a.Memberships) == 0 {
		p.line(0, "in no cohort")
		return p.Flush()
	}
	p.line(0, "")
	if a.AsOf.LogTime != nil {
		p.at = *a.AsOf.LogTime
	}
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "COHORT\tNAME\tSINCE\tUNTIL")
	for _, m := range a.Memberships {
		until := "-"
		if m.ValidUntil != nil {
			until = when(*m.ValidUntil, p.at)
		}
		if m.WarmingUntil != nil {
			until += "; not known in full before " + warm(*m.WarmingUntil, p.at)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", plain(m.Cohort), orDash(plain(m.Name)), when(m.EnteredAt, p.at), until)
	}
	_ = t.Flush()
	return p.Flush()
}

// Cohorts writes the list of cohorts, with how many people are in each where sizes are asked for.
func Cohorts(w io.Writer, a *readapi.Cohorts, sizes bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "COHORT\tNAME\tOWNER\tAUDIENCES\tGOES TO"
	if sizes {
		head = "COHORT\tSIZE\tNAME\tOWNER\tAUDIENCES\tGOES TO"
	}
	_, _ = fmt.Fprintln(t, head)
	for i := range a.Cohorts {
		c := &a.Cohorts[i]
		cells := []string{plain(c.Key)}
		if sizes {
			size := "?"
			if c.Size != nil {
				size = itoa(*c.Size)
			}
			cells = append(cells, size)
		}
		var audiences []string
		for _, one := range c.Audiences {
			audiences = append(audiences, plain(one.Key))
		}
		slices.Sort(audiences)
		cells = append(cells, orDash(plain(c.Name)), orDash(plain(c.Owner)), orDash(strings.Join(audiences, ", ")), orDash(plain(strings.Join(c.Destinations, ", "))))
		if !c.Everywhere {
			cells[len(cells)-1] += " (not in force in all partitions yet)"
		}
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if sizes && a.SizeSource == "none" {
		_, err := fmt.Fprintln(w, "\nEverybody is being counted: ask again for the sizes.")
		return err
	}
	return nil
}

// Size writes how many people are in a cohort, and what a count says of it.
func Size(w io.Writer, a *readapi.Size) error {
	how := ""
	if a.Source == "count" {
		how = ", counted one by one"
	}
	text := fmt.Sprintf("%s: %s%s\n", plain(a.Cohort), count(int(a.Size), "member"), how)
	if v := a.Verified; v != nil {
		text += fmt.Sprintf("counted: %d, among %s of whom something is kept\n", v.Counted, count(int(v.People), "person"))
		switch {
		case v.Kept == nil:
			text += "the checkpoints carry no sizes that could be compared\n"
		case v.Agrees == nil:
			text += fmt.Sprintf("kept with the count: %d; partitions moved on meanwhile, so the two speak of different instants\n", *v.Kept)
		case *v.Agrees:
			text += "both agree\n"
		default:
			text += fmt.Sprintf("THEY DIFFER: %d is kept. Note both, rebuild the partitions from the log, and report it as a defect\n", *v.Kept)
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if what == "person" {
		return itoa(int64(n)) + " people"
	}
	return itoa(int64(n)) + " " + what + "s"
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
