// Package oracle compares transitions that a run produced with the answer that
// was computed beforehand, row by row. It decides nothing about cohorts itself.
package oracle

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Op says in which direction a person went.
type Op string

// The two directions, as the files of expected answers write them.
const (
	Enter Op = "enter"
	Exit  Op = "exit"
)

// Row is one transition.
type Row struct {
	Cohort string
	Person string
	At     int64 // effective time, ms since 1970 UTC
	Op     Op
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// String is the row as the files write it.
func (r Row) String() string {
	return strings.Join([]string{r.Cohort, r.Person, time.UnixMilli(r.At).UTC().Format(timeFormat), string(r.Op)}, ",")
}

func order(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Cohort, b.Cohort), cmp.Compare(a.Person, b.Person),
		cmp.Compare(a.At, b.At), cmp.Compare(a.Op, b.Op))
}

// Load reads a file of expected transitions (CSV: cohort, user_id, at, transition; plain or .gz).
func Load(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load expected transitions: %w", err)
	}
	defer func() { _ = f.Close() }()
	in := io.Reader(bufio.NewReaderSize(f, 1<<16))
	if strings.HasSuffix(path, ".gz") {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("load expected transitions %s: %w", path, err)
		}
		in = unpacked
	}
	rows, err := Read(in)
	if err != nil {
		return nil, fmt.Errorf("load expected transitions %s: %w", path, err)
	}
	return rows, nil
}

// Read is Load on an open stream of CSV text.
func Read(in io.Reader) ([]Row, error) {
	lines := csv.NewReader(in)
	header, err := lines.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if want := []string{"cohort", "user_id", "at", "transition"}; !slices.Equal(header, want) {
		return nil, fmt.Errorf("header: got %q, want %q", header, want)
	}
	var rows []Row
	for number := 1; ; number++ {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", number, err)
		}
		at, err := time.Parse(time.RFC3339Nano, line[2])
		if err != nil {
			return nil, fmt.Errorf("row %d: at: %w", number, err)
		}
		op := Op(line[3])
		if op != Enter && op != Exit {
			return nil, fmt.Errorf("row %d: transition %q: want enter or exit", number, line[3])
		}
		rows = append(rows, Row{Cohort: line[0], Person: line[1], At: at.UnixMilli(), Op: op})
	}
}

// Net takes out what cancels out: of one person, cohort and instant, an entry and
// an exit are a stay of no length, an exit and an entry a stay going on. What is
// left is sorted by cohort, person and time. Two entries of one instant do not
// cancel and both stay in, so that Compare shows the surplus one.
func Net(rows []Row) []Row {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, order)
	out := sorted[:0]
	for i := 0; i < len(sorted); {
		first := sorted[i]
		enters, exits := 0, 0
		for ; i < len(sorted) && sorted[i].Cohort == first.Cohort && sorted[i].Person == first.Person && sorted[i].At == first.At; i++ {
			if sorted[i].Op == Enter {
				enters++
			} else {
				exits++
			}
		}
		for range enters - exits {
			out = append(out, Row{first.Cohort, first.Person, first.At, Enter})
		}
		for range exits - enters {
			out = append(out, Row{first.Cohort, first.Person, first.At, Exit})
		}
	}
	return out
}
