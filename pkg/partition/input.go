package partition

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Output is one topic that the owner of a partition writes behind the fence.
type Output uint8

// Outputs. Transitions is the log of what changed and is on the latency path;
// Profiles is the state, written with each checkpoint.
const (
	Transitions Output = iota
	Profiles
	outputs
)

// Record is one record of the log, decoded.
type Record struct {
	Offset   int64
	Stamp    int64        // see Stamp; ms
	Event    *event.Event // without properties, where Config.Read is set
	whole    bool         // the properties have been read
	Contacts [][]byte     // sealed contacts that the event names
	Account  [2][]byte    // those of them that are the email and the phone of the person's own account
	Key      []byte       // as they stand in the log: the anchor's checksum is over both
	Value    []byte
	Bad      bool // could not be decoded: it counts for the offset and for nothing else
}

// Stamp is what a record says about log time: accepted_at, but never more than
// slack ahead of the broker's own append time where the topic carries it. So one
// sender with a wrong clock cannot run the partition's windows out; and it is a
// function of the record alone.
func Stamp(acceptedAt, appendedAt, slack int64) int64 {
	if appendedAt > 0 && acceptedAt > appendedAt+slack {
		return appendedAt
	}
	return acceptedAt
}

// Failure classes: what the executor knows about an effect that did not work.
type Failure uint8

// Failures. NotSent is the only one after which the same effect may simply be tried again.
const (
	NotSent   Failure = iota + 1 // surely had no effect
	Ambiguous                    // may or may not have had its effect
	Conflict                     // the checkpoint is another one: somebody else wrote, or the store went back
	Fenced                       // a newer epoch has written
	Refused                      // the store refused; nothing was written
	Damaged                      // what was read cannot be right
	Lost                         // what should be in the log is not there
)

func (f Failure) String() string {
	return [...]string{"none", "not sent", "ambiguous", "conflict", "fenced", "refused", "damaged", "lost"}[f]
}

// Input is something that happened.
type Input interface{ input() }

type (
	// Begin starts the tenure. Now is the owner's wall clock, ms; it is used for
	// waiting and for ticks, never for a decision about a person.
	Begin struct{ Now int64 }
	// EpochTaken answers TakeEpoch.
	EpochTaken struct {
		ProducerID int64
		Epoch      int16
	}
	// TailPeeked answers PeekTail: what the newest record of the output says.
	TailPeeked struct {
		Output     Output
		Empty      bool
		ProducerID int64 // who may write behind it: its writer, or for whom a closing fence closed that
		Epoch      int16
		Last       cohort.ID // highest transition id in the tail, Offset -1 = none
		Tenure     int64     // highest tenure number seen in the tail
	}
	// FenceWritten answers WriteFence. Offset is that of the fence record.
	FenceWritten struct {
		Output Output
		Offset int64
	}
	// CheckpointLoaded answers LoadCheckpoint; nil bytes = there is none.
	CheckpointLoaded struct{ Bytes []byte }
	// TailRead answers ReadTail.
	TailRead struct {
		Output    Output
		Last      cohort.ID            // highest id up to the fence, Offset -1 = none
		Processed int64                // highest that a watermark there tells: all that records below it caused is in the logs
		Published map[cohort.ID]uint64 // Digest of what stands there, for ids from the asked offset on (newest part at least)
	}
	// AnchorRead answers ReadAnchor.
	AnchorRead struct {
		Start, End int64 // first offset that the log still has; offset that the next record gets
		Found      bool
		ID         uint64
		Sum        uint32
	}
	// CatalogueRead answers ReadCatalogue and FindCatalogue; Offset -1 = the log has none.
	CatalogueRead struct {
		Offset int64
		Text   string
		Former []string // cohorts that were no more, as records of the first release say
	}
	// CatalogueAppended answers AppendCatalogue.
	CatalogueAppended struct{}
	// Fetched brings the records of offsets From to Next, in order; End = offset of the
	// log's end as known.
	Fetched struct {
		Records []Record
		From    int64
		Next    int64
		End     int64
	}
	// PeopleLoaded answers LoadPeople; Blobs[i] nil = nobody of that key.
	PeopleLoaded struct {
		Checkpoint []byte
		Keys       []string
		Blobs      [][]byte
	}
	// DeadlinesLoaded answers LoadDeadlines.
	DeadlinesLoaded struct {
		Checkpoint []byte
		First      int64
		Buckets    [][]byte
	}
	// Acked says that everything of Output up to publish number Seq is acknowledged.
	Acked struct {
		Output Output
		Seq    int64
	}
	// SliceLoaded answers LoadSlice; people come in any order.
	SliceLoaded struct {
		Checkpoint []byte
		Keys       []string
		Blobs      [][]byte
	}
	// Forwarded answers Forward.
	Forwarded struct{ Seq int64 }
	// SweepAppended answers AppendSweep.
	SweepAppended struct{}
	// Committed answers Commit.
	Committed struct{}
	// TickAppended answers AppendTick.
	TickAppended struct{}
	// Failed answers any effect that did not work. Retry says which one may be asked for again.
	Failed struct {
		Effect Effect
		Class  Failure
		Err    error
	}
	// Wake says that time has passed.
	Wake struct{ Now int64 }
	// Continue goes on with records that a Step left over (see Machine.Ready).
	Continue struct{ Now int64 }
	// Stop asks for an end in good order: what was read is committed, then the tenure ends.
	Stop struct{ Now int64 }
)

func (Begin) input()             {}
func (EpochTaken) input()        {}
func (TailPeeked) input()        {}
func (FenceWritten) input()      {}
func (CheckpointLoaded) input()  {}
func (TailRead) input()          {}
func (AnchorRead) input()        {}
func (CatalogueRead) input()     {}
func (CatalogueAppended) input() {}
func (Fetched) input()           {}
func (PeopleLoaded) input()      {}
func (DeadlinesLoaded) input()   {}
func (Acked) input()             {}
func (SliceLoaded) input()       {}
func (Forwarded) input()         {}
func (SweepAppended) input()     {}
func (Committed) input()         {}
func (TickAppended) input()      {}
func (Failed) input()            {}
func (Wake) input()              {}
func (Continue) input()          {}
func (Stop) input()              {}
