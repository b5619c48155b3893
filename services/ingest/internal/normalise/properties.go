package normalise

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Put files one property under its type. Where the same name was filed under another
// type before, the later one counts.
func Put(p *event.Properties, name string, v wire.Value) {
	switch v.Kind() {
	case wire.Absent:
		return
	case wire.String:
		PutText(p, name, v.Text())
		return
	case wire.Bool:
		truth, _ := v.Truth()
		PutTruth(p, name, truth)
		return
	case wire.Number:
		if f, ok := v.Float(); ok {
			PutNumber(p, name, f)
			return
		}
	}
	PutNested(p, name, compact(v.JSON()))
}

// PutText files a text.
func PutText(p *event.Properties, name, text string) {
	drop(p, name)
	if p.Strings == nil {
		p.Strings = make(map[string]string)
	}
	p.Strings[name] = text
}

// PutNumber files a number.
func PutNumber(p *event.Properties, name string, f float64) {
	drop(p, name)
	if p.Numbers == nil {
		p.Numbers = make(map[string]float64)
	}
	p.Numbers[name] = f
}

// PutTruth files a boolean.
func PutTruth(p *event.Properties, name string, truth bool) {
	drop(p, name)
	if p.Booleans == nil {
		p.Booleans = make(map[string]bool)
	}
	p.Booleans[name] = truth
}

// PutNested files JSON text.
func PutNested(p *event.Properties, name, json string) {
	drop(p, name)
	if p.Nested == nil {
		p.Nested = make(map[string]string)
	}
	p.Nested[name] = json
}

func drop(p *event.Properties, name string) {
	delete(p.Strings, name)
	delete(p.Numbers, name)
	delete(p.Booleans, name)
	delete(p.Nested, name)
}

// Spread files every member of an object. null and absent are an empty object.
func Spread(p *event.Properties, field string, v wire.Value) *Fault {
	return Each(field, v, func(name string, member wire.Value) *Fault {
		Put(p, name, member)
		return nil
	})
}

// Each walks an object; null and absent have no members, any other value is a fault.
func Each(field string, v wire.Value, f func(name string, member wire.Value) *Fault) *Fault {
	if !v.Present() {
		return nil
	}
	if v.Kind() != wire.Object {
		return Unfit(ReasonShape, field, "an object is wanted")
	}
	return Read(v, f)
}

// Read walks the members of a message and makes a Fault of what stops it.
func Read(v wire.Value, f func(name string, member wire.Value) *Fault) *Fault {
	var fault *Fault
	err := v.Members(func(name string, member wire.Value) error {
		if fault = f(name, member); fault != nil {
			return fault
		}
		return nil
	})
	if fault != nil || err == nil {
		return fault
	}
	return Syntax(err)
}

// compact takes white space out of JSON that has some.
func compact(json string) string {
	if !strings.ContainsAny(json, " \n\r\t") {
		return json
	}
	out, err := jsontext.AppendFormat(nil, json, jsontext.AllowDuplicateNames(true))
	if err != nil {
		return json
	}
	return string(out)
}
