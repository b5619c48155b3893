package real_test

import (
	"testing"

	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
	"github.com/cohortflow/cohortflow/test/launch"
)

// TestKafkaConforms uses one broker for the whole suite: each test makes topics of its own.
func TestKafkaConforms(t *testing.T) {
	brokers, _ := launch.Kafka(t, launch.KafkaOptions{})
	kafkaiotest.Run(t, func(*testing.T) []string { return brokers })
}
