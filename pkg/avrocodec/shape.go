package avrocodec

import (
	"encoding/json"
	"fmt"
	"strings"
)

// shape reduces a schema's text to what its bytes and their meaning depend on:
// types with full names, fields in order, logical types. Two schemas of one shape
// are read by one decoder, however a registry has laid out the text. (Avro's own
// canonical form drops logical types, and with them the unit of a time.)
func shape(text string) (string, error) {
	var parsed any
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		return "", fmt.Errorf("parse schema: %w", err)
	}
	reduced, err := reduce(parsed, "")
	if err != nil {
		return "", fmt.Errorf("parse schema: %w", err)
	}
	b, err := json.Marshal(reduced) // sorts the keys of objects
	return string(b), err
}

func reduce(v any, namespace string) (any, error) {
	switch v := v.(type) {
	case string:
		return fullName(v, namespace), nil
	case []any:
		union := make([]any, len(v))
		for i, branch := range v {
			var err error
			if union[i], err = reduce(branch, namespace); err != nil {
				return nil, err
			}
		}
		return union, nil
	case map[string]any:
		return reduceObject(v, namespace)
	default:
		return nil, fmt.Errorf("a type is neither text, list nor object: %v", v)
	}
}

func reduceObject(v map[string]any, namespace string) (any, error) {
	kind, ok := v["type"].(string)
	if !ok {
		return reduce(v["type"], namespace) // {"type": {...}} says the same as what is inside
	}
	out := map[string]any{"type": kind}
	for _, key := range []string{"logicalType", "precision", "scale", "size", "symbols"} {
		if attribute, ok := v[key]; ok {
			out[key] = attribute
		}
	}
	var err error
	switch kind {
	case "array":
		out["items"], err = reduce(v["items"], namespace)
		return out, err
	case "map":
		out["values"], err = reduce(v["values"], namespace)
		return out, err
	case "record", "enum", "fixed":
		if ns, ok := v["namespace"].(string); ok {
			namespace = ns
		}
		name, _ := v["name"].(string)
		name = fullName(name, namespace)
		out["name"] = name
		if kind != "record" {
			return out, nil
		}
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			namespace = name[:i]
		}
		out["fields"], err = reduceFields(v["fields"], namespace)
		return out, err
	default:
		if len(out) == 1 {
			return fullName(kind, namespace), nil
		}
		return out, nil
	}
}

func reduceFields(v any, namespace string) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the fields of a record are not a list: %v", v)
	}
	fields := make([]any, len(list))
	for i, f := range list {
		field, ok := f.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("a field is not an object: %v", f)
		}
		t, err := reduce(field["type"], namespace)
		if err != nil {
			return nil, err
		}
		fields[i] = map[string]any{"name": field["name"], "type": t}
	}
	return fields, nil
}

func fullName(name, namespace string) string {
	switch name {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		return name
	}
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}
