package processor

import (
	"errors"
	"fmt"
	"time"
)

// Config is what the processor can be told. The names are those of the flags.
type Config struct {
	Group           string        `name:"processor-group" default:"cohortflow.processor" help:"Consumer group; it decides who owns which partition and shows lag, nothing else."`
	TransactionalID string        `name:"transactional-id" default:"cohortflow.processor" help:"Prefix of the transactional ids that fence partitions; the same in every process of one flow, and used by nothing else."`
	Instance        string        `name:"processor-instance" help:"Name of this process in fence records (default: host name and a random part)."`
	CommitEvery     time.Duration `default:"100ms" help:"Time between checkpoints while caught up."`
	Residents       int           `default:"100000" help:"People of one partition kept in memory."`
	MaxTouched      int           `default:"50000" help:"Changed, uncommitted people of one partition beyond which no record is taken."`
	SweepRate       int           `default:"2000" help:"People of one partition looked at anew in a second, at most, after the catalogue has changed."`
	StopTimeout     time.Duration `name:"processor-stop-timeout" default:"10s" help:"Time for an end in good order, which leaves nothing to repeat."`
	Heartbeat       time.Duration `name:"processor-heartbeat" default:"15m" help:"Time between watermarks on an idle partition; well inside the broker's producer.id.expiration.ms."`
}

// Validate lists everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.TransactionalID == "" {
		errs = append(errs, errors.New("transactional-id is empty: give the prefix that all processors of the flow share"))
	}
	if c.CommitEvery < 5*time.Millisecond || c.CommitEvery > time.Minute {
		errs = append(errs, fmt.Errorf("commit-every is %s: give 5ms to 1m", c.CommitEvery))
	}
	if c.Residents < 100 {
		errs = append(errs, fmt.Errorf("residents is %d: give at least 100", c.Residents))
	}
	if c.MaxTouched < 100 {
		errs = append(errs, fmt.Errorf("max-touched is %d: give at least 100", c.MaxTouched))
	}
	if c.SweepRate < 1 || c.SweepRate > 1_000_000 {
		errs = append(errs, fmt.Errorf("sweep-rate is %d: give 1 to 1000000", c.SweepRate))
	}
	if c.Heartbeat < time.Second || c.Heartbeat > time.Hour {
		errs = append(errs, fmt.Errorf("processor-heartbeat is %s: give 1s to 1h", c.Heartbeat))
	}
	return errors.Join(errs...)
}
