package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

func spanName(d time.Duration) string {
	switch d {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	default:
		return "day"
	}
}

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) }
	flow := func(f Flow) string {
		return strings.Join([]string{
			fmt.Sprint(f.Entries), fmt.Sprint(f.Exits), fmt.Sprint(f.Peak), f.PeakAt.text(), fmt.Sprint(f.Rate), f.RateAt.text(),
		}, "\t")
	}
	const columns = "ENTRIES\tEXITS\tPEAK SIZE\tAT\tPEAK/MIN\tFROM"
	line("COHORT", columns)
	for _, c := range r.Cohorts {
		line(c.Cohort, flow(c.Flow))
	}
	if len(r.Audiences) > 0 {
		line()
		line("AUDIENCE", columns)
		for _, a := range r.Audiences {
			line(a.Platform+" "+a.Mode+" "+a.Audience, flow(a.Flow))
		}
	}
	if len(r.Destinations) > 0 {
		line()
		line("DESTINATION", columns)
		for i := range r.Destinations {
			line(r.Destinations[i].Destination, flow(r.Destinations[i].Flow))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Destinations) > 0 {
		_, _ = fmt.Fprintln(w)
	}
	for i := range r.Destinations {
		if _, err := fmt.Fprintln(w, r.Destinations[i].verdict()); err != nil {
			return err
		}
	}
	return nil
}

// verdict says in a line whether the destination keeps up.
func (d *Destination) verdict() string {
	if d.Holds == nil {
		return fmt.Sprintf("%s: cannot be told, %s", d.Destination, d.Source)
	}
	answer := "its limits hold"
	if !*d.Holds {
		answer = "ITS LIMITS WOULD BE EXCEEDED"
	}
	needs := make([]string, len(d.Limits))
	for i, l := range d.Limits {
		needs[i] = fmt.Sprintf("%d of %d requests per %s", l.Needed, l.Requests, l.Per)
	}
	slo := "the objective holds"
	if !*d.SLOHolds {
		slo = "THE OBJECTIVE WOULD BE MISSED"
	}
	return fmt.Sprintf("%s: %s (%s at most; %s); %s: %.2f %% there within %d ms, the last after %s",
		d.Destination, answer, strings.Join(needs, ", "), d.Source, slo, 100**d.InTime, d.ObjectiveMs, time.Duration(*d.LongestWait)*time.Millisecond)
}

func (i *Instant) text() string {
	if i == nil {
		return "-"
	}
	text, _ := i.MarshalText()
	return string(text)
}
