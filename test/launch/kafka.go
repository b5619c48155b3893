package launch

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// KafkaVersion is the one in kafka/pom.xml.
const KafkaVersion = "4.3.1"

// KafkaOptions change how a broker is started; the zero value is good.
type KafkaOptions struct {
	Properties map[string]string // win over the launcher's own
	Heap       string            // of the Java machine, default 512m
	Java       []string          // further arguments of the Java machine, default G1
	Secure     string            // protocol of one listener more, such as SASL_SSL; its files go into Properties
	Format     []string          // further arguments of the formatting, such as --add-scram
}

// Broker is a running Apache Kafka, broker and controller in one process.
type Broker struct {
	member
	Addr   string // host:port of its listener
	Secure string // of the one that KafkaOptions.Secure asked for
	Dir    string // configuration, data and kafka.log

	id       string // of the cluster it belongs to; "" = one of its own
	controls bool   // it is a controller and nothing else
}

// Kafka starts a broker for one test and returns its address as the list that clients take. It ends
// with the test; when that has failed, the end of the broker's log is printed.
func Kafka(t testing.TB, options KafkaOptions) (brokers []string, b *Broker) {
	t.Helper()
	Need(t, PartKafka)
	b, err := StartKafka(t.Context(), t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, "kafka", &b.member)
	return []string{b.Addr}, b
}

// StartKafka starts a broker over an empty folder and returns when it answers. The caller ends it
// with Stop.
func StartKafka(ctx context.Context, dir string, options KafkaOptions) (*Broker, error) {
	var failed error
	for range 3 { // another process may take a free port before the broker does
		ports, err := freePorts(3)
		if err != nil {
			return nil, err
		}
		b := &Broker{Addr: address(ports[0]), Dir: dir}
		if options.Secure != "" {
			b.Secure = address(ports[2])
		}
		if err := b.format(ctx, ports, options); err != nil {
			return nil, err
		}
		b.start = func() (*process, error) { return b.run(ctx, options) }
		if b.proc, err = b.start(); err == nil {
			return b, nil
		}
		failed = err
		if !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	return nil, failed
}

func (b *Broker) properties() string { return filepath.Join(b.Dir, "server.properties") }

// format writes the configuration and makes the data folder a cluster of one.
func (b *Broker) format(ctx context.Context, ports []int, options KafkaOptions) error {
	broker, controller := address(ports[0]), address(ports[1])
	properties := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"controller.quorum.voters":                         "1@" + controller,
		"listeners":                                        "PLAINTEXT://" + broker + ",CONTROLLER://" + controller,
		"advertised.listeners":                             "PLAINTEXT://" + broker,
		"controller.listener.names":                        "CONTROLLER",
		"inter.broker.listener.name":                       "PLAINTEXT",
		"log.dirs":                                         filepath.Join(b.Dir, "data"),
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "4", // fifty folders are of no use to one broker
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.num.partitions":             "4",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
		"auto.create.topics.enable":                        "false",
	}
	if b.Secure != "" {
		properties["listeners"] += "," + options.Secure + "://" + b.Secure
		properties["advertised.listeners"] += "," + options.Secure + "://" + b.Secure
	}
	maps.Copy(properties, options.Properties)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, properties[name])
	}
	if err := os.RemoveAll(filepath.Join(b.Dir, "data")); err != nil {
		return fmt.Errorf("format kafka: %w", err)
	}
	if err := os.WriteFile(b.properties(), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("format kafka: %w", err)
	}
	format := append([]string{"format", "-t", cmp.Or(b.id, clusterID()), "-c", b.properties()}, options.Format...)
	if out, err := KafkaTool(ctx, "kafka.tools.StorageTool", format...); err != nil {
		return fmt.Errorf("format kafka: %w\n%s", err, out)
	}
	return nil
}

// KafkaTool runs the class behind one of Kafka's own scripts and gives what it says.
func KafkaTool(ctx context.Context, class string, args ...string) ([]byte, error) {
	program, all, err := javaCommand("128m", nil, class, args...)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, program, all...).CombinedOutput()
}

func (b *Broker) run(ctx context.Context, options KafkaOptions) (*process, error) {
	program, args, err := javaCommand(cmp.Or(options.Heap, "512m"), options.Java, "kafka.Kafka", b.properties())
	if err != nil {
		return nil, err
	}
	p, err := spawn("kafka", filepath.Join(b.Dir, "kafka.log"), program, args...)
	if err != nil {
		return nil, err
	}
	if err := p.await(time.Minute, func() error { return b.answers(ctx) }); err != nil {
		if p.running() {
			err = errors.Join(err, p.kill9())
		}
		return nil, err
	}
	return p, nil
}

// answers asks for the cluster's metadata: only a broker that is registered and not fenced is in it.
func (b *Broker) answers(ctx context.Context) error {
	if b.controls {
		return listens(b.Addr)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr))
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, x := range answer.Brokers {
		if b.named(x.Host, x.Port) {
			return nil
		}
	}
	return errors.New("its metadata does not name it yet")
}

// javaCommand is the command line for a class of Kafka.
func javaCommand(heap string, machine []string, class string, args ...string) (string, []string, error) {
	if err := Missing(PartKafka); err != nil {
		return "", nil, fmt.Errorf("start kafka: %w; run %s", err, setUp)
	}
	root, err := Root()
	if err != nil {
		return "", nil, err
	}
	program, err := java()
	if err != nil {
		return "", nil, err
	}
	if machine == nil {
		machine = []string{"-XX:+UseG1GC"}
	}
	all := append([]string{"-Xmx" + heap}, machine...)
	all = append(all, "-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", filepath.Join(root, "test/build/kafka/*"), class)
	return program, append(all, args...), nil
}

// clusterID is a random id in the form of Kafka's own, which is read as an option when it begins with a dash.
func clusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f
	return base64.RawURLEncoding.EncodeToString(id[:])
}
