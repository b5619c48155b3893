package audit

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Record is one record of a topic as the broker has it.
type Record struct {
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	At        int64             `json:"at"` // the broker's time stamp, ms
	Key       []byte            `json:"key"`
	Value     []byte            `json:"value"` // nil = tombstone
	Headers   map[string]string `json:"headers,omitempty"`
}

// Place names a record for people.
func (r *Record) Place() string {
	return fmt.Sprintf("%s/%d at %d", r.Topic, r.Partition, r.Offset)
}

// Books are all records that an audit looks at, by topic and partition, in offset order.
type Books map[string][][]Record

// Taken is one activity that the destination says it has got.
type Taken struct {
	TransitionID string    `json:"transition_id"`
	Asked        time.Time `json:"asked,omitzero"` // when the request came in
	At           time.Time `json:"at,omitzero"`    // when it was taken
}

// id is a transition id, taken apart.
type id struct {
	partition       int32
	offset, ordinal int64
}

func parseID(text string) (id, error) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return id{}, fmt.Errorf("transition id %q: want partition-offset-ordinal", text)
	}
	var n [3]int64
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 10, 64)
		if err != nil || v < 0 {
			return id{}, fmt.Errorf("transition id %q: want three whole numbers", text)
		}
		n[i] = v
	}
	return id{int32(n[0]), n[1], n[2]}, nil
}

func (a id) compare(b id) int {
	return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.ordinal, b.ordinal))
}
