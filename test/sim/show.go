package main

import (
	"fmt"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

var ops = map[cohort.Op]string{cohort.OpEnter: "enters", cohort.OpExit: "leaves", cohort.OpErased: "erased"}

func show(t *cohort.Transition) string {
	return fmt.Sprintf("%d.%d %s v%d %s %s (%s, effective %d, decided %d)", t.ID.Offset, t.ID.Ordinal, t.Person, t.Version, ops[t.Op], t.Cohort, t.Reason, t.EffectiveAt-start, t.DecidedAt-start)
}

func showInput(in partition.Input) string {
	switch in := in.(type) {
	case partition.Fetched:
		return fmt.Sprintf("Fetched %d..%d of %d", in.From, in.Next, in.End)
	case partition.CheckpointLoaded:
		return "CheckpointLoaded " + showCheckpoint(in.Bytes)
	case partition.PeopleLoaded:
		return fmt.Sprintf("PeopleLoaded %v at %s", in.Keys, showCheckpoint(in.Checkpoint))
	case partition.SliceLoaded:
		return fmt.Sprintf("SliceLoaded %v at %s", in.Keys, showCheckpoint(in.Checkpoint))
	case partition.DeadlinesLoaded:
		return fmt.Sprintf("DeadlinesLoaded from %d, %d buckets at %s", in.First, len(in.Buckets), showCheckpoint(in.Checkpoint))
	case partition.TailRead:
		return fmt.Sprintf("TailRead %d last=%d.%d processed=%d published=%d", in.Output, in.Last.Offset, in.Last.Ordinal, in.Processed, len(in.Published))
	case partition.Acked:
		return fmt.Sprintf("Acked %d: %d", in.Output, in.Seq)
	case partition.Failed:
		return fmt.Sprintf("Failed %s: %v", name(in.Effect), in.Class)
	case partition.AnchorRead:
		return fmt.Sprintf("AnchorRead log is %d..%d, found %v", in.Start, in.End, in.Found)
	case partition.CatalogueRead:
		return fmt.Sprintf("CatalogueRead %s at %d", in.Text, in.Offset)
	case partition.Wake, partition.Continue:
		return name(in)
	default:
		return fmt.Sprintf("%s %+v", name(in), in)
	}
}

func showCheckpoint(b []byte) string {
	if b == nil {
		return "no checkpoint"
	}
	c, err := partition.DecodeCheckpoint(b)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("checkpoint %d.%d log time %d tenure %d number %d sweep %d", c.Offset, c.Ordinal, c.LogTime-start, c.Tenure, c.Seq, c.Sweep)
}

func showEffect(e partition.Effect) string {
	switch e := e.(type) {
	case partition.Publish:
		var b strings.Builder
		fmt.Fprintf(&b, "Publish %d:", e.Seq)
		for i := range e.Items {
			b.WriteString(" [" + show(&e.Items[i]) + "]")
		}
		return b.String()
	case partition.PublishProfiles:
		var b strings.Builder
		fmt.Fprintf(&b, "PublishProfiles %d:", e.Seq)
		for i := range e.Items {
			p := &e.Items[i]
			fmt.Fprintf(&b, " [%s v%d of %d.%d deleted=%v]", p.Person, p.Version, p.ID.Offset, p.ID.Ordinal, p.Deleted)
		}
		return b.String()
	case partition.WriteFence:
		last := "nobody"
		if e.Previous != nil {
			last = fmt.Sprintf("producer %d epoch %d", e.Previous.ID, e.Previous.Epoch)
		}
		return fmt.Sprintf("WriteFence %d after %s, tenure %d, last %d.%d", e.Output, last, e.Record.Tenure, e.Record.Last.Offset, e.Record.Last.Ordinal)
	case partition.Commit:
		keys := make([]string, len(e.People))
		for i := range e.People {
			keys[i] = e.People[i].Key
		}
		return fmt.Sprintf("Commit %s -> %s of %v", showCheckpoint(e.Expect), showCheckpoint(e.Next), keys)
	case partition.Forward:
		var b strings.Builder
		fmt.Fprintf(&b, "Forward %d:", e.Seq)
		for i := range e.Events {
			b.WriteString(" [" + e.Events[i].Person + " " + e.Events[i].ID + "]")
		}
		return b.String()
	default:
		return fmt.Sprintf("%s %+v", name(e), e)
	}
}

func name(v any) string { return strings.TrimPrefix(fmt.Sprintf("%T", v), "partition.") }
