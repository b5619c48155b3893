package sink

import (
	"errors"
	"fmt"
	"time"
)

// Config is what the sink can be told. The names are those of the flags, so that it
// can be embedded in the settings of a larger program as it is.
type Config struct {
	Instance   string `name:"sink-instance" help:"Name of this process in watermarks (default: host name and a random part)."`
	AcceptGaps bool   `name:"sink-accept-gaps" help:"Go on at the start of the transitions log when retention has taken what was not delivered yet. Without it such a partition stops."`
	Receipts   int    `name:"sink-receipts-buffer" default:"50000" help:"Receipts of one destination that may wait for Kafka."`

	SalesWings SalesWings `embed:"" prefix:"saleswings-"`
	Ads        Ads        `embed:"" prefix:"ads-"`
}

// SalesWings is delivered to when it has a key.
type SalesWings struct {
	Key          string        `secret:"true" help:"API key of the SalesWings project. Without it nothing goes there."`
	URL          string        `default:"https://helium.saleswings.pro" help:"Scheme and host of SalesWings; https://ozone.saleswings.pro is its test host."`
	Surface      string        `default:"segment" enum:"segment,core" help:"API surface: segment (${enum})."`
	Group        string        `default:"cohortflow.sink.saleswings" help:"Consumer group; its offsets are the position."`
	From         string        `default:"start" enum:"start,end" help:"Where in the log to begin when the group has no position yet (${enum})."`
	Batch        int           `default:"100" help:"Activities per request."`
	Rate         float64       `default:"20" help:"Requests per second of this process."`
	Timeout      time.Duration `default:"10s" help:"Time for one request and its answer."`
	MaxAge       time.Duration `default:"72h" help:"Time after which a transition that fails again and again goes to the dead letters."`
	AllowPrivate bool          `help:"Allow addresses that are not public, and http."`
}

// Ads is written for every platform that an excluding audience of the catalogue names.
type Ads struct {
	Off        bool          `help:"Write no ad-suppression topics."`
	Group      string        `default:"cohortflow.sink.ads" help:"Start of the consumer groups' names; the platform is added."`
	Tenant     string        `default:"default" help:"First part of the keys of suppression records; never change it."`
	Region     string        `help:"Two-letter country for phone numbers that carry no country code; without it they give no digest."`
	Heartbeat  time.Duration `default:"15m" help:"Time between watermarks on an idle partition; well inside the broker's producer.id.expiration.ms."`
	NoReceipts bool          `help:"Write no receipts for suppression records: the records speak for themselves."`
}

// Validate lists everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	s := &c.SalesWings
	if s.Key != "" {
		if s.Batch < 1 || s.Batch > 1000 {
			errs = append(errs, fmt.Errorf("saleswings-batch is %d: give 1 to 1000", s.Batch))
		}
		if s.Rate <= 0 {
			errs = append(errs, fmt.Errorf("saleswings-rate is %g: give a positive number of requests per second", s.Rate))
		}
		if s.Timeout < 100*time.Millisecond || s.Timeout > time.Minute {
			errs = append(errs, fmt.Errorf("saleswings-timeout is %s: give 100ms to 1m", s.Timeout))
		}
		if s.MaxAge < time.Minute {
			errs = append(errs, fmt.Errorf("saleswings-max-age is %s: give at least 1m", s.MaxAge))
		}
		if s.Group == "" {
			errs = append(errs, errors.New("saleswings-group is empty: name the consumer group"))
		}
	}
	if !c.Ads.Off {
		if c.Ads.Heartbeat < time.Second || c.Ads.Heartbeat > time.Hour {
			errs = append(errs, fmt.Errorf("ads-heartbeat is %s: give 1s to 1h", c.Ads.Heartbeat))
		}
		if c.Ads.Group == "" {
			errs = append(errs, errors.New("ads-group is empty: name the start of the consumer groups"))
		}
	}
	if c.Receipts < 100 {
		errs = append(errs, fmt.Errorf("sink-receipts-buffer is %d: give at least 100", c.Receipts))
	}
	return errors.Join(errs...)
}
