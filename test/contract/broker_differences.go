package contract

// Where a broker answers something else than Apache Kafka.
var (
	fencesAtOnce       = &Difference{"an old epoch is refused everywhere as soon as a newer one is given out", Embedded}
	fencesByRefused    = &Difference{"a newer epoch shuts out older ones even when its batch is refused", Embedded}
	closesTheID        = &Difference{"a closed producer id is not given out again", Embedded}
	forgetsUsedUp      = &Difference{"a used up producer id is forgotten", Embedded}
	firstIsZero        = &Difference{"a topic that never had a record takes nothing but sequence 0", Embedded}
	wrapsEarly         = &Difference{"sequences wrap one early", Embedded}
	neverForgets       = &Difference{"producers are never forgotten", Embedded}
	tellsNobody        = &Difference{"only producers of transactions are described", Embedded}
	noHoles            = &Difference{"every offset has its record", Simulated}
	remembersElections = &Difference{"the next leader recognises all five batches", Simulated}
	remembersMore      = &Difference{"a log recognises a repeat among its last 64 records, whoever wrote them", Simulated}
	remembersRestarts  = &Difference{"after a restart all five batches are recognised", Embedded}
)

// BrokerDifferences are all of them.
var BrokerDifferences = []*Difference{
	fencesAtOnce, fencesByRefused, closesTheID, forgetsUsedUp, firstIsZero, wrapsEarly, neverForgets, tellsNobody, noHoles, remembersElections, remembersMore, remembersRestarts,
}
