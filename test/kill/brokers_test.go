package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/schemas"
)

// Three brokers, every record on each: whatever may happen to them happens, and in the end what must not.
func TestBrokers_FailInEveryWay(t *testing.T) {
	f := beginOn(t, t.TempDir(), parts{cluster: true})
	for _, name := range []string{"processor", "sink"} {
		if err := f.twin(name); err != nil {
			t.Fatal(err)
		}
	}
	faults := f.brokerFaults()
	if *long {
		faults = append(faults, f.slowBrokerFaults()...)
	}
	f.endure(t, faults)
	if t.Failed() {
		return
	}
	if err := f.services["processor-2"].stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("UncleanElectionStopsLoudly", f.uncleanElection)
}

// An unclean election takes back what was acknowledged. Nothing can make that good, so every partition that lost what
// it has worked off stops, also when its log has grown again, and says what happened.
func (f *flow) uncleanElection(t *testing.T) {
	w := f.witness(t)
	_, silence := f.live(t)
	ctx := t.Context()
	if err := alterTopic(ctx, w.client, schemas.EventsTopic, "unclean.leader.election.enable", "true"); err != nil {
		t.Fatal(err)
	}
	w.goesOn(t, 0, 1, 2, 3)
	lagging := f.cluster.Brokers[2]
	if err := errors.Join(lagging.Kill9(), f.settles(ctx, 2)); err != nil {
		t.Fatal(err)
	}
	w.grows(t, w.ends(t, schemas.EventsTopic), 0, 1, 2, 3)
	w.goesOn(t, 0, 1, 2, 3) // so that every partition has worked off what will be lost
	if err := f.elects(ctx, lagging); err != nil {
		t.Fatal(err)
	}
	all := []string{"partition 0 stopped", "partition 1 stopped", "partition 2 stopped", "partition 3 stopped", "truncated"}
	w.says(t, all...)
	w.publishesNothing(t, 0, 1, 2, 3)

	// Whoever starts now, on logs that have grown again, sees it too.
	processor := f.services["processor"]
	if err := errors.Join(processor.stop(), f.start("processor")); err != nil {
		t.Fatal(err)
	}
	w.says(t, all...)
	w.publishesNothing(t, 0, 1, 2, 3)
	silence()
}

func alterTopic(ctx context.Context, client *kgo.Client, topic, name, value string) error {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	of := kmsg.NewIncrementalAlterConfigsRequestResource()
	of.ResourceType, of.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	set := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	set.Name, set.Value = name, &value
	of.Configs = append(of.Configs, set)
	request.Resources = append(request.Resources, of)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("set %s of %s: %w", name, topic, err)
	}
	return kerr.ErrorForCode(answer.Resources[0].ErrorCode)
}
