package standalone

import (
	"errors"
	"fmt"
	"net"

	"github.com/cohortflow/cohortflow/pkg/settings"
	"github.com/cohortflow/cohortflow/services/console"
	"github.com/cohortflow/cohortflow/services/ingest"
	"github.com/cohortflow/cohortflow/services/processor"
	"github.com/cohortflow/cohortflow/services/sink"
)

// Config is everything a standalone flow can be told: its own settings and those of
// the services in it. The names are those of the flags.
type Config struct {
	DataDir        string `default:"./cohortflow-data" placeholder:"DIR" help:"Directory of the embedded broker's log and of the secret. One process at a time."`
	HTTP           string `name:"http" default:"127.0.0.1:8080" help:"Address that takes events."`
	KafkaListen    string `default:"127.0.0.1:9092" help:"Address of the embedded broker; kcat and others can read the topics there."`
	RegistryListen string `default:"127.0.0.1:8081" help:"Address of the schema registry's read side."`
	SyncWrites     bool   `help:"Embedded broker: write each batch through to the disk, so that a power cut loses nothing that was acknowledged."`
	MemoryLimit    int64  `name:"memory-limit-mib" default:"1024" help:"Soft bound of this process's memory in MiB (0 = none)."`

	Ingest    ingest.Config    `embed:""`
	Processor processor.Config `embed:""`
	Sink      sink.Config      `embed:""`
	Console   console.Config   `embed:""`
	settings.Kafka
	settings.Topics
	settings.Registry
	settings.Redis
	settings.Seal
	settings.Catalogue
	settings.Clock
	settings.Admin
}

// Validate lists everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	for flag, addr := range map[string]string{"http": c.HTTP, "kafka-listen": c.KafkaListen, "registry-listen": c.RegistryListen, "admin": c.Admin.Listen} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: give host:port", flag, addr))
		}
	}
	if c.Partitions < 1 || c.Partitions > 1024 {
		errs = append(errs, fmt.Errorf("partitions is %d: give 1 to 1024", c.Partitions))
	}
	if c.MemoryLimit < 0 {
		errs = append(errs, errors.New("memory-limit-mib is negative: give 0 for none"))
	}
	return errors.Join(append(errs, c.Processor.Validate(), c.Sink.Validate(), c.Console.Validate())...)
}

// embeddedBroker says whether the flow brings its own broker.
func (c *Config) embeddedBroker() bool { return len(c.Brokers) == 0 }
