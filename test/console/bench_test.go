package console_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/event"
)

const (
	benchPeople = 20_000
	benchEvents = 12 // of each, days apart, so that evidence lies far apart in the log
)

// The figures to watch are p50 and p99 of an answer as a client has it, over HTTP.

func BenchmarkExplain_Embedded(b *testing.B) { benchmark(b, embedded) }

func BenchmarkExplain_Real(b *testing.B) { benchmark(b, real) }

func benchmark(b *testing.B, start func(testing.TB) *flow) {
	f := start(b)
	f.settled()
	for day := range int64(benchEvents) {
		events := make([]event.Event, 0, benchPeople)
		for i := range benchPeople {
			ids := event.Identifiers{CustomerID: fmt.Sprint("person-", i)}
			at := noon + day*24*hour + int64(i)
			if day%3 == 0 {
				events = append(events, order(ids, 40, at))
			} else {
				events = append(events, track(ids, "Product Viewed", at))
			}
		}
		for part := range slices.Chunk(events, 500) {
			f.tell(part...)
		}
	}
	f.settled()
	for kind, path := range map[string]string{"person": "/v1/people/person-%d", "explain": "/v1/people/person-%d/explain"} {
		for _, atOnce := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s/%d_at_once", kind, atOnce), func(b *testing.B) { answers(b, f, path, atOnce) })
		}
	}
}

// answers measures what clients wait for who ask one question after the other.
func answers(b *testing.B, f *flow, path string, atOnce int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	get := func(i int) int {
		resp, err := client.Get(f.url + fmt.Sprintf(path, i))
		if err != nil {
			b.Error(err)
			return 0
		}
		defer func() { _ = resp.Body.Close() }()
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Errorf("got %d, %v", resp.StatusCode, err)
		}
		return int(n)
	}
	for i := range 200 { // connections and the catalogue
		get(i)
	}
	took := make([][]time.Duration, atOnce)
	bytes := make([]int, atOnce)
	b.ResetTimer()
	var asking sync.WaitGroup
	for who := range atOnce {
		asking.Go(func() {
			for range b.N/atOnce + 1 {
				begun := time.Now()
				bytes[who] += get(rand.IntN(benchPeople))
				took[who] = append(took[who], time.Since(begun))
			}
		})
	}
	asking.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	total := 0
	for _, n := range bytes {
		total += n
	}
	ms := func(q float64) float64 { return all[int(q*float64(len(all)-1))].Seconds() * 1000 }
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.99), "p99-ms")
	b.ReportMetric(ms(1), "max-ms")
	b.ReportMetric(float64(total)/float64(len(all)), "bytes/answer")
}
