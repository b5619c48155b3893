package simulate

import (
	"encoding/csv"
	"io"
	"iter"
	"time"
)

// Outcome is what a run decided.
type Outcome struct {
	Cohorts []string // keys in catalogue order

	people []uint32  // by rank: place in names
	names  []string  // person keys
	blocks [][][]Row // by turn of people and cohort
}

// Row is one entry or exit.
type Row struct {
	At     int64 // effective time, ms since 1970 UTC
	person uint32
	Enter  bool
}

// Rows gives those of a cohort, by its place in Cohorts: by the bytes of the person
// key, then by time. Of one person entries and exits take turns.
func (o *Outcome) Rows(cohort int) iter.Seq2[string, Row] {
	return func(yield func(string, Row) bool) {
		for _, block := range o.blocks {
			for _, r := range block[cohort] {
				if !yield(o.names[o.people[r.person]], r) {
					return
				}
			}
		}
	}
}

// Transitions counts the rows of all cohorts.
func (o *Outcome) Transitions() int {
	total := 0
	for _, block := range o.blocks {
		for _, rows := range block {
			total += len(rows)
		}
	}
	return total
}

// Header is the first line of what WriteCSV writes.
//
//nolint:gochecknoglobals // a constant
var Header = []string{"cohort", "user_id", "at", "transition"}

// WriteCSV writes every row, by cohort in catalogue order, person and time.
func (o *Outcome) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(Header); err != nil {
		return err
	}
	for i, key := range o.Cohorts {
		line := [4]string{0: key}
		for person, r := range o.Rows(i) {
			line[1], line[2], line[3] = person, format(r.At), "exit"
			if r.Enter {
				line[3] = "enter"
			}
			if err := out.Write(line[:]); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// TimeFormat is RFC 3339 with exactly three decimals, for instants in UTC.
const TimeFormat = "2006-01-02T15:04:05.000Z"

func format(at int64) string { return time.UnixMilli(at).UTC().Format(TimeFormat) }
