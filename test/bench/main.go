// Command bench measures the running pipeline from outside, as its users feel it:
// from a purchase's intended time to the record that an ad platform reads, from the
// end of a window to the exit that nobody clicked for, and what the front door takes.
//
// Without --url it builds and starts a standalone of its own, with everything on this
// machine, once on its embedded parts and once on Apache Kafka and Redis; what others
// took of the machine meanwhile is told in the result.
//
//	go run ./test/bench [--on embedded,real] [--run latency,silent,ingest] [--rates 1000,5000] [--duration 15s] [--json FILE]
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
)

type options struct {
	sides    []string
	runs     []string
	rates    []int
	batch    int
	duration time.Duration
	warmup   time.Duration
	people   int
	jsonFile string
	profile  string
	target   target
}

// target is the pipeline that is measured.
type target struct {
	URL        string
	Key        string
	Brokers    []string
	Partitions int
	Admin      string // base URL of its admin port, for profiles; empty = not known
	PID        int    // of the process whose CPU is told; 0 = not known
	Stores     []int  // process ids of Kafka and Redis, where they are processes of their own
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

var (
	allRuns  = []string{"latency", "silent", "ingest"}
	allSides = []string{sideEmbedded, sideReal}
)

func parse(args []string) (options, error) {
	var o options
	var sides, runs, rates, brokers string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&sides, "on", strings.Join(allSides, ","), "what the pipeline stands on: its embedded parts, or Apache Kafka and Redis started for it")
	f.StringVar(&runs, "run", strings.Join(allRuns, ","), "what to measure")
	f.StringVar(&rates, "rates", "1000,5000", "purchases per second of the latency runs")
	f.IntVar(&o.batch, "batch", 10, "events in one request of the latency runs; all of them are due when the request is")
	f.DurationVar(&o.duration, "duration", 15*time.Second, "length of each measurement")
	f.DurationVar(&o.warmup, "warmup", 10*time.Second, "time before it in which nothing is counted; a Java machine needs it")
	f.IntVar(&o.people, "silent-people", 2000, "people whose window ends in the silent run")
	f.StringVar(&o.jsonFile, "json", "", "write the result there as JSON")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the pipeline during each latency run into this folder")
	f.StringVar(&o.target.URL, "url", "", "base URL of a running ingest; empty = start a standalone")
	f.StringVar(&o.target.Key, "key", "bench-key", "write key")
	f.StringVar(&brokers, "brokers", "127.0.0.1:9092", "Kafka of the running pipeline")
	f.IntVar(&o.target.Partitions, "partitions", 12, "of every topic")
	f.IntVar(&o.target.PID, "pid", 0, "process of the running pipeline, to tell its CPU")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.target.Brokers = strings.Split(brokers, ",")
	o.runs, o.sides = strings.Split(runs, ","), strings.Split(sides, ",")
	if o.target.URL != "" {
		o.sides = []string{o.target.URL}
	}
	errs := []error{among("run", o.runs, allRuns)}
	if o.target.URL == "" {
		errs = append(errs, among("on", o.sides, allSides))
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

// among says which of the given words are not known.
func among(flag string, given, known []string) error {
	var errs []error
	for _, g := range given {
		if !slices.Contains(known, g) {
			errs = append(errs, fmt.Errorf("--%s: %q is none of %s", flag, g, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

func run(ctx context.Context, o options) error {
	r := result{Machine: machine(), Started: time.Now().UTC()}
	for _, on := range o.sides {
		s := side{On: on}
		if err := measureSide(ctx, o, &s); err != nil {
			return fmt.Errorf("on %s: %w", on, err)
		}
		r.Sides = append(r.Sides, s)
	}
	r.print(os.Stdout)
	if o.jsonFile != "" {
		return r.write(o.jsonFile)
	}
	return nil
}

func measureSide(ctx context.Context, o options, r *side) (err error) {
	if o.target.URL == "" {
		end, err := ownStack(ctx, r.On, &o.target)
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
	for _, what := range o.runs {
		if err := measure(ctx, o, client, what, r); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func measure(ctx context.Context, o options, client *kafkaio.Client, what string, r *side) error {
	switch what {
	case "latency":
		for _, rate := range o.rates {
			fmt.Fprintf(os.Stderr, "%s: latency at %d purchases per second ...\n", r.On, rate)
			l, err := measureLatency(ctx, o, client, rate)
			if err != nil {
				return err
			}
			r.Latency = append(r.Latency, l)
		}
	case "silent":
		fmt.Fprintf(os.Stderr, "%s: silent exits ...\n", r.On)
		s, err := measureSilent(ctx, o, client)
		if err != nil {
			return err
		}
		r.Silent = &s
	case "ingest":
		for _, size := range []int{1, 10, 100, 500} {
			fmt.Fprintf(os.Stderr, "%s: ingest, %d events a request ...\n", r.On, size)
			i, err := measureIngest(ctx, o, size)
			if err != nil {
				return err
			}
			r.Ingest = append(r.Ingest, i)
		}
	}
	return nil
}
