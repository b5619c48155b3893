package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
	"github.com/cohortflow/cohortflow/test/demo/stack"
	"github.com/cohortflow/cohortflow/test/launch"
)

// What a standalone of the bench's own can stand on.
const (
	sideEmbedded = "embedded"
	sideReal     = "real"
)

// setup is what the pipeline of a run is set up for.
type setup int

const (
	setupUsual      setup = iota // the catalogue that Cohortflow starts with
	setupWithdrawal              // the bench's catalogue, with a SalesWings
	setupSweep                   // the bench's catalogue, which changes
)

func setupOf(run string) setup {
	switch run {
	case "withdrawal":
		return setupWithdrawal
	case "sweep":
		return setupSweep
	default:
		return setupUsual
	}
}

// pipeline is a standalone of the bench's own.
type pipeline struct {
	cfg       stack.Config
	catalogue string // file; empty = the catalogue that Cohortflow starts with
	running   *stack.Stack
	started   time.Time
}

func (p *pipeline) pid() int { return p.running.PID() }

func (p *pipeline) start(ctx context.Context) (err error) {
	p.started = time.Now()
	if p.running, err = stack.Start(p.cfg); err != nil {
		return err
	}
	return p.running.Ready(ctx, p.cfg.Addresses.Admin, 2*time.Minute)
}

func (p *pipeline) stop() error {
	if p.running == nil {
		return nil
	}
	return p.running.Stop(20 * time.Second)
}

// restart ends the pipeline in good order and starts it with another catalogue over the
// same log and state.
func (p *pipeline) restart(ctx context.Context, catalogue string) error {
	if err := p.stop(); err != nil {
		return err
	}
	if err := os.WriteFile(p.catalogue, []byte(catalogue), 0o600); err != nil {
		return fmt.Errorf("write another catalogue: %w", err)
	}
	return p.start(ctx)
}

// ownStack builds and starts a standalone on free ports, with its state in a temporary
// folder, and Apache Kafka and Redis for it where the side asks for them.
func ownStack(ctx context.Context, side string, kind setup, t *target) (end func() error, err error) {
	root, err := stack.Root()
	if err != nil {
		return nil, err
	}
	binary, err := stack.Build(ctx, root)
	if err != nil {
		return nil, err
	}
	a, err := stack.Free()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cohortflow-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the state: %w", err)
	}
	ends := []func() error{func() error { return os.RemoveAll(dir) }}
	end = func() error { // what was started last ends first
		var errs []error
		for i := range ends {
			errs = append(errs, ends[len(ends)-1-i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	t.EraseKey = t.Key + "-erase"
	p := &pipeline{cfg: stack.Config{
		Binary: binary, DataDir: filepath.Join(dir, "data"), Addresses: a, Partitions: t.Partitions,
		Args: []string{"--ingest-key", t.Key, "--erase-keys", t.EraseKey, "--pprof"},
	}}
	if err := os.Mkdir(p.cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for the state: %w", err)
	}
	if kind != setupUsual {
		p.catalogue = filepath.Join(dir, "catalogue.yaml")
		if err := os.WriteFile(p.catalogue, []byte(benchCatalogue), 0o600); err != nil {
			return nil, fmt.Errorf("write the catalogue: %w", err)
		}
		p.cfg.Args = append(p.cfg.Args, "--catalogue", p.catalogue)
	}
	if t.SalesWings = kind == setupWithdrawal; t.SalesWings {
		args, stop, err := fakeSalesWings(ctx)
		if err != nil {
			return nil, err
		}
		ends = append(ends, stop)
		p.cfg.Args = append(p.cfg.Args, args...)
	}
	t.Brokers, t.Stores = []string{a.Kafka}, nil
	if side == sideReal {
		kafkaDir, redisDir := filepath.Join(dir, "kafka"), filepath.Join(dir, "redis")
		if err := errors.Join(os.Mkdir(kafkaDir, 0o700), os.Mkdir(redisDir, 0o700)); err != nil {
			return nil, fmt.Errorf("make folders for Kafka and Redis: %w", err)
		}
		broker, err := launch.StartKafka(ctx, kafkaDir, launch.KafkaOptions{Heap: "1g"})
		if err != nil {
			return nil, err
		}
		ends = append(ends, broker.Stop)
		redis, err := launch.StartRedis(redisDir)
		if err != nil {
			return nil, err
		}
		ends = append(ends, redis.Stop)
		p.cfg.Args = append(p.cfg.Args, "--kafka-brokers", broker.Addr, "--redis", "redis://"+redis.Addr)
		t.Brokers, t.Stores = []string{broker.Addr}, []int{broker.PID(), redis.PID()}
	}
	ends = append(ends, p.stop)
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	t.URL, t.Admin, t.Console, t.PID, t.own = "http://"+a.HTTP, "http://"+a.Admin, "http://"+a.Console, p.pid(), p
	return end, nil
}

// fakeSalesWings serves a stand-in that takes everything, and gives the settings that
// make the pipeline tell it, as fast as it can: the vendor's limit would be what is measured.
func fakeSalesWings(ctx context.Context) (args []string, stop func() error, err error) {
	const key = "bench-saleswings"
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("start the fake SalesWings: %w", err)
	}
	server := &http.Server{Handler: saleswingstest.New(key), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	args = []string{
		"--saleswings-url", "http://" + ln.Addr().String(), "--saleswings-key", key, "--saleswings-allow-private", "--saleswings-rate", "1000",
	}
	return args, func() error {
		err := server.Close()
		<-served // says only that it was closed
		return err
	}, nil
}
