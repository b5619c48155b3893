package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
)

// null takes everything at no cost.
type null struct{}

func (null) Produce(context.Context, []kafkaio.OutRecord) error { return nil }
func (null) Ready() error                                       { return nil }

// benchmark puts one body through the handler again and again: everything but the
// network and Kafka.
func benchmark(b *testing.B, path, body string, events int) {
	h := newHouse(b, func(c *Config) { c.MaxBody = 1 << 20 })
	h.Open(intake.NewWriter(intake.Config{
		Events: null{}, Quarantine: null{}, EventsID: eventsID, QuarantineID: quarantineID, Partitions: 12,
		MaxRecord: 256 << 10, MaxKept: 256 << 10, MaxRequest: 8 << 20, Links: true, LinkCache: 1 << 20,
		Tracer: h.tracer.Tracer("test"), Meter: h.meter.Meter("test"),
	}))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	r := httptest.NewRequest(http.MethodPost, path, nil)
	withKey(r)
	text := []byte(body)
	reader := bytes.NewReader(nil)
	r.ContentLength = int64(len(text))
	for b.Loop() {
		reader.Reset(text)
		r.Body = io.NopCloser(reader)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != "{}" {
			b.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// purchase is a track call as a shop's server sends it, some 400 bytes.
func purchase(i int) string {
	return fmt.Sprintf(`{"type":"track","event":"Order Completed","userId":"u_%d","messageId":"node-next-1791193870000-%08d-3278-457e-a926-1015de0332bf",`+
		`"timestamp":"2026-10-05T09:51:10.008Z","properties":{"order_id":"FW-%d","total":84.5,"currency":"EUR","coupon":null,"products":[{"sku":"4471","price":42.25,"quantity":2}]},`+
		`"context":{"library":{"name":"shop","version":"1.2.3"}},"integrations":{},"_metadata":{"nodeVersion":"20.20.0"}}`, i, i, i)
}

func BenchmarkSingle(b *testing.B) { benchmark(b, "/v1/track", purchase(1), 1) }

func BenchmarkBatch500(b *testing.B) {
	calls := make([]string, 500)
	for i := range calls {
		calls[i] = purchase(i)
	}
	benchmark(b, "/v1/batch", `{"batch":[`+strings.Join(calls, ",")+`]}`, len(calls))
}

// Events that name three keys of one person, whose links the log knows.
func BenchmarkLinked500(b *testing.B) {
	calls := make([]string, 500)
	for i := range calls {
		calls[i] = strings.Replace(purchase(i), `"context":{`, fmt.Sprintf(`"anonymousId":"anon_%d","context":{"traits":{"email":"u_%d@example.com"},`, i, i), 1)
	}
	benchmark(b, "/v1/batch", `{"batch":[`+strings.Join(calls, ",")+`]}`, len(calls))
}
