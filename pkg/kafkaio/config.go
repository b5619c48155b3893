package kafkaio

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
)

// Config says where the cluster is and how to be admitted. The zero value of
// every field but Brokers works.
type Config struct {
	Brokers        []string // host:port of some brokers; the others are found through them
	ClientID       string   // shown in the brokers' logs and quotas; default "cohortflow"
	TLS            TLSConfig
	SASL           SASLConfig
	DialTimeout    time.Duration // TCP, TLS and SASL together; default 3 s
	RequestTimeout time.Duration // one request and its answer; default 5 s

	// Dial replaces the TCP dialer, e.g. for a tunnel or to break connections in a
	// test. TLS is laid on top of what it gives. nil = TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// TLSConfig turns TLS on. Empty files mean the system's authorities and no
// client certificate.
type TLSConfig struct {
	Enabled    bool
	CAFile     string // PEM of the authorities to trust
	CertFile   string // PEM of the client's certificate; needs KeyFile
	KeyFile    string
	ServerName string // name to verify; default the broker's host
}

// SASLConfig names the mechanism and the credentials.
type SASLConfig struct {
	Mechanism string // "", "PLAIN", "SCRAM-SHA-256" or "SCRAM-SHA-512"
	Username  string
	Password  string
}

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("kafka brokers: none given; name at least one host:port"))
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("kafka brokers: %q is not host:port: %w", b, err))
		}
	}
	if c.ClientID == "" {
		c.ClientID = "cohortflow"
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = 3 * time.Second
	}
	if c.RequestTimeout <= 0 {
		c.RequestTimeout = 5 * time.Second
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: c.DialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	return c, errors.Join(errs...)
}

// build reads the files and gives nil when TLS is off.
func (t TLSConfig) build() (*tls.Config, error) {
	if !t.Enabled {
		if t.CAFile != "" || t.CertFile != "" || t.KeyFile != "" {
			return nil, errors.New("kafka tls: files are given but TLS is off; set enabled or remove them")
		}
		return nil, nil //nolint:nilnil // no TLS is a valid answer
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka tls ca file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka tls ca file %s: holds no PEM certificate", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("kafka tls: a client certificate needs both cert file and key file")
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka tls client certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

func (s SASLConfig) build() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		return nil, nil //nolint:nilnil // no SASL is a valid answer
	}
	if s.Username == "" {
		return nil, fmt.Errorf("kafka sasl %s: user name is empty", s.Mechanism)
	}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256", "SCRAM-SHA-512":
		return newScram(s.Mechanism, s.Username, s.Password)
	default:
		return nil, fmt.Errorf("kafka sasl mechanism %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
	}
}
