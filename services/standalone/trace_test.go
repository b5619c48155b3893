package standalone_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/config"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
	"github.com/cohortflow/cohortflow/services/standalone"
)

const (
	key        = "trace-key"
	partitions = 2
)

// What no span, log line, record key or metric may hold: of the person, and of a body as it came.
const (
	personalEmail = "canary.person@shop.example"
	personalPhone = "+4915112345678"
	bodyText      = "canary-in-the-body"
)

// rules put who clicks and who buys into a cohort, each told to both destinations.
const rules = `
version: 1
events:
  click: {names: [email_clicked], kinds: [engagement]}
  order: {names: [Order Completed]}
cohorts:
  - {key: clicker_1d, name: Clicked today, owner: tests, when: {did: {event: click, within: 1d}}}
  - {key: recent_purchaser_7d, name: Bought within a week, owner: tests, when: {did: {event: order, within: 7d}}}
audiences:
  - {key: rest_clickers, name: Clickers, cohort: clicker_1d, mode: exclude, platforms: [meta], reason: CUSTOMER}
  - {key: rest_buyers, name: Buyers, cohort: recent_purchaser_7d, mode: exclude, platforms: [meta], reason: RECENT_PURCHASE}
deliver:
  saleswings: {cohorts: [clicker_1d, recent_purchaser_7d]}
`

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// flow is a standalone in this process, with everything it emits caught.
type flow struct {
	t                  *testing.T
	http, admin, kafka string
	spans              *tracetest.SpanRecorder
	logs               *lockedBuffer
	wings              *saleswingstest.Server
}

func startFlow(t *testing.T) *flow {
	t.Helper()
	f := &flow{t: t, spans: tracetest.NewSpanRecorder(), logs: &lockedBuffer{}, wings: saleswingstest.New("wings")}
	wings := httptest.NewServer(f.wings)
	t.Cleanup(wings.Close)
	catalogue := filepath.Join(t.TempDir(), "cohorts.yaml")
	if err := os.WriteFile(catalogue, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	addresses := freeAddresses(t, 5)
	f.http, f.admin, f.kafka = "http://"+addresses[0], "http://"+addresses[1], addresses[2]
	var cfg standalone.Config
	if _, err := config.Parse(&cfg, "cohortflow", "", []string{
		"--data-dir", t.TempDir(), "--catalogue", catalogue, "--partitions", strconv.Itoa(partitions), "--log-level", "debug",
		"--http", addresses[0], "--admin", addresses[1], "--kafka-listen", addresses[2], "--registry-listen", addresses[3],
		"--console-listen", addresses[4],
		"--ingest-key", key, "--saleswings-url", wings.URL, "--saleswings-key", "wings", "--saleswings-allow-private",
	}); err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{
		Service: "cohortflow", LogLevel: cfg.LogLevel, Output: f.logs, SpanProcessors: []sdktrace.SpanProcessor{f.spans},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- standalone.Run(ctx, cfg, tel) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the flow ended badly: %v\n%s", err, f.logs)
		}
		if err := tel.Shutdown(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	f.await("ready", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the flow ended before it was ready: %v", err)
		default:
		}
		resp, err := f.get("/readyz")
		return err == nil && resp.status == http.StatusOK
	})
	return f
}

// freeAddresses are n addresses that nobody listens on, as far as can be known.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		var l net.ListenConfig
		ln, err := l.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		list[i] = ln.Addr().String()
		defer func() { _ = ln.Close() }()
	}
	return list
}

func (f *flow) await(what string, done func() bool) {
	f.t.Helper()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for limit := time.Now().Add(30 * time.Second); !done(); <-every.C {
		if time.Now().After(limit) {
			f.t.Fatalf("not %s within 30 s\nspans: %s\nlog: %s", what, names(f.spans.Ended()), f.logs)
		}
	}
}

type answer struct {
	status int
	body   string
}

func (f *flow) get(path string) (answer, error) {
	return f.do(http.MethodGet, f.admin+path, nil, nil)
}

func (f *flow) do(method, url string, body []byte, headers map[string]string) (answer, error) {
	req, err := http.NewRequestWithContext(f.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(text)}, err
}

func (f *flow) post(path, body string, headers map[string]string) {
	f.t.Helper()
	got, err := f.do(http.MethodPost, f.http+path, []byte(body), headers)
	if err != nil || got.status != http.StatusOK {
		f.t.Fatalf("POST %s: %d %s %v", path, got.status, got.body, err)
	}
}

// signed are the headers of a reporting webhook of now.
func signed(body string, more map[string]string) map[string]string {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	headers := map[string]string{"X-CIO-Timestamp": stamp, "X-CIO-Signature": hex.EncodeToString(mac.Sum(nil)), "Content-Type": "application/json"}
	maps.Copy(headers, more)
	return headers
}

func names(spans []sdktrace.ReadOnlySpan) string {
	var list []string
	for _, s := range spans {
		list = append(list, s.Name())
	}
	return strings.Join(list, ", ")
}

func attr(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value.AsString()
		}
	}
	return ""
}

// The callers of the two requests: whoever they are, their sampling is not ours.
const (
	foreignTrace  = "0af7651916cd43dd8448eb211c80319c"
	foreignParent = "00-" + foreignTrace + "-b7ad6b7169203331-01"
	basicAuth     = "Basic dHJhY2Uta2V5Og==" // trace-key:
)

func TestRun_OneTraceFromTheWebhookToBothDestinations(t *testing.T) {
	f := startFlow(t)
	identify := fmt.Sprintf(`{"userId":"c-1","traits":{"email":%q,"phone":%q,"note":%q}}`, personalEmail, personalPhone, bodyText)
	click := fmt.Sprintf(`{"event_id":"e-click","object_type":"email","metric":"clicked","timestamp":%d,"data":{"customer_id":"c-1","delivery_id":"d-1",`+
		`"identifiers":{"id":"c-1","email":%q},"recipient":%q,"href":"https://shop.example/%s"}}`, time.Now().Unix(), personalEmail, personalEmail, bodyText)
	buy := fmt.Sprintf(`{"userId":"c-1","messageId":"m-buy","event":"Order Completed","properties":{"order_id":"o-1","total":59.9,"gift_note":%q}}`, bodyText)
	pipelines := map[string]string{"Authorization": basicAuth, "Content-Type": "application/json", "traceparent": foreignParent}

	f.post("/v1/identify", identify, pipelines)
	f.post("/webhooks/reporting", click, signed(click, map[string]string{"traceparent": foreignParent, "tracestate": "vendor=x"}))
	f.follow("POST /webhooks/reporting", "clicker_1d")
	f.post("/v1/track", buy, pipelines)
	f.follow("POST /v1/track", "recent_purchaser_7d")

	// What cannot be understood, or may not come in, is told without being quoted.
	garbage := fmt.Sprintf(`{"event_id":"e-odd","object_type":"%s","data":{"recipient":%q}}`, bodyText, personalEmail)
	f.post("/webhooks/reporting", garbage, signed(garbage, nil))
	for _, body := range []string{garbage, buy, personalEmail} {
		for path, headers := range map[string]map[string]string{
			"/webhooks/reporting": {"X-CIO-Timestamp": "1", "X-CIO-Signature": personalEmail},
			"/v1/track":           {"Authorization": "Bearer " + personalEmail},
			"/v1/" + personalEmail + "?email=" + personalEmail: pipelines,
		} {
			if _, err := f.do(http.MethodPost, f.http+path, []byte(body), headers); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.keepsSecrets()
}

// follow walks one trace from the request to both destinations: every hop has the hop
// before it as parent, and a link to it where it crossed a topic.
func (f *flow) follow(request, cohort string) {
	f.t.Helper()
	find := func(name string, parent trace.SpanContext, has attribute.Key, value string) sdktrace.ReadOnlySpan {
		for _, s := range f.spans.Ended() {
			if s.Name() == name && (!parent.IsValid() || s.Parent().SpanID() == parent.SpanID() && s.SpanContext().TraceID() == parent.TraceID()) &&
				(has == "" || attr(s, has) == value) {
				return s
			}
		}
		return nil
	}
	hop := func(name string, kind trace.SpanKind, parent sdktrace.ReadOnlySpan, has attribute.Key, value string) sdktrace.ReadOnlySpan {
		f.t.Helper()
		var above trace.SpanContext
		if parent != nil {
			above = parent.SpanContext()
		}
		var s sdktrace.ReadOnlySpan
		f.await(fmt.Sprintf("%s: a span %q", request, name), func() bool {
			s = find(name, above, has, value)
			return s != nil
		})
		if s.SpanKind() != kind {
			f.t.Errorf("%s: %q is of kind %v, want %v", request, name, s.SpanKind(), kind)
		}
		if kind == trace.SpanKindConsumer && (len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID() != above.SpanID()) {
			f.t.Errorf("%s: %q has the links %v, want one to what it consumed", request, name, s.Links())
		}
		return s
	}
	server := hop(request, trace.SpanKindServer, nil, "", "")
	if server.Parent().IsValid() {
		f.t.Errorf("%s: its span has a parent; want a root of our own, whatever the caller says", request)
	}
	if id := server.SpanContext().TraceID().String(); id == foreignTrace {
		f.t.Errorf("%s: it goes on with the caller's trace", request)
	}
	if links := server.Links(); len(links) != 1 || links[0].SpanContext.TraceID().String() != foreignTrace {
		f.t.Errorf("%s: got the links %v, want one to the caller", request, links)
	}
	taken := hop("send customerio.events.v1", trace.SpanKindProducer, server, "", "")
	decided := hop("process customerio.events.v1", trace.SpanKindConsumer, taken, telemetry.Cohort, cohort)
	sent := hop("send cohort.transitions.v1", trace.SpanKindProducer, decided, "", "")
	told := hop("process cohort.transitions.v1", trace.SpanKindConsumer, sent, telemetry.Destination, "saleswings")
	hop("POST", trace.SpanKindClient, told, "", "")
	hashed := hop("process cohort.transitions.v1", trace.SpanKindConsumer, sent, telemetry.Destination, "ads.meta")
	out := hop("send ads.suppression.meta.v1", trace.SpanKindProducer, hashed, "", "")

	// The records themselves carry it on, so that a reader of the last topic can go on.
	for topic, by := range map[string]sdktrace.ReadOnlySpan{
		schemas.EventsTopic: taken, schemas.TransitionsTopic: sent, schemas.SuppressionTopic("meta"): out,
	} {
		f.await(fmt.Sprintf("%s: a record of %s with its span", request, topic), func() bool {
			for _, r := range f.read(topic) {
				if telemetry.SpanContext(r.Headers).SpanID() == by.SpanContext().SpanID() {
					return true
				}
			}
			return false
		})
	}
}

// read returns all records of a topic.
func (f *flow) read(topic string) (all []kafkaio.Record) {
	f.t.Helper()
	c, err := kafkaio.Open(kafkaio.Config{Brokers: []string{f.kafka}}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for p := range int32(partitions) {
		start, end, err := c.Offsets(f.t.Context(), topic, p)
		if err != nil {
			f.t.Fatal(err)
		}
		records, err := c.ReadRange(f.t.Context(), topic, p, start, end)
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, records...)
	}
	return all
}

// keepsSecrets looks for personal data and for bodies where there must be none, after
// it has made sure that they were there to be leaked.
func (f *flow) keepsSecrets() {
	f.t.Helper()
	told := false
	for _, a := range f.wings.Tracks() {
		told = told || a.Email == personalEmail
	}
	if !told {
		f.t.Error("SalesWings was not told the email: this test proves nothing")
	}
	places := map[string]string{"the log": f.logs.String()}
	metrics, err := f.get("/metrics")
	if err != nil || metrics.status != http.StatusOK || !strings.Contains(metrics.body, "clicker_1d") {
		f.t.Errorf("/metrics: %d %v, want the cohort's name in it", metrics.status, err)
	}
	places["/metrics"] = metrics.body
	for _, s := range f.spans.Ended() {
		text := fmt.Sprint(s.Name(), s.Attributes(), s.Status(), s.Resource().Attributes(), s.SpanContext().TraceState())
		for _, l := range s.Links() {
			text += fmt.Sprint(l.Attributes)
		}
		for _, e := range s.Events() {
			text += fmt.Sprint(e.Name, e.Attributes)
		}
		places["span "+s.Name()] += text
	}
	quarantined := 0
	for _, topic := range []string{
		schemas.EventsTopic, schemas.QuarantineTopic, schemas.TransitionsTopic, schemas.ProfilesTopic,
		schemas.SuppressionTopic("meta"), schemas.ReceiptsTopic, schemas.DeadLetterTopic,
	} {
		for _, r := range f.read(topic) {
			if topic == schemas.QuarantineTopic {
				quarantined++
			}
			places["keys of "+topic] += " " + string(r.Key)
			for _, h := range r.Headers {
				places["headers of "+topic] += " " + h.Key + "=" + string(h.Value)
			}
		}
	}
	if quarantined == 0 {
		f.t.Error("nothing is in quarantine: what is refused was not looked at")
	}
	for place, text := range places {
		for _, secret := range []string{personalEmail, "canary.person", strings.TrimPrefix(personalPhone, "+"), bodyText, key} {
			if strings.Contains(text, secret) {
				f.t.Errorf("%s holds %q: %s", place, secret, around(text, secret))
			}
		}
	}
}

// around is the place of a find, with a little of what stands beside it.
func around(text, find string) string {
	at := strings.Index(text, find)
	return text[max(0, at-120):min(len(text), at+len(find)+60)]
}
