package kafkaio_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

func TestConformance_EmbeddedBroker(t *testing.T) {
	kafkaiotest.Run(t, func(t *testing.T) []string {
		t.Helper()
		return kafkaiotest.StartEmbedded(t).Brokers
	})
}

// With several brokers, leaders, coordinators and the controller differ.
func TestConformance_ThreeEmbeddedBrokers(t *testing.T) {
	kafkaiotest.Run(t, func(t *testing.T) []string {
		t.Helper()
		return kafkaiotest.StartEmbedded(t, kfake.NumBrokers(3)).Brokers
	})
}
