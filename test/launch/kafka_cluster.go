package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Cluster is several brokers and one controller apart from them, so that brokers can die all at once and still be
// told who leads. What a cluster decides about a broker that is silent it decides after 4 s.
type Cluster struct {
	Controller *Broker
	Brokers    []*Broker // node ids from 1 on, in this order
}

// KafkaCluster starts n brokers for one test and returns their addresses. They end with the test.
func KafkaCluster(t testing.TB, n int, options KafkaOptions) (brokers []string, c *Cluster) {
	t.Helper()
	Need(t, PartKafka)
	c, err := StartKafkaCluster(t.Context(), t.TempDir(), n, options)
	if err != nil {
		t.Fatal(err)
	}
	endWith(t, "kafka controller", &c.Controller.member)
	for i, b := range c.Brokers {
		endWith(t, fmt.Sprint("kafka ", i+1), &b.member)
	}
	return c.Addrs(), c
}

// StartKafkaCluster starts n brokers over an empty folder and returns when all of them answer. The caller ends them
// with Stop.
func StartKafkaCluster(ctx context.Context, dir string, n int, options KafkaOptions) (*Cluster, error) {
	ports, err := freePorts(n + 1)
	if err != nil {
		return nil, err
	}
	voters := "100@" + address(ports[n])
	if options.Java == nil {
		// They start and die more than they work.
		options.Java = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	}
	controller := options
	controller.Heap = "128m"
	controller.Properties = clustered(n, options.Properties, map[string]string{
		"process.roles": "controller", "node.id": "100", "controller.quorum.voters": voters,
		"listeners": "CONTROLLER://" + address(ports[n]), "advertised.listeners": "CONTROLLER://" + address(ports[n]),
	})
	options.Heap = cmp.Or(options.Heap, "256m")
	c := &Cluster{Controller: &Broker{Addr: address(ports[n]), Dir: filepath.Join(dir, "controller"), id: clusterID(), controls: true}}
	all, given := []*Broker{c.Controller}, []KafkaOptions{controller}
	for i := range n {
		mine := options
		mine.Properties = clustered(n, options.Properties, map[string]string{
			"process.roles": "broker", "node.id": strconv.Itoa(i + 1), "controller.quorum.voters": voters,
			"listeners": "PLAINTEXT://" + address(ports[i]), "advertised.listeners": "PLAINTEXT://" + address(ports[i]),
		})
		b := &Broker{Addr: address(ports[i]), Dir: filepath.Join(dir, fmt.Sprint("broker", i+1)), id: c.Controller.id}
		c.Brokers = append(c.Brokers, b)
		all, given = append(all, b), append(given, mine)
	}
	errs := make([]error, len(all))
	var starting sync.WaitGroup
	for i, b := range all {
		starting.Go(func() {
			if errs[i] = os.MkdirAll(b.Dir, 0o755); errs[i] != nil {
				return
			}
			if errs[i] = b.format(ctx, []int{0, 0, 0}, given[i]); errs[i] != nil {
				return
			}
			b.start = func() (*process, error) { return b.run(context.WithoutCancel(ctx), given[i]) }
			b.proc, errs[i] = b.start()
		})
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// clustered are the properties of one node. The waits are shorter than the defaults, since a test has to sit them out.
func clustered(n int, options, own map[string]string) map[string]string {
	properties := map[string]string{
		"offsets.topic.replication.factor":         strconv.Itoa(n),
		"transaction.state.log.replication.factor": strconv.Itoa(n),
		"transaction.state.log.min.isr":            strconv.Itoa(max(1, n-1)),
		"default.replication.factor":               strconv.Itoa(n),
		"broker.session.timeout.ms":                "4000",
		"broker.heartbeat.interval.ms":             "500",
		"replica.lag.time.max.ms":                  "4000",
		"log.segment.bytes":                        "8388608",
	}
	maps.Copy(properties, options)
	maps.Copy(properties, own)
	return properties
}

// Addrs are the addresses of all brokers, those that are down too.
func (c *Cluster) Addrs() (list []string) {
	for _, b := range c.Brokers {
		list = append(list, b.Addr)
	}
	return list
}

// Broker gives the broker with a node id, as metadata names it.
func (c *Cluster) Broker(node int32) *Broker { return c.Brokers[node-1] }

// Restart starts brokers again side by side, after Kill9 or instead of it, and returns when all of them answer.
func (c *Cluster) Restart(which ...*Broker) error {
	errs := make([]error, len(which))
	var all sync.WaitGroup
	for i, b := range which {
		all.Go(func() { errs[i] = b.Restart() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Stop ends everything, the controller last.
func (c *Cluster) Stop() error {
	errs := make([]error, len(c.Brokers))
	var all sync.WaitGroup
	for i, b := range c.Brokers {
		all.Go(func() {
			if b.proc != nil {
				errs[i] = b.end()
			}
		})
	}
	all.Wait()
	if c.Controller.proc != nil {
		errs = append(errs, c.Controller.end())
	}
	return errors.Join(errs...)
}

// listens is nil when somebody takes connections at the address: a controller has no metadata to ask for.
func listens(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// named says whether the list of a cluster's metadata has the broker.
func (b *Broker) named(host string, port int32) bool {
	return strings.EqualFold(net.JoinHostPort(host, strconv.Itoa(int(port))), b.Addr)
}
