// Command bench measures the running pipeline from outside, as its users feel it:
// from a purchase's intended time to the record that an ad platform reads, from the
// end of a window to the exit that nobody clicked for, and what the front door takes.
//
// Without --url it builds and starts a standalone of its own, with everything on
// this machine; the load generator's share of the machine is told in the result.
//
//	go run ./test/bench [--run latency,silent,ingest] [--rates 1000,5000] [--duration 20s] [--json FILE]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/demo/stack"
)

type options struct {
	runs     []string
	rates    []int
	batch    int
	duration time.Duration
	warmup   time.Duration
	people   int
	jsonFile string
	target   target
}

// target is the pipeline that is measured.
type target struct {
	URL        string
	Key        string
	Brokers    []string
	Partitions int
	PID        int // of the process whose CPU is told; 0 = not known
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only resets signals
	}
}

var allRuns = []string{"latency", "silent", "ingest"}

func parse(args []string) (options, error) {
	var o options
	var runs, rates, brokers string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&runs, "run", strings.Join(allRuns, ","), "what to measure")
	f.StringVar(&rates, "rates", "1000,5000", "purchases per second of the latency runs")
	f.IntVar(&o.batch, "batch", 10, "events in one request of the latency runs; all of them are due when the request is")
	f.DurationVar(&o.duration, "duration", 15*time.Second, "length of each measurement")
	f.DurationVar(&o.warmup, "warmup", 3*time.Second, "time before it in which nothing is counted")
	f.IntVar(&o.people, "silent-people", 2000, "people whose window ends in the silent run")
	f.StringVar(&o.jsonFile, "json", "", "write the result there as JSON")
	f.StringVar(&o.target.URL, "url", "", "base URL of a running ingest; empty = start a standalone")
	f.StringVar(&o.target.Key, "key", "bench-key", "write key")
	f.StringVar(&brokers, "brokers", "127.0.0.1:9092", "Kafka of the running pipeline")
	f.IntVar(&o.target.Partitions, "partitions", 12, "of every topic")
	f.IntVar(&o.target.PID, "pid", 0, "process of the running pipeline, to tell its CPU")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.target.Brokers = strings.Split(brokers, ",")
	o.runs = strings.Split(runs, ",")
	var errs []error
	for _, r := range o.runs {
		if !slices.Contains(allRuns, r) {
			errs = append(errs, fmt.Errorf("--run: %q is none of %s", r, strings.Join(allRuns, ", ")))
		}
	}
	for text := range strings.SplitSeq(rates, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			errs = append(errs, fmt.Errorf("--rates: %q is no whole number of 1 to 1000000", text))
			continue
		}
		o.rates = append(o.rates, n)
	}
	if o.batch < 1 || o.batch > 1000 {
		errs = append(errs, fmt.Errorf("--batch: %d is not 1 to 1000", o.batch))
	}
	if o.duration < time.Second || o.duration > time.Hour || o.warmup < 0 || o.warmup > time.Hour {
		errs = append(errs, errors.New("--duration must be 1s to 1h, --warmup 0s to 1h"))
	}
	if f.NArg() > 0 {
		errs = append(errs, fmt.Errorf("%q: there are no arguments beside the flags", f.Arg(0)))
	}
	return o, errors.Join(errs...)
}

func run(ctx context.Context, o options) (err error) {
	if o.target.URL == "" {
		end, err := ownStack(ctx, &o.target)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	client, err := kafkaio.Open(kafkaio.Config{Brokers: o.target.Brokers, ClientID: "bench"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("reach Kafka at %s: %w", strings.Join(o.target.Brokers, ","), err)
	}
	r := result{Machine: machine(), Started: time.Now().UTC()}
	for _, what := range o.runs {
		if err := measure(ctx, o, client, what, &r); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	r.print(os.Stdout)
	if o.jsonFile != "" {
		return r.write(o.jsonFile)
	}
	return nil
}

func measure(ctx context.Context, o options, client *kafkaio.Client, what string, r *result) error {
	switch what {
	case "latency":
		for _, rate := range o.rates {
			fmt.Fprintf(os.Stderr, "latency at %d purchases per second ...\n", rate)
			l, err := measureLatency(ctx, o, client, rate)
			if err != nil {
				return err
			}
			r.Latency = append(r.Latency, l)
		}
	case "silent":
		fmt.Fprintln(os.Stderr, "silent exits ...")
		s, err := measureSilent(ctx, o, client)
		if err != nil {
			return err
		}
		r.Silent = &s
	case "ingest":
		for _, size := range []int{1, 100, 500} {
			fmt.Fprintf(os.Stderr, "ingest, %d events a request ...\n", size)
			i, err := measureIngest(ctx, o, size)
			if err != nil {
				return err
			}
			r.Ingest = append(r.Ingest, i)
		}
	}
	return nil
}

// ownStack builds and starts a standalone on free ports, with its state in a temporary folder.
func ownStack(ctx context.Context, t *target) (end func() error, err error) {
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
	s, err := stack.Start(stack.Config{
		Binary: binary, DataDir: dir, Addresses: a, Partitions: t.Partitions,
		Args: []string{"--pipelines-write-keys", t.Key},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	end = func() error { return errors.Join(s.Stop(20*time.Second), os.RemoveAll(dir)) }
	if err := s.Ready(ctx, a.Admin, 30*time.Second); err != nil {
		return nil, errors.Join(err, end())
	}
	t.URL, t.Brokers, t.PID = "http://"+a.HTTP, []string{a.Kafka}, s.PID()
	return end, nil
}
