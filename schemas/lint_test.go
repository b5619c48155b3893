package schemas

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What every reader of ours can map: no enums, no nesting beyond a list of flat
// records, one way to write an optional field, one unit of time.
func TestSchemas_KeepTheHouseRules(t *testing.T) {
	for _, v := range Versions() {
		for _, problem := range lint(v.Text) {
			t.Errorf("%s: %s", fileName(v.Subject, v.Version), problem)
		}
	}
}

func TestLint_SeesEachFault(t *testing.T) {
	good := `{"name":"a","type":"string","doc":"A."}`
	for name, c := range map[string]struct{ field, want string }{
		"no doc":               {`{"name":"a","type":"string"}`, "a: no doc"},
		"value before null":    {`{"name":"a","type":["string","null"],"doc":"A."}`, "a: union is not [null, T]"},
		"three branches":       {`{"name":"a","type":["null","string","long"],"default":null,"doc":"A."}`, "a: union is not [null, T]"},
		"no default":           {`{"name":"a","type":["null","string"],"doc":"A."}`, "a: optional without default null"},
		"other default":        {`{"name":"a","type":["null","string"],"default":"","doc":"A."}`, "a: optional without default null"},
		"micros":               {`{"name":"a","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"A."}`, "a: logical type timestamp-micros"},
		"enum":                 {`{"name":"a","type":{"type":"enum","name":"E","symbols":["X"]},"doc":"A."}`, "a: type enum"},
		"float":                {`{"name":"a","type":"float","doc":"A."}`, "a: type float"},
		"camel case":           {`{"name":"eventAt","type":"string","doc":"A."}`, "eventAt: name is not snake_case"},
		"record in a record":   {`{"name":"a","type":{"type":"record","name":"R","doc":"R.","fields":[` + good + `]},"doc":"A."}`, "a: record outside a list"},
		"fault in a list item": {`{"name":"a","type":{"type":"array","items":{"type":"record","name":"R","doc":"R.","fields":[{"name":"b","type":"string"}]}},"doc":"A."}`, "b: no doc"},
		"list in a list item":  {`{"name":"a","type":{"type":"array","items":{"type":"record","name":"R","doc":"R.","fields":[{"name":"b","type":{"type":"array","items":"string"},"doc":"B."}]}},"doc":"A."}`, "b: nested deeper than a list of flat records"},
	} {
		t.Run(name, func(t *testing.T) {
			got := lint(`{"type":"record","name":"R0","namespace":"com.cohortflow","doc":"R.","fields":[` + c.field + `]}`)
			if !slices.Contains(got, c.want) {
				t.Errorf("got %q, want %q among them", got, c.want)
			}
		})
	}
	if got := lint(`{"type":"record","name":"R0","namespace":"com.cohortflow","doc":"R.","fields":[` + good + `]}`); len(got) > 0 {
		t.Errorf("a good schema: got %q, want nothing", got)
	}
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func lint(text string) []string {
	var record map[string]any
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		return []string{err.Error()}
	}
	l := &linter{}
	if record["namespace"] != "com.cohortflow" {
		l.report("%v: namespace is not com.cohortflow", record["name"])
	}
	l.record(record, false)
	return l.problems
}

type linter struct {
	problems []string
	records  []string // named so far; a later field may refer to them
}

func (l *linter) report(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *linter) record(r map[string]any, inList bool) {
	l.records = append(l.records, fmt.Sprintf("com.cohortflow.%v", r["name"]))
	if doc, _ := r["doc"].(string); doc == "" {
		l.report("%v: no doc", r["name"])
	}
	fields, _ := r["fields"].([]any)
	for _, f := range fields {
		field, _ := f.(map[string]any)
		name, _ := field["name"].(string)
		if !snakeCase.MatchString(name) {
			l.report("%s: name is not snake_case", name)
		}
		if doc, _ := field["doc"].(string); !strings.HasSuffix(doc, ".") {
			l.report("%s: no doc", name)
		}
		if union, ok := field["type"].([]any); ok {
			if len(union) != 2 || union[0] != "null" {
				l.report("%s: union is not [null, T]", name)
				continue
			}
			if d, ok := field["default"]; !ok || d != nil {
				l.report("%s: optional without default null", name)
			}
			l.scalar(name, union[1])
			continue
		}
		l.value(name, field["type"], inList)
	}
}

func (l *linter) value(name string, v any, inList bool) {
	t, ok := v.(map[string]any)
	if !ok {
		l.scalar(name, v)
		return
	}
	switch t["type"] {
	case "array", "map":
		if inList {
			l.report("%s: nested deeper than a list of flat records", name)
		}
		item := t["items"]
		if t["type"] == "map" {
			item = t["values"]
		}
		if r, ok := item.(map[string]any); ok && r["type"] == "record" && t["type"] == "array" {
			l.record(r, true)
			return
		}
		if known, ok := item.(string); ok && slices.Contains(l.records, known) {
			return
		}
		l.scalar(name, item)
	case "record":
		l.report("%s: record outside a list", name)
	default:
		l.scalar(name, v)
	}
}

func (l *linter) scalar(name string, v any) {
	switch t := v.(type) {
	case string:
		if !slices.Contains([]string{"string", "long", "int", "boolean", "double", "bytes"}, t) {
			l.report("%s: type %s", name, t)
		}
	case map[string]any:
		switch {
		case t["logicalType"] == nil:
			l.report("%s: type %v", name, t["type"])
		case t["logicalType"] != "timestamp-millis" || t["type"] != "long":
			l.report("%s: logical type %v", name, t["logicalType"])
		}
	default:
		l.report("%s: type %v", name, v)
	}
}
