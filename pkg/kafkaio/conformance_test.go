package kafkaio_test

import (
	"testing"

	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

func TestConformance_EmbeddedBroker(t *testing.T) {
	kafkaiotest.Run(t, func(t *testing.T) []string {
		t.Helper()
		return kafkaiotest.StartEmbedded(t).Brokers
	})
}
