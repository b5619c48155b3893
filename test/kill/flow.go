package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
	"github.com/cohortflow/cohortflow/test/checker/audit"
	"github.com/cohortflow/cohortflow/test/launch"
)

const (
	partitions = 4
	secret     = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	writeKey   = "write-key"
	eraseKey   = "erase-key"
	serverKey  = "saleswings-key"
)

//go:embed catalogues/short.yaml
var catalogue string

// grown is the catalogue with one cohort more, in which nobody ever is: everybody is looked at anew for it.
func grown() string {
	text := strings.Replace(catalogue, "cohorts:\n", "  unheard: {names: [Never Sent]}\ncohorts:\n", 1)
	return strings.Replace(text, "audiences:\n", "  - key: nobody\n    when: {did: {event: unheard, within: 1s}}\naudiences:\n", 1)
}

// flow is ingest, processor and sink, each a process, over Apache Kafka and Redis, and a SalesWings of our own.
type flow struct {
	dir        string
	kafka      *launch.Broker  // nil where there is a cluster
	cluster    *launch.Cluster // nil where there is one broker
	redis      *launch.Server
	server     *saleswingstest.Server
	web        *httptest.Server
	services   map[string]*service
	url        string
	catalogues [2]string // files
	current    int       // the one that the processor was started with last
}

// parts say on what a flow stands; the zero value is one broker and one Redis.
type parts struct {
	store   func(*launch.Server) (string, error) // puts something before Redis and gives the address to use; nil = nothing
	cluster bool                                 // three brokers, every record on each, two of which have to have it
}

// startFlow starts everything over the folder but the services.
func startFlow(ctx context.Context, dir string, binaries map[string]string, on parts) (f *flow, err error) {
	f = &flow{dir: dir, services: map[string]*service{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.stop())
		}
	}()
	for _, sub := range []string{"kafka", "redis"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return f, fmt.Errorf("folder of the flow: %w", err)
		}
	}
	if on.cluster {
		f.cluster, err = launch.StartKafkaCluster(ctx, filepath.Join(dir, "kafka"), 3, launch.KafkaOptions{})
	} else {
		f.kafka, err = launch.StartKafka(ctx, filepath.Join(dir, "kafka"), launch.KafkaOptions{})
	}
	if err != nil {
		return f, err
	}
	if f.redis, err = launch.StartRedis(filepath.Join(dir, "redis")); err != nil {
		return f, err
	}
	redis := f.redis.Addr
	if on.store != nil {
		if redis, err = on.store(f.redis); err != nil {
			return f, err
		}
	}
	for i, text := range []string{catalogue, grown()} {
		f.catalogues[i] = filepath.Join(dir, fmt.Sprintf("catalogue%d.yaml", i))
		if err := os.WriteFile(f.catalogues[i], []byte(text), 0o600); err != nil {
			return f, fmt.Errorf("write the catalogue: %w", err)
		}
	}
	f.server = saleswingstest.New(serverKey)
	f.server.Always(nowAndThen())
	f.web = httptest.NewServer(f.server)
	ports, err := freePorts(4)
	if err != nil {
		return f, err
	}
	common := []string{"--kafka-brokers", strings.Join(f.brokers(), ","), "--partitions", fmt.Sprint(partitions), "--seal-secret", secret}
	if on.cluster {
		common = append(common, "--replication", "3", "--min-isr", "2")
	}
	f.url = "http://" + ports[3]
	for i, name := range serviceNames {
		args := slices.Clone(common)
		switch name {
		case "ingest":
			args = append(args, "--http", ports[3], "--pipelines-write-keys", writeKey, "--erase-keys", eraseKey, "--catalogue", f.catalogues[0])
		case "processor":
			args = append(args, "--redis", "redis://"+redis)
		case "sink":
			args = append(args, "--saleswings-key", serverKey, "--saleswings-url", f.web.URL, "--saleswings-rate", "200",
				"--saleswings-timeout", "1s", "--catalogue", f.catalogues[0])
		}
		f.services[name] = &service{name: name, binary: binaries[name], args: args, admin: ports[i], log: filepath.Join(dir, name+".log")}
	}
	return f, nil
}

var serviceNames = []string{"ingest", "processor", "sink"}

// start starts one service; a step that is armed kills it at that visit.
func (f *flow) start(name string, environment ...string) error {
	s := f.services[name]
	more := slices.Clone(s.more)
	if s.name == "processor" {
		more = append(more, "--catalogue", f.catalogues[f.current])
	}
	return s.start(more, environment...)
}

func (f *flow) stop() error {
	var errs []error
	for _, s := range f.services {
		errs = append(errs, s.stop())
	}
	if f.web != nil {
		f.web.Close()
	}
	if f.redis != nil {
		errs = append(errs, f.redis.Stop())
	}
	if f.kafka != nil {
		errs = append(errs, f.kafka.Stop())
	}
	if f.cluster != nil {
		errs = append(errs, f.cluster.Stop())
	}
	return errors.Join(errs...)
}

// brokers are the addresses that everybody is told.
func (f *flow) brokers() []string {
	if f.cluster != nil {
		return f.cluster.Addrs()
	}
	return []string{f.kafka.Addr}
}

// audit reads everything there is and judges it.
func (f *flow) audit(ctx context.Context, acknowledged []string) (*audit.Report, *audit.Case, error) {
	books, err := audit.Read(ctx, kgo.SeedBrokers(f.brokers()...))
	if err != nil {
		return nil, nil, err
	}
	c := &audit.Case{Books: books, Acknowledged: acknowledged, Taken: []audit.Taken{}}
	for _, a := range f.server.Tracks() {
		c.Taken = append(c.Taken, audit.Taken{TransitionID: a.TransitionID, Asked: a.Asked, At: a.Taken})
	}
	report, err := audit.Run(books, c.Options())
	return report, c, err
}

// settled audits until nothing is found, or for as long as limit: what is still found then is a fault.
func (f *flow) settled(ctx context.Context, acknowledged []string, limit time.Duration) (report *audit.Report, c *audit.Case, err error) {
	deadline := time.Now().Add(limit)
	for {
		report, c, err = f.audit(ctx, acknowledged)
		if err == nil && report.Sound() || time.Now().After(deadline) || ctx.Err() != nil {
			return report, c, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// now and then a request fails: it is taken and the connection breaks, or one of its items is refused for good.
func nowAndThen() saleswingstest.Fault {
	var requests atomic.Int64
	broken, refused := saleswingstest.TakeAndBreak(), saleswingstest.FailItems(http.StatusBadRequest, 0)
	return func(w http.ResponseWriter, call *saleswingstest.Call) bool {
		switch n := requests.Add(1); {
		case n%60 == 20:
			return broken(w, call)
		case n%30 == 10:
			return refused(w, call)
		}
		return false
	}
}

// freePorts finds addresses on which nobody listens, at random: a process that is dead holds none, and another flow on
// this machine must not happen to take it.
func freePorts(n int) ([]string, error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var found []string
	for try := 0; try < 1_000 && len(found) < n; try++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 22_100+rand.IntN(9_900)))
		if err != nil {
			continue
		}
		held, found = append(held, l), append(found, l.Addr().String())
	}
	if len(found) < n {
		return nil, errors.New("no free port on 127.0.0.1 between 22100 and 32000")
	}
	return found, nil
}
