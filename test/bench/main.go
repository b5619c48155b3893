// Command bench measures the running pipeline from outside, as its users feel it:
// from a purchase's intended time to the record that an ad platform reads, from the
// end of a window to the exit that nobody clicked for, and what the front door takes.
//
// Without --url it builds and starts a standalone of its own, with everything on this
// machine, once on its embedded parts and once on Apache Kafka and Redis; what others
// took of the machine meanwhile is told in the result.
//
//	go run ./test/bench [--on embedded,real] [--run latency,silent,ingest] [--rates 1000,5000] [--duration 15s] [--json FILE]
//
// Further runs are made when they are named: withdrawal (from an unsubscription to the exit
// from a target audience), erasure (from the call to the release and the proof), identity (from
// a guest's account to its ad record), explain (questions to the read API), and sweep (a
// change of the catalogue under load).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
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

	sweepPeople   int
	explainPeople int
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
	EraseKey   string // of POST /v1/erase; empty = not known
	Console    string // base URL of the read API; empty = not known
	SalesWings bool   // there is one, and the bench's catalogue tells it

	own *pipeline // nil = somebody else's
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
	usualRuns = []string{"latency", "silent", "ingest"}
	allRuns   = append(slices.Clone(usualRuns), "withdrawal", "erasure", "identity", "explain", "sweep")
	allSides  = []string{sideEmbedded, sideReal}
)

func parse(args []string) (options, error) {
	var o options
	var sides, runs, rates, brokers string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&sides, "on", strings.Join(allSides, ","), "what the pipeline stands on: its embedded parts, or Apache Kafka and Redis started for it")
	f.StringVar(&runs, "run", strings.Join(usualRuns, ","), "what to measure, of "+strings.Join(allRuns, ", "))
	f.StringVar(&rates, "rates", "1000,5000", "purchases per second of the latency runs, and withdrawals of theirs; the sweep takes the first")
	f.IntVar(&o.batch, "batch", 10, "events in one request of the runs at --rates; all of them are due when the request is")
	f.DurationVar(&o.duration, "duration", 15*time.Second, "length of each measurement")
	f.DurationVar(&o.warmup, "warmup", 10*time.Second, "time before it in which nothing is counted; a Java machine needs it")
	f.IntVar(&o.people, "silent-people", 2000, "people whose window ends in the silent run")
	f.IntVar(&o.sweepPeople, "sweep-people", 200_000, "people known when the catalogue changes")
	f.IntVar(&o.explainPeople, "explain-people", 20_000, "people known who are asked about")
	f.StringVar(&o.jsonFile, "json", "", "write the result there as JSON")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the pipeline during each latency run, and from the begin of the sweep on, into this folder")
	f.StringVar(&o.target.URL, "url", "", "base URL of a running ingest; empty = start a standalone")
	f.StringVar(&o.target.Key, "key", "bench-key", "write key")
	f.StringVar(&o.target.EraseKey, "erase-key", "", "key of POST /v1/erase of the running pipeline")
	f.StringVar(&o.target.Console, "console", "", "base URL of the read API of the running pipeline")
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
	if o.sweepPeople < segments || o.sweepPeople > 10_000_000 || o.explainPeople < 1 || o.explainPeople > 10_000_000 {
		errs = append(errs, errors.New("--sweep-people must be 3 to 10000000, --explain-people 1 to 10000000"))
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
