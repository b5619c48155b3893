package api

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cohortflow/cohortflow/services/console/internal/auth"
)

// description loads the OpenAPI document as it is served.
func description(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(descriptionJSON)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDescription_IsOpenAPI31(t *testing.T) {
	doc := description(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("it says version %s, want 3.1", doc.OpenAPI)
	}
}

func TestDescription_DescribesEveryRouteAndNoOther(t *testing.T) {
	s := New(Config{
		Keys: &auth.Keys{}, MaxRequests: 1, Log: slog.New(slog.DiscardHandler),
		TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
	})
	want := []string{"GET /openapi.json", "GET /openapi.yaml"}
	for _, r := range s.table() {
		want = append(want, r.pattern)
	}
	var got []string
	for path, item := range description(t).Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-routes +described)\n%s", diff)
	}
}

// Every field of every answer has a schema, of a fitting type and with a description,
// and every schema has a field.
func TestDescription_DescribesEveryFieldOfEveryAnswer(t *testing.T) {
	schemas := description(t).Components.Schemas
	checked := make(map[string]bool)
	var walk func(kind reflect.Type)
	walk = func(kind reflect.Type) {
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.Struct || checked[kind.Name()] {
			return
		}
		checked[kind.Name()] = true
		ref := schemas[kind.Name()]
		if ref == nil {
			t.Errorf("%s is not described", kind.Name())
			return
		}
		var fields []string
		for field := range kind.Fields() {
			name := field.Tag.Get("json")
			if !field.IsExported() {
				continue
			}
			fields = append(fields, name)
			if p := ref.Value.Properties[name]; p != nil {
				if err := fits(field.Type, p.Value); err != nil {
					t.Errorf("%s.%s: %v", kind.Name(), name, err)
				}
			}
			walk(field.Type)
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(ref.Value.Properties))); diff != "" {
			t.Errorf("%s (-fields +described)\n%s", kind.Name(), diff)
		}
		required := slices.Clone(ref.Value.Required)
		slices.Sort(required)
		if diff := cmp.Diff(fields, required); diff != "" {
			t.Errorf("%s: every field is always there (-fields +required)\n%s", kind.Name(), diff)
		}
	}
	for _, answer := range []any{Cohorts{}, Size{}, Person{}, Explanation{}, Problem{}} {
		walk(reflect.TypeOf(answer))
	}
	for name := range schemas {
		if !checked[name] && !slices.Contains([]string{"Instant", "OptionalInstant", "SizeSource"}, name) {
			t.Errorf("%s is described and no answer has it", name)
		}
	}
}

// fits says whether a schema is of the kind of a field.
func fits(kind reflect.Type, s *openapi3.Schema) error {
	null := kind.Kind() == reflect.Pointer
	if null {
		kind = kind.Elem()
	}
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int32: "integer", reflect.Int64: "integer",
		reflect.Float64: "number", reflect.Slice: "array", reflect.Struct: "object",
	}[kind.Kind()]
	types := s.Type.Slice()
	for _, one := range s.AnyOf {
		types = append(types, one.Value.Type.Slice()...)
	}
	if !slices.Contains(types, want) || slices.Contains(types, "null") != null {
		return fmt.Errorf("is described as %s; want %s, null=%t", strings.Join(types, " or "), want, null)
	}
	return nil
}
