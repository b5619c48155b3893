package kafkaio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/sasl"
)

// Client is one cluster: its connections, what is known of its leaders, and the
// senders of the producers. It is safe for concurrent use.
type Client struct {
	cfg       Config
	log       *slog.Logger
	tls       *tls.Config
	sasl      sasl.Mechanism
	transport *kafka.Transport
	addr      bootstrap
	versions  versionTable
	correl    atomic.Int32
	meta      metaCache
	silences  silences

	ctx    context.Context //nolint:containedctx // the life of everything this client starts
	cancel context.CancelFunc

	mu    sync.Mutex
	lanes map[int32]*lane
}

// bootstrap is the address list in the form that the transport keys its pool by.
type bootstrap struct{ network, address string }

func (b bootstrap) Network() string { return b.network }
func (b bootstrap) String() string  { return b.address }

// Open prepares a client. It reads certificate files and connects to nothing;
// use Ping to find out whether the cluster answers.
func Open(cfg Config, log *slog.Logger) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.TLS.build()
	if err != nil {
		return nil, err
	}
	mech, err := cfg.SASL.build()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		cfg: cfg, log: log, tls: tlsConfig, sasl: mech,
		addr: bootstrap{
			network: strings.TrimSuffix(strings.Repeat("tcp,", len(cfg.Brokers)), ","),
			address: strings.Join(cfg.Brokers, ","),
		},
		lanes: map[int32]*lane{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.meta.init(c)
	c.transport = &kafka.Transport{
		Dial:        c.dial,
		DialTimeout: cfg.DialTimeout,
		IdleTimeout: time.Minute,
		// Only brokers are learnt from the transport's own refresh, so it asks for
		// no topic at all; leaders are kept here and renewed at once when wrong.
		MetadataTTL:    time.Second,
		MetadataTopics: []string{},
		ClientID:       cfg.ClientID,
		SASL:           mech,
		Context:        c.ctx,
	}
	return c, nil
}

// Close ends every connection. Close producers, writers, fetchers and
// memberships first; what is still in flight fails.
func (c *Client) Close() error {
	c.cancel()
	c.transport.CloseIdleConnections()
	return nil
}

// Ping asks one broker whether it answers and whether it speaks every version
// that this package sends.
func (c *Client) Ping(ctx context.Context) error {
	msg, err := c.call(ctx, anyNode, &apiversions.Request{})
	if err != nil {
		return fmt.Errorf("ping kafka: %w", c.explain(err))
	}
	res, ok := msg.(*apiversions.Response)
	if !ok {
		return fmt.Errorf("ping kafka: answer of type %T", msg)
	}
	if err := codeErr(res.ErrorCode); err != nil {
		return fmt.Errorf("ping kafka: %w", err)
	}
	var errs []error
	for _, r := range res.ApiKeys {
		want, used := spoken[protocol.ApiKey(r.ApiKey)]
		if used && (want < r.MinVersion || want > r.MaxVersion) {
			errs = append(errs, fmt.Errorf("broker speaks %s v%d to v%d, this client needs v%d: use Apache Kafka 2.4 to 4.4",
				protocol.ApiKey(r.ApiKey), r.MinVersion, r.MaxVersion, want))
		}
	}
	return errors.Join(errs...)
}

// spoken are the versions that this package encodes itself.
var spoken = map[protocol.ApiKey]int16{protocol.Produce: produceVersion, protocol.Fetch: fetchVersion, protocol.OffsetForLeaderEpoch: epochEndVersion} //nolint:gochecknoglobals // a constant table

// explain adds what a bare end of connection usually means under SASL or TLS.
func (c *Client) explain(err error) error {
	if staleConn(err) && c.sasl != nil {
		return fmt.Errorf("%w (the broker closed the connection: check the SASL mechanism, user name and password)", err)
	}
	if staleConn(err) && c.tls == nil {
		return fmt.Errorf("%w (the broker closed the connection: does it expect TLS?)", err)
	}
	return err
}

// dial opens one connection: TCP, then TLS if configured, then the recorder of
// versions on top, so that it sees plain requests.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := c.silences.pass(address, c.cfg.Brokers); err != nil {
		return nil, fmt.Errorf("connect to kafka: %w", err)
	}
	conn, err := c.cfg.Dial(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to kafka: %w", err)
	}
	if c.tls != nil {
		conf := c.tls
		if conf.ServerName == "" {
			host, _, splitErr := net.SplitHostPort(address)
			if splitErr != nil {
				host = address
			}
			conf = conf.Clone()
			conf.ServerName = host
		}
		secure := tls.Client(conn, conf)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake's error is the one to report
			return nil, fmt.Errorf("connect to kafka: tls with %s: %w", address, err)
		}
		conn = secure
	}
	hearing := &hearingConn{Conn: conn, silences: &c.silences, address: address}
	return &recordingConn{Conn: hearing, table: &c.versions}, nil
}
