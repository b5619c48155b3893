package through

import (
	"context"
	"fmt"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// readAtOnce bounds the records that are held beside what comes of them.
const readAtOnce = 20_000

// collect reads the topic of transitions to its end.
func collect(ctx context.Context, kafka *kafkaio.Client, cfg Config) (*simulate.Outcome, error) {
	for p := range int32(partitions) {
		from, to, err := kafka.Offsets(ctx, schemas.QuarantineTopic, p)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", schemas.QuarantineTopic, err)
		}
		if to > from {
			return nil, fmt.Errorf("ingest did not understand %d events and put them into quarantine: the answer would be wrong", to-from)
		}
	}
	all := simulate.NewCollector(cfg.Cohorts)
	for p := range int32(partitions) {
		from, to, err := kafka.Offsets(ctx, schemas.TransitionsTopic, p)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", schemas.TransitionsTopic, err)
		}
		for ; from < to; from += readAtOnce {
			records, err := kafka.ReadRange(ctx, schemas.TransitionsTopic, p, from, min(from+readAtOnce, to))
			if err != nil {
				return nil, fmt.Errorf("read %s, partition %d from %d: %w", schemas.TransitionsTopic, p, from, err)
			}
			for i := range records {
				if err := take(all, &records[i], cfg.Until); err != nil {
					return nil, fmt.Errorf("read %s, partition %d, offset %d: %w", schemas.TransitionsTopic, p, records[i].Offset, err)
				}
			}
		}
	}
	return all.Outcome(), nil
}

func take(all *simulate.Collector, r *kafkaio.Record, until int64) error {
	var t cohort.Transition
	op, err := avrocodec.DecodeTransition(r.Value, &t, nil)
	if err != nil {
		return err
	}
	if (op != cohort.OpEnter && op != cohort.OpExit) || t.EffectiveAt > until {
		return nil
	}
	return all.Add(t.Person, t.Cohort, t.EffectiveAt, op == cohort.OpEnter)
}
