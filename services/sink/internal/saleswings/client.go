package saleswings

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

// ClientConfig says where SalesWings is and how long it may take.
type ClientConfig struct {
	URL     string // scheme and host, such as https://helium.saleswings.pro
	APIKey  string // sent as bearer to that host only
	Surface string // SurfaceSegment (default) or SurfaceCore
	// AllowPrivate admits private addresses, and http without TLS. A URL that names a
	// loopback address admits loopback by itself: for rehearsals.
	AllowPrivate bool
	Timeout      time.Duration     // one request and its answer; default 10 s
	Transport    http.RoundTripper // in place of the guarded one: for tests
}

// Bounds of an answer.
const (
	maxAnswer       = 1 << 20
	maxAnswerHeader = 64 << 10
)

// client speaks HTTP. It is safe for concurrent use.
type client struct {
	base    string
	key     string
	surface surface
	timeout time.Duration
	http    *http.Client
}

// newClient checks the address. It follows no redirect, so the key never leaves
// the configured host.
func newClient(cfg ClientConfig) (*client, error) {
	u, err := url.Parse(cfg.URL)
	if err == nil && isLoopback(u.Hostname()) {
		cfg.AllowPrivate = true
	}
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("saleswings url: want scheme and host, such as https://helium.saleswings.pro")
	case u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("saleswings url: give scheme and host only; the key has a setting of its own")
	case u.Scheme != "https" && (u.Scheme != "http" || !cfg.AllowPrivate):
		return nil, fmt.Errorf("saleswings url: scheme %q: use https, or allow private addresses for a server of your own", u.Scheme)
	case cfg.APIKey == "":
		return nil, errors.New("saleswings api key is empty")
	}
	s, err := newSurface(cfg.Surface)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	transport := cfg.Transport
	if transport == nil {
		transport = guardedTransport(cfg.AllowPrivate)
	}
	return &client{
		base: u.Scheme + "://" + u.Host, key: cfg.APIKey, surface: s, timeout: cfg.Timeout,
		http: &http.Client{
			Transport:     otelhttp.NewTransport(transport, otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method })),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// guardedTransport looks at the address after the name was resolved, so a name that
// changes its answer between check and use gains nothing.
func guardedTransport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}
	if !allowPrivate {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return publicOnly(address) }
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    3 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true, // nothing that unpacks to more than was read
	}
}

var errPrivateAddress = errors.New("the name leads to an address that is not public")

func publicOnly(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address: %w", errPrivateAddress)
	}
	ip := ap.Addr().Unmap()
	carrierNAT := netip.MustParsePrefix("100.64.0.0/10")
	nat64 := netip.MustParsePrefix("64:ff9b::/96")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || carrierNAT.Contains(ip) || nat64.Contains(ip) {
		return fmt.Errorf("%s: %w", ip, errPrivateAddress)
	}
	return nil
}

// send makes one request and judges the answer; it never retries. Without an answer
// the verdict is retry if surely nothing whole was sent, else ambiguous. After until, on the
// wall clock, nothing is sent any more; zero = no such time.
func (c *client) send(ctx context.Context, k kind, list []Activity, until time.Time) answer {
	body, err := c.surface.body(k, list)
	if err != nil {
		return all(len(list), result{verdictRefused, 0, "the activity cannot be encoded"})
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// From the moment a connection is there, bytes may be on their way.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+c.surface.path(k), newTimely(body, until))
	if err != nil {
		return all(len(list), result{verdictHold, 0, "the request cannot be built"})
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return newTimely(body, until), nil }
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "cohortflow-sink")
	resp, err := c.http.Do(req)
	if err != nil {
		return all(len(list), noAnswer(err, connected.Load()))
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case len(text) > maxAnswer:
		return all(len(list), result{verdictAmbiguous, resp.StatusCode, "the answer is too long"})
	case err != nil && resp.StatusCode/100 == 2:
		return all(len(list), result{verdictAmbiguous, resp.StatusCode, "the answer broke off"})
	}
	return readAnswer(len(list), resp.StatusCode, resp.Header, text, c.key, time.Now())
}

// noAnswer never repeats the error's text: it holds the address and may hold more.
func noAnswer(err error, connected bool) result {
	if errors.Is(err, errLate) {
		return result{verdictRetry, 0, errLate.Error()}
	}
	if !connected {
		if errors.Is(err, errPrivateAddress) {
			return result{verdictHold, 0, errPrivateAddress.Error()}
		}
		return result{verdictRetry, 0, "no connection"}
	}
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return result{verdictAmbiguous, 0, "no answer in time"}
	}
	return result{verdictAmbiguous, 0, "connection lost after sending"}
}
