package audit

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/twmb/avro"

	"github.com/cohortflow/cohortflow/schemas"
)

// The fields of each record that an audit needs, by their names in the schemas.

type eventRecord struct {
	Kind       string             `avro:"kind"`
	Source     string             `avro:"source"`
	ID         string             `avro:"event_id"`
	Name       *string            `avro:"name"`
	EventAt    int64              `avro:"event_at"`
	AcceptedAt int64              `avro:"accepted_at"`
	Person     *string            `avro:"person"`
	CustomerID *string            `avro:"customer_id"`
	Email      *string            `avro:"email"`
	Phone      *string            `avro:"phone"`
	Strings    map[string]string  `avro:"strings"`
	Numbers    map[string]float64 `avro:"numbers"`
	Nested     map[string]string  `avro:"nested"`
}

type transitionRecord struct {
	Op           string   `avro:"op"`
	ID           string   `avro:"transition_id"`
	Person       string   `avro:"person"`
	Cohort       string   `avro:"cohort"`
	EffectiveAt  int64    `avro:"effective_at"`
	DecidedAt    int64    `avro:"decided_at"`
	Reason       string   `avro:"reason"`
	Elapsed      bool     `avro:"elapsed"`
	Version      int64    `avro:"version"`
	Contacts     [][]byte `avro:"contacts"`
	Processed    *int64   `avro:"processed"`
	Tenure       *int64   `avro:"tenure"`
	WarmingUntil *int64   `avro:"warming_until"`
}

type profileRecord struct {
	Op          string `avro:"op"`
	Person      string `avro:"person"`
	Version     int64  `avro:"version"`
	ID          string `avro:"transition_id"`
	Memberships []struct {
		Cohort     string `avro:"cohort"`
		EnteredAt  int64  `avro:"entered_at"`
		ValidUntil *int64 `avro:"valid_until"`
	} `avro:"memberships"`
	Processed *int64 `avro:"processed"`
}

type suppressionRecord struct {
	Op        string `avro:"op"`
	Audience  string `avro:"audience"`
	Subject   string `avro:"subject"`
	Cohort    string `avro:"cohort"`
	Version   int64  `avro:"version"`
	Reason    string `avro:"reason"`
	ID        string `avro:"transition_id"`
	Processed *int64 `avro:"processed"`
}

type receiptRecord struct {
	Destination string `avro:"destination"`
	ID          string `avro:"transition_id"`
	Person      string `avro:"person"`
	Cohort      string `avro:"cohort"`
	Version     int64  `avro:"version"`
	Outcome     string `avro:"outcome"`
}

// codec reads Confluent's wire format with the schemas that stand in the repository.
type codec struct {
	texts   map[uint32]string
	readers map[reader]*avro.Schema
}

// reader is how records of one written schema are read into one type.
type reader struct {
	written uint32
	into    reflect.Type
}

func newCodec() *codec {
	c := &codec{texts: make(map[uint32]string), readers: make(map[reader]*avro.Schema)}
	for _, v := range schemas.Versions() {
		// Instants are read as the whole milliseconds that they are.
		c.texts[v.ID] = strings.ReplaceAll(v.Text, `, "logicalType": "timestamp-millis"`, "")
	}
	return c
}

func (c *codec) decode(r *Record, into any) error {
	if len(r.Value) < 5 || r.Value[0] != 0 {
		return fmt.Errorf("%s: the value is not in Confluent's wire format", r.Place())
	}
	s, err := c.reader(reader{binary.BigEndian.Uint32(r.Value[1:5]), reflect.TypeOf(into).Elem()})
	if err != nil {
		return fmt.Errorf("%s: %w", r.Place(), err)
	}
	rest, err := s.Decode(r.Value[5:], into)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Place(), err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s: %d bytes are left over", r.Place(), len(rest))
	}
	return nil
}

// reader gives the schema that reads what was written and passes over all fields that the type has not.
func (c *codec) reader(of reader) (*avro.Schema, error) {
	if s := c.readers[of]; s != nil {
		return s, nil
	}
	written := c.texts[of.written]
	if written == "" {
		return nil, fmt.Errorf("schema %d is none of the embedded ones: this audit does not ask a registry", of.written)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(written), &document); err != nil {
		return nil, err
	}
	wanted := make(map[string]bool)
	for field := range of.into.Fields() {
		wanted[field.Tag.Get("avro")] = true
	}
	var kept []any
	for _, field := range document["fields"].([]any) {
		if wanted[field.(map[string]any)["name"].(string)] {
			kept = append(kept, field)
		}
	}
	for len(kept) < len(wanted) && wanted["warming_until"] { // the first version has none
		kept = append(kept, map[string]any{"name": "warming_until", "type": []any{"null", "long"}, "default": nil})
	}
	document["fields"] = kept
	pruned, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	from, err := avro.Parse(written)
	if err != nil {
		return nil, err
	}
	to, err := avro.Parse(string(pruned))
	if err != nil {
		return nil, err
	}
	s, err := avro.Resolve(from, to)
	if err != nil {
		return nil, err
	}
	c.readers[of] = s
	return s, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
