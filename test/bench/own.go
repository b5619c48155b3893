package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cohortflow/cohortflow/test/demo/stack"
	"github.com/cohortflow/cohortflow/test/launch"
)

// What a standalone of the bench's own can stand on.
const (
	sideEmbedded = "embedded"
	sideReal     = "real"
)

// ownStack builds and starts a standalone on free ports, with its state in a temporary
// folder, and Apache Kafka and Redis for it where the side asks for them.
func ownStack(ctx context.Context, side string, t *target) (end func() error, err error) {
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
	cfg := stack.Config{
		Binary: binary, DataDir: filepath.Join(dir, "data"), Addresses: a, Partitions: t.Partitions,
		Args: []string{"--ingest-key", t.Key, "--pprof"},
	}
	if err := os.Mkdir(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for the state: %w", err)
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
		cfg.Args = append(cfg.Args, "--kafka-brokers", broker.Addr, "--redis", "redis://"+redis.Addr)
		t.Brokers, t.Stores = []string{broker.Addr}, []int{broker.PID(), redis.PID()}
	}
	s, err := stack.Start(cfg)
	if err != nil {
		return nil, err
	}
	ends = append(ends, func() error { return s.Stop(20 * time.Second) })
	if err := s.Ready(ctx, a.Admin, time.Minute); err != nil {
		return nil, err
	}
	t.URL, t.Admin, t.PID = "http://"+a.HTTP, "http://"+a.Admin, s.PID()
	return end, nil
}
