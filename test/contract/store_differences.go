package contract

// Where a store answers something else than a Redis.
var (
	losesNoOther = &Difference{"nothing gets lost but a checkpoint or everything", Simulated}
	neverRefuses = &Difference{"nothing is ever refused", Embedded}
	noReplica    = &Difference{"there is no replica", Embedded}
)

// StoreDifferences are all of them.
var StoreDifferences = []*Difference{losesNoOther, neverRefuses, noReplica}
