package tail

import (
	"context"
	"fmt"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/oracle"
)

// Produced is what the topic of transitions holds.
type Produced struct {
	Transitions []cohort.Transition
	Erased      []cohort.Transition // proofs of erasures
	Watermarks  []cohort.Watermark  // newest of each partition that has one
}

// Transitions reads cohort.transitions.v1 to its present end. Records of unknown
// kind, or without a value, are errors: the topic is not compacted.
func Transitions(ctx context.Context, c *kafkaio.Client, partitions int) (Produced, error) {
	records, err := Read(ctx, c, schemas.TransitionsTopic, partitions)
	if err != nil {
		return Produced{}, err
	}
	return decodeTransitions(records)
}

func decodeTransitions(records []kafkaio.Record) (Produced, error) {
	var out Produced
	newest := map[int32]cohort.Watermark{}
	for i := range records {
		r := &records[i]
		var t cohort.Transition
		var w cohort.Watermark
		op, err := avrocodec.DecodeTransition(r.Value, &t, &w)
		if err != nil {
			return Produced{}, fmt.Errorf("transition at partition %d, offset %d: %w", r.Partition, r.Offset, err)
		}
		switch op {
		case cohort.OpEnter, cohort.OpExit:
			t.Op = op
			out.Transitions = append(out.Transitions, t)
		case cohort.OpErased:
			t.Op = op
			out.Erased = append(out.Erased, t)
		case cohort.OpWatermark:
			newest[r.Partition] = w
		case cohort.OpUnknown:
			return Produced{}, fmt.Errorf("transition at partition %d, offset %d: unknown op", r.Partition, r.Offset)
		}
	}
	for p := int32(0); len(out.Watermarks) < len(newest); p++ {
		if w, ok := newest[p]; ok {
			out.Watermarks = append(out.Watermarks, w)
		}
	}
	return out, nil
}

// Rows are the transitions in the form of the expected answers.
func (p Produced) Rows() []oracle.Row {
	rows := make([]oracle.Row, len(p.Transitions))
	for i := range p.Transitions {
		t := &p.Transitions[i]
		rows[i] = oracle.Row{Cohort: t.Cohort, Person: t.Person, At: t.EffectiveAt, Op: oracle.Enter}
		if t.Op == cohort.OpExit {
			rows[i].Op = oracle.Exit
		}
	}
	return rows
}

// Gaps lists what is wrong with the numbering per person: a version that does not
// follow its predecessor, one that comes twice, a first one that is not 1.
func (p Produced) Gaps() []string {
	var faults []string
	last := map[string]int64{}
	for i := range p.Transitions {
		t := &p.Transitions[i]
		if t.Version != last[t.Person]+1 {
			faults = append(faults, fmt.Sprintf("partition %d, transition %s: version %d after %d",
				t.ID.Partition, avrocodec.FormatID(t.ID), t.Version, last[t.Person]))
		}
		last[t.Person] = max(last[t.Person], t.Version)
	}
	return faults
}
