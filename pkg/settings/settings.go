// Package settings holds the settings that several services share, as flags, and what
// they make of them: the same flag means the same thing in every command.
package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/topics"
)

// Kafka says where the brokers are and how to be admitted.
type Kafka struct {
	Brokers      []string `name:"kafka-brokers" placeholder:"HOST:PORT" help:"Some brokers of the cluster; the others are found through them."`
	TLS          bool     `name:"kafka-tls" help:"Speak TLS."`
	Plaintext    bool     `name:"kafka-plaintext" help:"Go without TLS to brokers beyond this machine, where the network is your own."`
	CAFile       string   `name:"kafka-tls-ca" placeholder:"FILE" help:"PEM of the authorities to trust (default: the system's)."`
	CertFile     string   `name:"kafka-tls-cert" placeholder:"FILE" help:"PEM of the client's certificate."`
	KeyFile      string   `name:"kafka-tls-key" placeholder:"FILE" help:"PEM of the client's key."`
	ServerName   string   `name:"kafka-tls-server-name" help:"Name to verify instead of the broker's host."`
	SASL         string   `name:"kafka-sasl" enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" help:"SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."`
	SASLUser     string   `name:"kafka-sasl-user" help:"SASL user."`
	SASLPassword string   `name:"kafka-sasl-password" secret:"true" help:"SASL password, or file:PATH."`
}

// Open makes the client; it does no IO but reading files.
func (k Kafka) Open(clientID string, log *slog.Logger) (*kafkaio.Client, error) {
	if len(k.Brokers) == 0 {
		return nil, errors.New("kafka-brokers: none given; name at least one host:port")
	}
	if beyond := k.beyond(); beyond != "" && !k.TLS && !k.Plaintext {
		return nil, fmt.Errorf("kafka-tls is off, and %s is not this machine: what Customer.io sends would cross the network as it is; "+
			"set kafka-tls, or kafka-plaintext where the network is your own", beyond)
	}
	return kafkaio.Open(kafkaio.Config{
		Brokers: k.Brokers, ClientID: clientID,
		TLS:  kafkaio.TLSConfig{Enabled: k.TLS, CAFile: k.CAFile, CertFile: k.CertFile, KeyFile: k.KeyFile, ServerName: k.ServerName},
		SASL: kafkaio.SASLConfig{Mechanism: k.SASL, Username: k.SASLUser, Password: k.SASLPassword},
	}, log)
}

// beyond gives a broker that is not on this machine; empty = there is none.
func (k Kafka) beyond() string {
	for _, broker := range k.Brokers {
		host, _, err := net.SplitHostPort(broker)
		if err != nil || host == "localhost" {
			continue // what is no address is refused further on
		}
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			return broker
		}
	}
	return ""
}

// Topics says what the flow's topics are like.
type Topics struct {
	Partitions   int           `default:"12" help:"Partitions of every topic. Never change it: people would move."`
	Replication  int           `default:"0" help:"Replicas of a topic that is created (0 = the cluster's default)."`
	MinISR       int           `name:"min-isr" default:"0" help:"min.insync.replicas that topics must have (0 = whatever they have)."`
	LogRetention time.Duration `default:"9600h" help:"How long events and transitions are kept; longer than the longest window, since a rebuild folds the log."`
	Retention    time.Duration `default:"720h" help:"How long quarantine, receipts and dead letters are kept."`
	CreateTopics bool          `default:"true" negatable:"" help:"Create topics that are missing."`
}

// Ensure creates what is missing, if it may, and verifies everything.
func (t Topics) Ensure(ctx context.Context, c *kafkaio.Client, platforms []string, segmentBytes int) error {
	specs := topics.Specs(topics.Config{
		Partitions: t.Partitions, Replication: t.Replication, MinISR: t.MinISR,
		LogRetention: t.LogRetention, Retention: t.Retention, Platforms: platforms, SegmentBytes: segmentBytes,
	})
	if err := c.EnsureTopics(ctx, specs, t.CreateTopics); err != nil {
		return fmt.Errorf("topics: %w", err)
	}
	return nil
}

// Registry says which schema registry is used.
type Registry struct {
	URL      string `name:"registry" placeholder:"URL" help:"Schema registry (Confluent API). Without it the ids of the embedded schemas are used."`
	Register bool   `name:"registry-register" help:"Register schemas that the registry lacks."`
	User     string `name:"registry-user" help:"User for the registry."`
	Password string `name:"registry-password" secret:"true" help:"Password for the registry, or file:PATH."`
}

// Open looks the subjects up.
func (r Registry) Open(ctx context.Context, subjects ...string) (*avrocodec.Registry, error) {
	if r.URL == "" {
		return avrocodec.NewEmbedded(), nil
	}
	reg, err := avrocodec.Dial(ctx, r.URL, avrocodec.DialOptions{
		Subjects: subjects, Register: r.Register, Username: r.User, Password: r.Password,
	})
	if err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	return reg, nil
}

// Redis says where the state is kept.
type Redis struct {
	URL           string `name:"redis" placeholder:"URL" help:"redis://host:port, rediss:// for TLS, several addresses with commas for a cluster."`
	User          string `name:"redis-user" help:"User, if not in the URL."`
	Password      string `name:"redis-password" secret:"true" help:"Password, if not in the URL, or file:PATH."`
	CAFile        string `name:"redis-tls-ca" placeholder:"FILE" help:"PEM of the authorities to trust with rediss:// (default: the system's)."`
	CertFile      string `name:"redis-tls-cert" placeholder:"FILE" help:"PEM of the client's certificate."`
	KeyFile       string `name:"redis-tls-key" placeholder:"FILE" help:"PEM of the client's key."`
	Prefix        string `name:"redis-prefix" help:"Stands before every key, so that several flows can share a Redis."`
	AllowVolatile bool   `name:"redis-allow-volatile" help:"Accept a Redis that persists nothing: state is rebuilt from the log when it restarts."`
}

// Open makes the store; it does no IO but reading files.
func (r Redis) Open(log *slog.Logger) (*redisstate.Store, error) {
	if r.URL == "" {
		return nil, errors.New("redis: no URL given; set it to redis://host:port")
	}
	return redisstate.Open(redisstate.Config{
		URL: r.URL, Username: r.User, Password: r.Password,
		CAFile: r.CAFile, CertFile: r.CertFile, KeyFile: r.KeyFile, Prefix: r.Prefix, AllowVolatile: r.AllowVolatile,
	}, log)
}

// Seal says with what contacts are sealed and person keys are derived.
type Seal struct {
	Secret     string `name:"seal-secret" secret:"true" help:"32 or more bytes as hex, older ones after it with commas; or file:PATH. The same in every service of a flow."`
	SecretFile string `name:"seal-secret-file" placeholder:"FILE" help:"File with the secrets, one to a line, the current one first."`
}

// Keys reads the secret.
func (s Seal) Keys() (*seal.Keys, error) { return seal.FromConfig(s.Secret, s.SecretFile) }

// Catalogue says which rules are in force.
type Catalogue struct {
	File string `name:"catalogue" placeholder:"FILE" help:"Catalogue of cohorts (YAML). Without it the default catalogue is used."`
}

// Load reads it.
func (c Catalogue) Load() (*catalogue.Catalogue, error) {
	if c.File == "" {
		return catalogue.Load(catalogues.DefaultName, catalogues.Default())
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return catalogue.Load(c.File, text)
}

// Clock says what time is.
type Clock struct {
	Clock string `default:"wall" enum:"wall,events" help:"wall: time is when an event is accepted. events: time is data, each event's own time; for rehearsals and tests."`
}

// Events says that time is data.
func (c Clock) Events() bool { return c.Clock == "events" }
