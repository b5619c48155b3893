//go:build crashpoints

package owner

import (
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// asked is visited when an effect is about to be carried out.
func asked(e partition.Effect) {
	switch e := e.(type) {
	case partition.TakeEpoch:
		crashpoint.Near("processor.epoch.sent")
	case partition.WriteFence:
		crashpoint.Near("processor.fence.sent")
	case partition.AppendCatalogue:
		crashpoint.Near("processor.catalogue.sent")
	case partition.AppendTick:
		crashpoint.Near("processor.tick.sent")
	case partition.AppendSweep:
		crashpoint.Near("processor.sweep.sent")
	case partition.Forward:
		crashpoint.Near("processor.forward.sent")
	case partition.Commit:
		if e.Expect == nil {
			crashpoint.Near("processor.rebuild.sent")
		}
		crashpoint.Near("processor.commit.sent")
	case partition.Publish:
		crashpoint.At("processor.publish.decided")
	}
}

// handed is visited when records are with a fenced writer and not acknowledged.
func handed(e partition.Effect) {
	switch e.(type) {
	case partition.Publish:
		crashpoint.Near("processor.publish.sent")
	case partition.PublishProfiles:
		crashpoint.Near("processor.profiles.sent")
	case partition.PublishWatermark:
		crashpoint.Near("processor.watermark.sent")
	}
}

// answered is visited when an effect has been carried out and the machine has not heard of it yet.
func answered(e partition.Effect) {
	switch e := e.(type) {
	case partition.TakeEpoch:
		crashpoint.At("processor.epoch.answered")
	case partition.WriteFence:
		crashpoint.At([...]string{"processor.fence.transitions", "processor.fence.profiles"}[e.Output])
	case partition.LoadCheckpoint:
		crashpoint.At("processor.checkpoint.loaded")
	case partition.ReadTail:
		crashpoint.At("processor.tail.read")
	case partition.ReadAnchor:
		crashpoint.At("processor.anchor.read")
	case partition.AppendCatalogue:
		crashpoint.At("processor.catalogue.appended")
	case partition.AppendTick:
		crashpoint.At("processor.tick.appended")
	case partition.AppendSweep:
		crashpoint.At("processor.sweep.appended")
	case partition.Forward:
		crashpoint.At("processor.forward.answered")
	case partition.LoadPeople:
		crashpoint.At("processor.people.loaded")
	case partition.LoadDeadlines:
		crashpoint.At("processor.deadlines.loaded")
	case partition.LoadSlice:
		crashpoint.At("processor.slice.loaded")
	case partition.Commit:
		crashpoint.At("processor.commit.answered")
	case partition.Publish:
		crashpoint.At("processor.publish.acked")
	case partition.PublishProfiles:
		crashpoint.At("processor.profiles.acked")
	case partition.PublishWatermark:
		crashpoint.At("processor.watermark.acked")
	}
}
