package recording

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Columns that are no properties. All others are: of text, unless the header says
// NAME:number or NAME:boolean. A price is a number without being told.
const (
	columnTime = "event_time"
	columnUser = "user_id"
	columnName = "event_name"
	columnID   = "event_id"
)

// table is a CSV file under reading.
type table struct {
	file                 string
	rows                 *csv.Reader
	time, user, name, id int // places of the columns; id -1 = there is none
	properties           []column
}

type column struct {
	place int
	name  string
	put   func(p *event.Properties, name, text string) error
}

func readCSV(name string, in *bufio.Reader, o Options, take Take) error {
	t := table{file: name, rows: csv.NewReader(in)}
	t.rows.ReuseRecord = true
	if err := t.header(); err != nil {
		return err
	}
	e := event.Event{Kind: event.KindTrack, Source: event.SourcePipelines}
	for {
		row, err := t.rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return t.malformed(err, len(row))
		}
		at, err := ParseInstant(row[t.time])
		if err != nil {
			return t.fault(t.time, "%s %w", columnTime, err)
		}
		e.EventAt, e.AcceptedAt = at, at
		e.Name, e.Person, e.ID = row[t.name], row[t.user], ""
		e.IDs.CustomerID = e.Person
		if t.id >= 0 {
			e.ID = row[t.id]
		}
		if o.Properties {
			e.Properties = event.Properties{}
			for i := range t.properties {
				c := &t.properties[i]
				if text := row[c.place]; text != "" {
					if err := c.put(&e.Properties, c.name, strings.Clone(text)); err != nil {
						return t.fault(c.place, "%s %w", c.name, err)
					}
				}
			}
		}
		if err := take(&e); err != nil {
			return err
		}
	}
}

// header finds the columns by their names.
func (t *table) header() error {
	row, err := t.rows.Read()
	if errors.Is(err, io.EOF) {
		return &Error{File: t.file, Line: 1, Column: 1, Message: "the file is empty: its first line names the columns, " + t.needed()}
	}
	if err != nil {
		return t.malformed(err, len(row))
	}
	places := map[string]int{}
	for i, name := range row {
		name = strings.TrimSpace(name)
		if _, twice := places[name]; twice {
			return t.fault(i, "the column %s is named twice: rename one of them", name)
		}
		places[name] = i
	}
	for _, need := range []string{columnTime, columnUser, columnName} {
		if _, ok := places[need]; !ok {
			return t.fault(0, "the column %s is missing: the header has to name %s; it names %s", need, t.needed(), strings.Join(row, ", "))
		}
	}
	t.time, t.user, t.name, t.id = places[columnTime], places[columnUser], places[columnName], -1
	if i, ok := places[columnID]; ok {
		t.id = i
	}
	known := []int{t.time, t.user, t.name, t.id}
	for i, name := range row {
		if slices.Contains(known, i) {
			continue
		}
		name, kind, typed := strings.Cut(strings.TrimSpace(name), ":")
		c := column{place: i, name: name, put: putText}
		switch {
		case kind == "number" || name == "price" && !typed:
			c.put = putNumber
		case kind == "boolean":
			c.put = putBoolean
		case typed && kind != "text":
			return t.fault(i, "the column %s is of type %q: it has to be text, number or boolean", name, cut(kind))
		}
		t.properties = append(t.properties, c)
	}
	return nil
}

func (t *table) needed() string { return columnTime + ", " + columnUser + " and " + columnName }

// fault speaks of a field of the row read last.
func (t *table) fault(field int, format string, args ...any) error {
	line, col := t.rows.FieldPos(field)
	return &Error{File: t.file, Line: line, Column: col, Message: fmt.Errorf(format, args...).Error()}
}

// malformed makes an Error of what is no CSV.
func (t *table) malformed(err error, fields int) error {
	parse, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		line, _ := t.rows.FieldPos(0)
		return fmt.Errorf("read events: %s: after line %d: %w", t.file, line, err)
	}
	f := &Error{File: t.file, Line: parse.Line, Column: parse.Column}
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		f.Message = fmt.Sprintf("the row has %d fields and the header %d: a field with a comma in it needs quotes, an empty one its comma", fields, t.rows.FieldsPerRecord)
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		f.Message = `a quote stands where none can: put quotes around the whole field and write "" for one inside`
	default:
		f.Message = parse.Err.Error()
	}
	f.Column = max(f.Column, 1)
	return f
}

func putText(p *event.Properties, name, text string) error {
	if p.Strings == nil {
		p.Strings = make(map[string]string)
	}
	p.Strings[name] = text
	return nil
}

func putNumber(p *event.Properties, name, text string) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f-f != 0 { // infinite, or none
		return fmt.Errorf("%q is no number: write it like 1234.56, or leave it empty", cut(text))
	}
	if p.Numbers == nil {
		p.Numbers = make(map[string]float64)
	}
	p.Numbers[name] = f
	return nil
}

func putBoolean(p *event.Properties, name, text string) error {
	if text != "true" && text != "false" {
		return fmt.Errorf("%q is no boolean: write true or false, or leave it empty", cut(text))
	}
	if p.Booleans == nil {
		p.Booleans = make(map[string]bool)
	}
	p.Booleans[name] = text == "true"
	return nil
}
