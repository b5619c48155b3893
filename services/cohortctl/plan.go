package cohortctl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/settings"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/planning"
)

// Plan is what a plan of another catalogue can be told. The names are those of the flags.
type Plan struct {
	settings.Catalogue `embed:""`
	settings.Clock     `embed:""`
	settings.Redis     `embed:""`
	settings.Kafka     `embed:""`
	settings.Registry  `embed:""`

	Partitions int      `default:"12" help:"Partitions of every topic, as the services have it."`
	From       []string `sep:"none" placeholder:"FILE" help:"Catalogue that is in force, so that Kafka is not needed. May be given several times, where partitions differ."`
	AtOnce     int      `name:"slices-at-once" default:"4" help:"Slices of people read side by side (1 to 64)."`
	Rate       int      `name:"people-per-second" default:"100000" help:"People read in a second at most, so that live latency does not suffer; 0 = as fast as it goes."`
	Examples   int      `placeholder:"N" help:"Show up to N person keys for each cohort and direction."`
	FailAbove  *int64   `placeholder:"N" help:"Exit with 3 if more than N people would move."`
	JSON       bool     `name:"json" help:"The plan as JSON."`
}

// ErrAbove says that more people would move than --fail-above allows. The plan was told already.
var ErrAbove = errors.New("too many people would move")

// Run plans and tells it on the standard output. The error is an ErrUsage, an ErrAbove, or
// says why there is no plan.
func (p *Plan) Run(ctx context.Context, to Streams) error {
	cfg := planning.Config{Slices: redisstate.Slices(), Partitions: p.Partitions, AtOnce: p.AtOnce, Rate: p.Rate, Examples: p.Examples}
	if err := p.check(); err != nil {
		return err
	}
	var err error
	if cfg.Next, err = p.Catalogue.Load(); err != nil {
		return err
	}
	for _, path := range p.From {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("--from: %w", err)
		}
		from, err := catalogue.Load(path, text)
		if err != nil {
			return err
		}
		cfg.From = append(cfg.From, from)
	}
	log := slog.New(slog.NewTextHandler(to.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := p.Redis.Open(log)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	cfg.Store = store
	if len(p.Brokers) > 0 {
		client, err := p.Kafka.Open("cohortctl", log)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		p.Register = false // a plan only reads
		registry, err := p.Registry.Open(ctx, schemas.EventsSubject)
		if err != nil {
			return err
		}
		if cfg.Decoder, err = avrocodec.NewResolver(registry); err != nil {
			return err
		}
		cfg.Log = client
	}
	if !p.Events() {
		cfg.At = time.Now().UnixMilli()
	}
	say := newPace(to)
	cfg.Progress = say.tell
	made, err := planning.Make(ctx, cfg)
	say.done()
	if err != nil {
		return err
	}
	write := made.WriteText
	if p.JSON {
		write = made.WriteJSON
	}
	if err := write(to.Out); err != nil {
		return err
	}
	if p.FailAbove != nil && made.PeopleMoved > *p.FailAbove {
		return fmt.Errorf("%w: %d, and --fail-above allows %d", ErrAbove, made.PeopleMoved, *p.FailAbove)
	}
	return nil
}

// check refuses what cannot be, before anything is read.
func (p *Plan) check() error {
	switch {
	case p.File == "":
		return usage("--catalogue is needed: the catalogue that is planned")
	case p.Redis.URL == "":
		return usage("--redis is needed: the Redis of the flow, as the processor has it")
	case len(p.Brokers) == 0 && len(p.From) == 0:
		return usage("--kafka-brokers is needed, or --from with the catalogue that is in force")
	case p.Partitions < 1:
		return usage("--partitions is %d: give the number that the topics have", p.Partitions)
	case p.AtOnce < 1 || p.AtOnce > redisstate.Slices():
		return usage("--slices-at-once is %d: give 1 to %d", p.AtOnce, redisstate.Slices())
	case p.Rate < 0 || p.Examples < 0 || p.FailAbove != nil && *p.FailAbove < 0:
		return usage("--people-per-second, --examples and --fail-above are at least 0")
	}
	return nil
}

// pace shows how far a plan is: to a person all the time, else every ten seconds.
type pace struct {
	to    Streams
	every time.Duration
	next  time.Time
	said  bool
}

func newPace(to Streams) *pace {
	p := &pace{to: to, every: 10 * time.Second, next: time.Now().Add(10 * time.Second)}
	if to.Interactive {
		p.every, p.next = 200*time.Millisecond, time.Now()
	}
	return p
}

func (p *pace) tell(at planning.Progress) {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.said = now.Add(p.every), p.to.Interactive
	text := fmt.Sprintf("%d people read, %d %%, %.0f people/s, %s to go", at.People, 100*at.Slices/at.Of,
		float64(at.People)/max(at.Elapsed.Seconds(), 0.001), at.Eta.Round(time.Second))
	if p.to.Interactive {
		_, _ = fmt.Fprint(p.to.Err, "\r\x1b[K"+text)
		return
	}
	_, _ = fmt.Fprintln(p.to.Err, text)
}

// done takes the line away.
func (p *pace) done() {
	if p.said {
		_, _ = fmt.Fprint(p.to.Err, "\r\x1b[K")
	}
}
