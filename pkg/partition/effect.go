package partition

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Effect is something to be done. Unless an effect says otherwise it is answered
// by one Input of the like name, or by Failed.
type Effect interface{ effect() }

type (
	// TakeEpoch obtains producer id and epoch of the partition's transactional id.
	TakeEpoch struct{}
	// PeekTail looks at the end of an output: the newest record's producer, the highest id.
	PeekTail struct{ Output Output }
	// WriteFence writes the fence record with sequence 0; when Previous is set and has
	// another producer id, that one gets a closing fence first, in favour of ours. Who is
	// not the first to close it fails, Fenced.
	WriteFence struct {
		Output   Output
		Previous *Producer
		Record   cohort.Watermark
	}
	// LoadCheckpoint reads the checkpoint.
	LoadCheckpoint struct{}
	// ReadTail reads the output below the fence back to the first id of input offset From.
	ReadTail struct {
		Output Output
		Below  int64
		From   int64
	}
	// ReadAnchor reads the bounds of the log and the record at Offset (-1 = bounds only).
	ReadAnchor struct{ Offset int64 }
	// ReadCatalogue reads the catalogue record at Offset.
	ReadCatalogue struct{ Offset int64 }
	// FindCatalogue looks for the first catalogue record from Offset on.
	FindCatalogue struct{ Offset int64 }
	// AppendCatalogue appends the configured catalogue to the log.
	AppendCatalogue struct{ Stamp int64 }
	// AppendSweep appends a record of KindSweep with this name to the log.
	AppendSweep struct {
		Stamp int64
		Name  string
	}
	// Forward appends records to the logs of their people's partitions, in order. It may
	// be repeated whatever became of it.
	Forward struct {
		Seq    int64
		Events []event.Event
	}
	// LoadSlice reads everybody of a slice together with the checkpoint.
	LoadSlice struct{ Slice int }
	// StartFetch sets the position of the fetcher; answered by Fetched, again and again.
	StartFetch struct{ Offset int64 }
	// LoadPeople reads people together with the checkpoint.
	LoadPeople struct{ Keys []string }
	// LoadDeadlines reads Count deadline buckets from First on together with the checkpoint.
	LoadDeadlines struct {
		First int64
		Count int
	}
	// Publish appends transitions to their topic, in order; acknowledged by Acked with this Seq.
	// The slice is valid until the next Step.
	Publish struct {
		Seq   int64
		Items []cohort.Transition
	}
	// PublishProfiles appends state records, in order; acknowledged by Acked with this Seq.
	PublishProfiles struct {
		Seq   int64
		Items []cohort.Profile
	}
	// PublishWatermark appends a heartbeat to an output; acknowledged by Acked with this Seq.
	PublishWatermark struct {
		Output Output
		Seq    int64
		Record cohort.Watermark
	}
	// Commit writes people, deadlines and checkpoint at once, if the checkpoint still is Expect. Without
	// one (nil) it takes the place of all that the store has of the partition, in the same instant.
	Commit struct {
		Expect, Next []byte
		People       []Person
		Deadlines    []Bucket
		Drop         []int64
		Checkpoint   Checkpoint // Next, decoded: for lag display
	}
	// AppendTick appends a tick record with this stamp to the log.
	AppendTick struct{ Stamp int64 }
	// End ends the tenure. Final = the partition needs a person: do not begin again.
	End struct {
		Class  Failure // 0 = in good order
		Reason string
		Final  bool
	}
)

// Producer names the writer of a record.
type Producer struct {
	ID    int64
	Epoch int16
}

// Person is a person as the store keeps them.
type Person struct {
	Key  string
	Blob []byte
}

// Bucket is what is to be appended to one deadline bucket.
type Bucket struct {
	ID     int64
	Append []byte
}

func (TakeEpoch) effect()        {}
func (PeekTail) effect()         {}
func (WriteFence) effect()       {}
func (LoadCheckpoint) effect()   {}
func (ReadTail) effect()         {}
func (ReadAnchor) effect()       {}
func (ReadCatalogue) effect()    {}
func (FindCatalogue) effect()    {}
func (AppendCatalogue) effect()  {}
func (StartFetch) effect()       {}
func (LoadPeople) effect()       {}
func (LoadDeadlines) effect()    {}
func (Publish) effect()          {}
func (PublishProfiles) effect()  {}
func (PublishWatermark) effect() {}
func (Commit) effect()           {}
func (AppendTick) effect()       {}
func (AppendSweep) effect()      {}
func (Forward) effect()          {}
func (LoadSlice) effect()        {}
func (End) effect()              {}
