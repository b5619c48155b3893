package through

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// Script is what is sent: every event of somebody, whether a condition asks about it or
// not. It is kept in memory until it is sent.
type Script struct {
	program *cohort.Program
	roles   simulate.Roles
	calls   []call
}

// call is one call of the Pipelines API.
type call struct {
	at       int64
	person   string
	id, name string
	kind     event.Kind
	props    event.Properties
}

// NewScript makes an empty one.
func NewScript(program *cohort.Program, roles simulate.Roles) *Script {
	return &Script{program: program, roles: roles}
}

// types of calls by the kind of event that becomes of them.
//
//nolint:gochecknoglobals // a table
var types = map[event.Kind]string{
	event.KindTrack: "track", event.KindIdentify: "identify", event.KindPage: "page", event.KindScreen: "screen", event.KindGroup: "group",
}

// Add takes one event that plays, which is the number-th of the recordings. One that plays a part of the
// catalogue by another name is sent under that, and once more for each further part that
// it plays, all with its own id.
func (s *Script) Add(e *event.Event, number int) error {
	id := e.ID
	if id == "" {
		id = simulate.RowID(number)
	}
	known, parts := s.program.Match(e), s.roles[e.Name]
	if len(parts) == 0 || known != 0 || s.program.Tells(e) {
		if err := s.add(e, id); err != nil {
			return err
		}
	}
	for i := range parts {
		as := *e
		parts[i].Play(&as)
		patterns := s.program.Match(&as)
		if patterns&^known == 0 {
			continue
		}
		known |= patterns
		if err := s.add(&as, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Script) add(e *event.Event, id string) error {
	if types[e.Kind] == "" || e.Source != "" && e.Source != event.SourcePipelines {
		return fmt.Errorf("--through sends calls of the Pipelines API, and none of them becomes an event of kind %s by the road %s: leave such events out, or simulate without --through", e.Kind, e.Source)
	}
	if e.EventAt <= 0 {
		return errors.New("--through can send no event from before 1970: ingest refuses it")
	}
	s.calls = append(s.calls, call{
		at: e.EventAt, person: strings.Clone(e.Person), id: strings.Clone(id), name: strings.Clone(e.Name), kind: e.Kind, props: e.Properties,
	})
	return nil
}

// queues deals the calls out to the partitions, each in the order of time, those of one
// instant by their ids, as the core alone has them. It tells the last instant, too.
func (s *Script) queues(until int64) (queues [partitions][]*call, last int64) {
	slices.SortStableFunc(s.calls, func(a, b call) int { return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.id, b.id)) })
	for i := range s.calls {
		c := &s.calls[i]
		if c.at > until {
			break
		}
		last = c.at
		p := kafkaio.PartitionFor(c.person, partitions)
		queues[p] = append(queues[p], c)
	}
	return queues, last
}

// append writes the call as JSON.
func (c *call) append(dst []byte) ([]byte, error) {
	fields := map[string]any{}
	for name, v := range c.props.Strings {
		fields[name] = v
	}
	for name, v := range c.props.Numbers {
		fields[name] = v
	}
	for name, v := range c.props.Booleans {
		fields[name] = v
	}
	for name, v := range c.props.Nested {
		fields[name] = json.RawMessage(v)
	}
	message := map[string]any{
		"type": types[c.kind], "messageId": c.id, "userId": c.person, "timestamp": time.UnixMilli(c.at).UTC().Format(simulate.TimeFormat),
	}
	body := "properties"
	switch c.kind {
	case event.KindTrack:
		message["event"] = c.name
	case event.KindPage, event.KindScreen:
		message["name"] = c.name
	case event.KindGroup:
		body, message["groupId"] = "traits", "group"
		if id, ok := c.props.Strings["group_id"]; ok {
			message["groupId"] = id
		}
	default:
		body = "traits"
	}
	if len(fields) > 0 {
		message[body] = fields
	}
	text, err := json.Marshal(message)
	if err != nil {
		return dst, fmt.Errorf("event %s: %w", strconv.Quote(c.id), err)
	}
	return append(dst, text...), nil
}
