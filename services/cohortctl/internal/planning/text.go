package planning

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

// WriteJSON writes the plan as one JSON document.
func (p *Plan) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(p)
}

// WriteText writes the plan for people.
func (p *Plan) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }
	say("%s", p.headline())
	if len(p.Changes) > 0 {
		say("\nWHAT CHANGES")
		for _, c := range p.Changes {
			say("%s %s\t%s", c.Kind, c.Key, c.text())
		}
	}
	say("\nCOHORT\tCHANGE\tNOW\tENTER\tLEAVE\tAFTER")
	for _, c := range p.Cohorts {
		say("%s\t%s\t%d\t%d\t%d\t%d", c.Cohort, c.Change, c.Now, c.Enter, c.Leave, c.After)
	}
	for _, c := range p.Cohorts {
		for _, e := range []struct {
			word string
			keys []string
		}{{"entering", c.Entering}, {"leaving", c.Leaving}} {
			if len(e.keys) > 0 {
				say("%s, %s: %s", c.Cohort, e.word, strings.Join(e.keys, " "))
			}
		}
	}
	if len(p.Lists) > 0 {
		say("\nDESTINATION\tLIST\tMODE\tADDS\tREMOVES")
		for _, l := range p.Lists {
			say("%s\t%s\t%s\t%d\t%d", l.Destination, l.List, orDash(l.Mode), l.Adds, l.Removes)
		}
		say("")
		for _, d := range p.Destinations {
			say("%s", d.text())
		}
		for _, l := range p.Lists {
			for _, remark := range l.remarks() {
				say("%s %s: %s", l.Destination, l.List, remark)
			}
		}
	}
	if len(p.Warming)+len(p.Untold) > 0 {
		say("\nNOT KNOWN IN FULL: what these cohorts ask about was not kept so far, or not as much of it")
	}
	for _, c := range p.Warming {
		say("%s: %s", c.Cohort, c.text())
	}
	for _, c := range p.Untold {
		say("%s: asks about %s, which is not kept so far: known of a person once it is told again", c.Cohort, strings.Join(c.Attributes, ", "))
	}
	if remarks := p.remarks(); len(remarks) > 0 {
		say("\nPARTITIONS")
		for _, remark := range remarks {
			say("%s", remark)
		}
	}
	return t.Flush()
}

func (p *Plan) headline() string {
	var places []string
	for _, in := range p.InForce {
		where := partitions(in.Partitions)
		if len(p.InForce) == 1 && len(in.Partitions) == len(p.Partitions) {
			where = "all partitions"
		}
		places = append(places, in.Catalogue+" (in "+where+")")
	}
	switch {
	case len(places) == 0:
		return "There is no state: nobody would move."
	case !p.Decides:
		return fmt.Sprintf("Catalogue %s decides as what is in force: no sweep comes of it. Of %s, %d move by what goes on anyway.", p.Catalogue, people(p.People), p.PeopleMoved)
	}
	return fmt.Sprintf("Catalogue %s in place of %s: of %s, %d would move.", p.Catalogue, strings.Join(places, " and "), people(p.People), p.PeopleMoved)
}

func (c *Change) text() string {
	text := c.Change
	if len(c.Details) > 0 {
		text += ": " + strings.Join(c.Details, "; ")
	}
	if c.Kind == KindCohort && c.Change == ChangeEdited && !c.Decides {
		text += " (decides as before)"
	}
	return text
}

func (d *Destination) text() string {
	text := fmt.Sprintf("%s: %s and %s", d.Destination, plural(d.Adds, "add"), plural(d.Removes, "remove"))
	switch {
	case d.Adds+d.Removes == 0:
		return d.Destination + ": nothing to send"
	case d.Requests == 0:
		return text + "; how long that takes cannot be told: " + d.Source
	case d.Takes == nil:
		return fmt.Sprintf("%s in %s; how long that takes cannot be told: %s", text, plural(d.Requests, "request"), d.Source)
	}
	return fmt.Sprintf("%s in %s: %s at its limit of %s (%s)",
		text, plural(d.Requests, "request"), (time.Duration(*d.Takes) * time.Millisecond).Round(time.Millisecond), d.Limit, d.Source)
}

// remarks say what would be wrong on the list thereafter, and what to do.
func (l *List) remarks() (list []string) {
	if l.Mode == catalogue.ModeTarget && l.Adds+l.Removes > 0 {
		list = append(list, "no topic of ours carries audiences that target: whoever reads the transitions sends it")
	}
	if l.Held > 0 {
		list = append(list, fmt.Sprintf("entries of %s are held back while the cohort warms", people(l.Held)))
	}
	sends := l.Mode == ""
	switch {
	case l.Missing > 0 && sends:
		list = append(list, people(l.Missing)+" in the cohort are not told of, since nothing about them changes: they come with their next entry")
	case l.Missing > 0:
		list = append(list, people(l.Missing)+" belong on it and are not sent, since nothing about them changes: they come with their next entry. To have all at once, write when: {member: COHORT} in place of cohort: COHORT")
	}
	if l.Leaving > 0 {
		list = append(list, people(l.Leaving)+" stay on it until they leave its cohort, within 90 days: each is taken off then. Take the cohort out too, and all are taken off at once")
	}
	switch {
	case l.Stranded > 0 && sends:
		list = append(list, people(l.Stranded)+" were told of as members, and their exits are not sent")
	case l.Stranded > 0:
		list = append(list, people(l.Stranded)+" stay on it, since no audience of the platform is left and so no sink writes there. Take the cohorts out first, and this audience when its list is empty")
	}
	return list
}

func (c *Warming) text() string {
	text := "warming until " + instant(c.Until) + ". Entries say so until then, and SalesWings is not sent them; after it members are told once more. " +
		"To know more before, send the past again: what is known does not count twice"
	if c.Forever {
		text = "warming for ever: its rule asks about all of the past, which waiting does not bring back. Whoever did it before only is left out; " +
			"where the rule asks that it did not happen, entries say so and SalesWings is not sent them. Send the past again, give the rule a window, or begin a flow anew with this catalogue and send it the past"
	}
	if c.Already {
		text += " (it warms already)"
	}
	return text
}

func (p *Plan) remarks() (list []string) {
	by := map[string][]int32{}
	note := func(partition int32, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		by[text] = append(by[text], partition)
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	for i := range p.Partitions {
		one := &p.Partitions[i]
		if one.State == StateNone {
			note(one.Partition, "no state: the processor is building it up from the log, or nothing came yet; nobody of it is in the plan")
			continue
		}
		if one.State == StateCurrent && p.Decides {
			note(one.Partition, "the planned catalogue is in force there already")
		}
		if one.State == StateOther && len(p.InForce) > 1 {
			note(one.Partition, "catalogue %s is in force there", one.Catalogue)
		}
		if one.Sweep != nil {
			then := "another change begins a sweep of its own, which looks at what that one changes"
			if one.State == StateCurrent {
				then = "what it moves yet is in the plan"
			}
			note(one.Partition, "a sweep after an earlier change is under way: %s", then)
		}
		if one.Lag != nil && *one.Lag > notable {
			note(one.Partition, "the state is more than %d records behind the log: the plan holds for the state", notable)
		}
	}
	for i, text := range list {
		list[i] = partitions(by[text]) + ": " + text
	}
	return list
}

const notable = 1000 // records of lag

func partitions(list []int32) string {
	if len(list) == 1 {
		return "partition " + strconv.Itoa(int(list[0]))
	}
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = strconv.Itoa(int(p))
	}
	return "partitions " + strings.Join(texts, ", ")
}

func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 MST") }

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

func people(n int64) string {
	if n == 1 {
		return "1 person"
	}
	return strconv.FormatInt(n, 10) + " people"
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
