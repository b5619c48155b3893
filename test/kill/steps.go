package main

import "strings"

// step is a place at which a service is killed; the names are those in the services.
type step struct {
	name    string
	prepare preparation
}

// preparation is what has to be so for a step to be visited at all.
type preparation int

const (
	traffic      preparation = iota // comes by itself while events come
	emptyStore                      // the state store is emptied before the start
	newCatalogue                    // the process is started with another catalogue
	goodOrder                       // the process is asked to end
)

func (s step) service() string {
	service, _, _ := strings.Cut(s.name, ".")
	return service
}

// allSteps lists every step, in the order of docs/delivery.md.
func allSteps() []step {
	return []step{
		{"ingest.quarantine.before", traffic},
		{"ingest.quarantine.sent", traffic},
		{"ingest.quarantine.acked", traffic},
		{"ingest.events.before", traffic},
		{"ingest.events.sent", traffic},
		{"ingest.events.acked", traffic},
		{"ingest.answer.sent", traffic},

		{"processor.epoch.sent", traffic},
		{"processor.epoch.answered", traffic},
		{"processor.fence.sent", traffic},
		{"processor.fence.transitions", traffic},
		{"processor.fence.profiles", traffic},
		{"processor.checkpoint.loaded", traffic},
		{"processor.tail.read", traffic},
		{"processor.anchor.read", traffic},
		{"processor.fetched", traffic},
		{"processor.people.loaded", traffic},
		{"processor.deadlines.loaded", traffic},
		{"processor.publish.decided", traffic},
		{"processor.publish.sent", traffic},
		{"processor.publish.acked", traffic},
		{"processor.profiles.sent", traffic},
		{"processor.profiles.acked", traffic},
		{"processor.rebuild.sent", emptyStore},
		{"processor.commit.sent", traffic},
		{"processor.commit.answered", traffic},
		{"processor.forward.sent", traffic},
		{"processor.forward.answered", traffic},
		{"processor.tick.sent", traffic},
		{"processor.tick.appended", traffic},
		{"processor.watermark.sent", traffic},
		{"processor.watermark.acked", traffic},
		{"processor.catalogue.sent", newCatalogue},
		{"processor.catalogue.appended", newCatalogue},
		{"processor.sweep.sent", newCatalogue},
		{"processor.sweep.appended", newCatalogue},
		{"processor.slice.loaded", newCatalogue},
		{"processor.closing.begun", goodOrder},
		{"processor.closing.ended", goodOrder},

		{"sink.ads.epoch.answered", traffic},
		{"sink.ads.tail.read", traffic},
		{"sink.ads.fence.sent", traffic},
		{"sink.ads.fence.answered", traffic},
		{"sink.ads.tail.closed", traffic},
		{"sink.saleswings.taken", traffic},
		{"sink.saleswings.request.ready", traffic},
		{"sink.saleswings.request.sent", traffic},
		{"sink.saleswings.request.answered", traffic},
		{"sink.saleswings.ambiguous.sent", traffic},
		{"sink.saleswings.ambiguous.kept", traffic},
		{"sink.saleswings.outcome.kept", traffic},
		{"sink.saleswings.deadletter.kept", traffic},
		{"sink.saleswings.position.sent", traffic},
		{"sink.saleswings.position.committed", traffic},
		{"sink.saleswings.closing.begun", goodOrder},
		{"sink.journal.sent", traffic},
		{"sink.journal.acked", traffic},
		{"sink.ads.append.sent", traffic},
		{"sink.ads.append.acked", traffic},
		{"sink.ads.receipt.queued", traffic},
		{"sink.ads.watermark.sent", traffic},
		{"sink.ads.closing.begun", goodOrder},
	}
}
