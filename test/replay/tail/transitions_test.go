package tail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/oracle"
)

func transition(person string, offset, version int64, op cohort.Op) kafkaio.Record {
	return kafkaio.Record{Partition: 3, Value: avrocodec.AppendTransition(nil, 1, &cohort.Transition{
		ID: cohort.ID{Partition: 3, Offset: offset}, Op: op, Person: person, Cohort: "c", EffectiveAt: offset * 10, Version: version,
	})}
}

func watermark(partition int32, processed int64) kafkaio.Record {
	return kafkaio.Record{Partition: partition, Value: avrocodec.AppendTransitionWatermark(nil, 1, &cohort.Watermark{Partition: partition, Processed: processed})}
}

func TestTransitions_GiveRowsWatermarksAndGaps(t *testing.T) {
	got, err := decodeTransitions([]kafkaio.Record{
		watermark(3, 1), transition("a", 1, 1, cohort.OpEnter), transition("b", 2, 1, cohort.OpEnter), watermark(1, 9),
		transition("a", 3, 2, cohort.OpExit), transition("b", 4, 3, cohort.OpExit), watermark(3, 5), transition("a", 5, 2, cohort.OpExit),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []oracle.Row{
		{Cohort: "c", Person: "a", At: 10, Op: oracle.Enter},
		{Cohort: "c", Person: "b", At: 20, Op: oracle.Enter},
		{Cohort: "c", Person: "a", At: 30, Op: oracle.Exit},
		{Cohort: "c", Person: "b", At: 40, Op: oracle.Exit},
		{Cohort: "c", Person: "a", At: 50, Op: oracle.Exit},
	}
	if diff := cmp.Diff(want, got.Rows()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(got.Watermarks) != 2 || got.Watermarks[0].Processed != 9 || got.Watermarks[1].Processed != 5 {
		t.Errorf("watermarks: got %+v, want the newest of partitions 1 and 3", got.Watermarks)
	}
	gaps := []string{"partition 3, transition 3-4-0: version 3 after 1", "partition 3, transition 3-5-0: version 2 after 2"}
	if diff := cmp.Diff(gaps, got.Gaps()); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestTransitions_RefuseWhatIsNoTransition(t *testing.T) {
	_, err := decodeTransitions([]kafkaio.Record{{Partition: 2, Offset: 7}})
	if err == nil || !strings.Contains(err.Error(), "partition 2, offset 7") {
		t.Errorf("got %v, want an error that names the place", err)
	}
}
