package redisstate

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	defaultTimeout = 5 * time.Second
	bufferSize     = 64 << 10 // bytes of a connection's read and write buffer: a load of 500 people in one or two reads
)

// Config says where Redis is. The zero values of all fields but URL are usable.
type Config struct {
	// URL is redis://[user:password@]host:port[/db], or rediss:// for TLS. A comma makes it a
	// cluster: "redis://a:6379,b:6379" lists seeds, "redis://a:6379," is a cluster with one seed.
	URL string
	// Username and Password win over those in URL.
	Username string
	Password string
	// Files of TLS, for a rediss:// URL alone. Without CAFile the system's authorities are trusted.
	CAFile   string // PEM of the authorities to trust
	CertFile string // PEM of the client's certificate; needs KeyFile
	KeyFile  string
	// Prefix stands before every key, so that several flows can share a Redis: letters, digits and : . _ - only.
	Prefix string
	// Timeout bounds dialling, each read and each write, and the wait for a free connection (default
	// 5 s). A nearer deadline of the context wins.
	Timeout time.Duration
	// AllowVolatile is the operator's word that state may be lost when Redis restarts and is to be
	// rebuilt from the log; without it Check refuses a Redis that persists nothing.
	AllowVolatile bool
	// Embedded says that the Redis is one inside this process, which has no settings to check.
	Embedded bool
}

// Open makes a store; it reads the files of TLS and does no other IO, Check does the first. Close it
// when done.
func Open(cfg Config, log *slog.Logger) (*Store, error) {
	if log == nil {
		return nil, errors.New("open redis state: no logger given")
	}
	if !prefixPattern.MatchString(cfg.Prefix) {
		return nil, fmt.Errorf("open redis state: prefix %q: only letters, digits and : . _ - are allowed, since braces would move keys to other slots and wildcards would match foreign keys", cfg.Prefix)
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("open redis state: timeout %s is negative; leave it out for %s", cfg.Timeout, defaultTimeout)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	opt, err := parseURL(cfg)
	if err != nil {
		return nil, fmt.Errorf("open redis state: %w", err)
	}
	// go-redis has one logger for the process and writes plain lines to standard error by itself.
	redis.SetLogger(libraryLog{log})
	s := &Store{cfg: cfg, log: log}
	if strings.Contains(cfg.URL, ",") {
		s.cluster = redis.NewClusterClient(opt.Cluster())
	} else {
		s.single = redis.NewClient(opt.Simple())
	}
	return s, nil
}

// libraryLog takes what go-redis says about its connections. The calls return the same as errors.
type libraryLog struct{ log *slog.Logger }

// Printf implements go-redis' logger.
func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis connection", "detail", fmt.Sprintf(format, v...))
}

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9:._-]*$`)

// parseURL never shows the URL in an error: it may hold a password.
func parseURL(cfg Config) (*redis.UniversalOptions, error) {
	if cfg.URL == "" {
		return nil, errors.New("no url given; set it to redis://host:port")
	}
	first, rest, isCluster := strings.Cut(cfg.URL, ",")
	if !strings.Contains(first, "://") {
		if !isCluster {
			return nil, errors.New("url has no scheme; write redis://host:port, or rediss://host:port for TLS")
		}
		first = "redis://" + first
	}
	one, err := redis.ParseURL(first)
	if err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err
		}
		return nil, fmt.Errorf("url cannot be read (%w); write redis://host:port, or rediss://host:port for TLS", err)
	}
	addrs := []string{one.Addr}
	for addr := range strings.SplitSeq(rest, ",") {
		if addr = strings.TrimSpace(addr); addr == "" {
			continue
		}
		if _, bare, found := strings.Cut(addr, "://"); found {
			addr = bare
		}
		if strings.ContainsAny(addr, "@/?") {
			return nil, errors.New("url: only the first address of a cluster may carry a user, a password or options")
		}
		addrs = append(addrs, addr)
	}
	if isCluster && one.DB != 0 {
		return nil, fmt.Errorf("url: a cluster has no database %d; leave the number out", one.DB)
	}
	if one.TLSConfig, err = transport(cfg, one.TLSConfig); err != nil {
		return nil, err
	}
	return options(cfg, one, addrs), nil
}

// transport lays the files over what the URL says of TLS; nil = no TLS.
func transport(cfg Config, fromURL *tls.Config) (*tls.Config, error) {
	switch {
	case fromURL == nil && cfg.CAFile+cfg.CertFile+cfg.KeyFile != "":
		return nil, errors.New("tls: files are given but the url asks for no TLS; write rediss://host:port, or leave them out")
	case fromURL == nil:
		return nil, nil //nolint:nilnil // no TLS is a valid answer
	case fromURL.InsecureSkipVerify:
		return nil, errors.New("url: skip_verify would talk to whoever answers; leave it out, and name the authority's file instead")
	case (cfg.CertFile == "") != (cfg.KeyFile == ""):
		return nil, errors.New("tls: a client certificate needs both cert file and key file")
	}
	out := fromURL.Clone()
	out.MinVersion = max(out.MinVersion, tls.VersionTLS12)
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls ca file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls ca file %s: holds no PEM certificate", cfg.CAFile)
		}
	}
	if cfg.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls client certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// options carries over what the URL can say and fixes what the promises of this package rest on.
func options(cfg Config, one *redis.Options, addrs []string) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs:     addrs,
		DB:        one.DB,
		Username:  cmp.Or(cfg.Username, one.Username),
		Password:  cmp.Or(cfg.Password, one.Password),
		TLSConfig: one.TLSConfig,
		// A repeated EXEC whose first answer was lost would be refused by its own success.
		MaxRetries:    -1,
		DialerRetries: 1,
		MaxRedirects:  -1,
		// Without it a context's deadline would not bound a call.
		ContextTimeoutEnabled: true,
		DialTimeout:           cfg.Timeout,
		ReadTimeout:           cfg.Timeout,
		WriteTimeout:          cfg.Timeout,
		PoolTimeout:           cfg.Timeout,
		ReadBufferSize:        bufferSize,
		WriteBufferSize:       bufferSize,
		PipelinePoolSize:      -1, // everything is a pipeline here: a second pool would only double the connections
		// RESP2 has no push messages, so an answer is read without looking for one before each line.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}
