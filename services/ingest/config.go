package ingest

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// Config is what ingest can be told. The names are those of the flags. A key may be
// written "workspace=key"; several of a surface are valid at once, so that they can be
// changed without a gap. A surface without a key refuses everybody.
type Config struct {
	Workspace string `default:"default" help:"Workspace of keys that name none."`

	IngestKey          string   `name:"ingest-key" secret:"true" help:"One key for every surface: write key, Track API key with any site id, secret of webhooks, token of the Webhook destination."`
	WriteKeys          []string `name:"pipelines-write-keys" secret:"true" help:"Write keys of the Pipelines API."`
	TrackKeys          []string `name:"track-keys" secret:"true" help:"Credentials of the Track API, each SITE_ID:API_KEY."`
	ReportingKeys      []string `name:"reporting-keys" secret:"true" help:"Signing keys of reporting webhooks."`
	DestinationSecrets []string `name:"destination-secrets" secret:"true" help:"Shared secrets of Webhook destinations (X-Signature)."`
	DestinationTokens  []string `name:"destination-tokens" secret:"true" help:"Tokens that Webhook destinations send in Authorization, as Bearer, in Basic or bare; batches may come unsigned."`

	EraseKeys []string `name:"erase-keys" secret:"true" help:"Keys of POST /v1/erase, by which the operator erases a person. Without one there is no such call; ingest-key does not open it."`

	ReplayWindow  time.Duration `name:"reporting-replay-window" default:"192h" help:"How far the time of sending of a reporting webhook may lie from now (0 = any). Beyond it the message goes to quarantine. Customer.io repeats for 7 days, and does not say whether it signs anew."`
	AnonymousRate float64       `name:"anonymous-rate" default:"50" help:"Requests per second to the endpoints of the Track API that have no authentication (0 = none)."`
	PublicURL     string        `name:"public-url" placeholder:"URL" help:"Where clients reach this service; browser and mobile clients are told. Without it the host that they asked."`

	Taxonomy  string `name:"taxonomy" default:"keep" enum:"off,warn,keep,refuse" help:"What becomes of events that break what the catalogue declares of their properties (${enum}). warn: counted. keep: a copy goes to quarantine besides. refuse: it goes to quarantine and not to the log."`
	Links     bool   `default:"true" negatable:"" help:"Tell the log of keys that are one person, so that they are joined. Without it every key stays a person of its own."`
	LinkCache int    `name:"link-cache" default:"1048576" help:"Links between two keys of one person that are remembered as told within the hour, 8 bytes each (0 = each is told each time)."`

	MaxBody        int           `name:"max-body" default:"1048576" help:"Bytes of a body of the Pipelines and Track APIs, inflated."`
	MaxWebhookBody int           `name:"max-webhook-body" default:"4194304" help:"Bytes of a webhook's body, inflated. Of a signed one that is larger, the beginning goes to quarantine."`
	MaxItems       int           `name:"max-batch-items" default:"2500" help:"Messages of one request."`
	MaxRequests    int           `name:"max-requests" default:"1024" help:"Requests worked on at once, once they have arrived; more are answered 503."`
	MaxHeldBytes   int64         `name:"max-held-bytes" default:"268435456" help:"Bytes of all bodies held at once, as they arrive; more are answered 503."`
	MaxConnections int           `name:"max-connections" default:"8192" help:"Open connections."`
	MaxPerAddress  int           `name:"max-connections-per-address" default:"0" help:"Open connections of one address, or of one IPv6 network of 64 bits; more are closed (0 = no bound, as behind a proxy)."`
	BufferBytes    int           `name:"producer-buffer" default:"67108864" help:"Bytes that may wait for Kafka's acknowledgement; more are answered 503."`
	Compression    string        `name:"producer-compression" default:"lz4" enum:"none,gzip,snappy,lz4,zstd" help:"Compression of record batches (${enum})."`
	AckTimeout     time.Duration `name:"ack-timeout" default:"3s" help:"Longest wait for Kafka's acknowledgement of a request. Customer.io gives a webhook 4 seconds."`
	DrainTimeout   time.Duration `name:"drain-timeout" default:"10s" help:"Time for the requests that are in when the service stops."`
}

// Bounds that nobody needs to change.
const (
	maxRecord    = 256 << 10 // one encoded event; Customer.io's own limit is 100 kB of data
	maxKept      = 256 << 10 // of a body in quarantine
	maxPerCall   = 8         // the events of a request take at most that many times its body's limit
	batchBytes   = 512 << 10 // one record batch
	quarantining = 16 << 20  // bytes of quarantine that may wait for Kafka
)

// Validate lists everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	between := func(name string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s is %d: give %d to %d", name, n, least, most))
		}
	}
	between("max-body", c.MaxBody, 1<<10, 16<<20)
	between("max-webhook-body", c.MaxWebhookBody, 1<<10, 16<<20)
	between("max-batch-items", c.MaxItems, 1, 100_000)
	between("max-requests", c.MaxRequests, 1, 1<<20)
	between("link-cache", c.LinkCache, 0, 1<<28)
	between("max-connections", c.MaxConnections, 1, 1<<20)
	between("max-connections-per-address", c.MaxPerAddress, 0, 1<<20)
	between("producer-buffer", c.BufferBytes, 1<<20, 1<<30)
	if least := 2 * int64(max(c.MaxBody, c.MaxWebhookBody)); c.MaxHeldBytes < least {
		errs = append(errs, fmt.Errorf("max-held-bytes is %d: give at least the %d of one body and what it inflates to", c.MaxHeldBytes, least))
	}
	if c.AckTimeout < 50*time.Millisecond || c.AckTimeout > time.Minute {
		errs = append(errs, fmt.Errorf("ack-timeout is %s: give 50ms to 1m", c.AckTimeout))
	}
	if c.DrainTimeout < 0 {
		errs = append(errs, fmt.Errorf("drain-timeout is %s: give 0s or more", c.DrainTimeout))
	}
	if c.ReplayWindow < 0 {
		errs = append(errs, fmt.Errorf("reporting-replay-window is %s: give 0s for any time", c.ReplayWindow))
	}
	if c.AnonymousRate < 0 {
		errs = append(errs, fmt.Errorf("anonymous-rate is %g: give 0 for none", c.AnonymousRate))
	}
	switch c.Taxonomy {
	case taxonomy.Off, taxonomy.Warn, taxonomy.Keep, taxonomy.Refuse:
	default:
		errs = append(errs, fmt.Errorf("taxonomy is %q: give off, warn, keep or refuse", c.Taxonomy))
	}
	if c.Workspace == "" {
		errs = append(errs, errors.New("workspace is empty: name the workspace of keys that name none"))
	}
	if _, err := c.publicHost(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) publicHost() (string, error) {
	if c.PublicURL == "" {
		return "", nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("public-url is no http or https URL: give one such as https://events.example.com")
	}
	return u.Host, nil
}

// secured says whether anybody can send at all.
func (c *Config) secured() bool {
	return c.IngestKey != "" || len(c.WriteKeys)+len(c.TrackKeys)+len(c.ReportingKeys)+len(c.DestinationSecrets)+len(c.DestinationTokens) > 0
}
