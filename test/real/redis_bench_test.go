package real_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/test/launch"
)

// The figures to watch are the processor times per person, ours and Redis': both count for the
// throughput of the processor. Wall time says little on a shared machine.

const (
	benchPeople = 200_000 // in one partition
	benchBlob   = 96      // bytes
)

func BenchmarkCommit500(b *testing.B) { benchmarkCommit(b, 500, "--appendonly", "no") }

// BenchmarkCommit5000 is what a partition under full load commits at once.
func BenchmarkCommit5000(b *testing.B) { benchmarkCommit(b, 5000, "--appendonly", "no") }

func BenchmarkCommit5000WithAOF(b *testing.B) { benchmarkCommit(b, 5000) }

func benchmarkCommit(b *testing.B, people int, args ...string) {
	bench := fill(b, args...)
	c := redisstate.Commit{Expect: bench.checkpoint, People: make([]redisstate.Person, people)}
	bench.run(b, people, func(round int) error {
		for i := range c.People {
			n := bench.random.IntN(benchPeople)
			c.People[i] = redisstate.Person{Key: bench.keys[n], Blob: bench.blob(n)}
		}
		c.Next = strconv.AppendInt(nil, int64(round), 10)
		err := bench.state.Commit(b.Context(), 0, c)
		c.Expect = c.Next
		return err
	})
}

func BenchmarkLoad500(b *testing.B) {
	bench := fill(b, "--appendonly", "no")
	keys := make([]string, 500)
	bench.run(b, len(keys), func(int) error {
		for i := range keys {
			keys[i] = bench.keys[bench.random.IntN(benchPeople)]
		}
		_, _, err := bench.state.LoadPeople(b.Context(), 0, keys)
		return err
	})
}

// bench is a Redis with people in it.
type bench struct {
	server     *launch.Server
	state      *redisstate.Store
	keys       []string
	blobs      []byte // random bytes, of which each blob is a part
	checkpoint []byte
	random     *rand.Rand
}

func fill(b *testing.B, args ...string) *bench {
	b.Helper()
	addr, server := launch.Redis(b, args...)
	f := &bench{server: server, state: openState(b, redisstate.Config{URL: "redis://" + addr}), random: rand.New(rand.NewPCG(1, 2)), blobs: make([]byte, 1<<20)}
	for i := range f.blobs {
		f.blobs[i] = byte(f.random.Uint32())
	}
	for i := range benchPeople {
		f.keys = append(f.keys, "cust"+strconv.Itoa(100_000+i))
	}
	for from := 0; from < benchPeople; from += 10_000 {
		c := redisstate.Commit{Expect: f.checkpoint, Next: strconv.AppendInt([]byte("fill "), int64(from), 10)}
		for n := from; n < from+10_000; n++ {
			c.People = append(c.People, redisstate.Person{Key: f.keys[n], Blob: f.blob(n)})
		}
		if err := f.state.Commit(b.Context(), 0, c); err != nil {
			b.Fatal(err)
		}
		f.checkpoint = c.Next
	}
	return f
}

func (f *bench) blob(n int) []byte {
	at := (n * 61) % (len(f.blobs) - benchBlob)
	return f.blobs[at : at+benchBlob]
}

func (f *bench) run(b *testing.B, people int, round func(int) error) {
	b.ReportAllocs()
	ours, redis := ownCPU(b), f.redisCPU(b)
	rounds := 0
	for b.Loop() {
		rounds++
		if err := round(rounds); err != nil {
			b.Fatal(err)
		}
	}
	total := float64(rounds * people)
	b.ReportMetric(float64(b.Elapsed())/total, "ns/person")
	b.ReportMetric(float64(ownCPU(b)-ours)/total, "cpu-ns/person")
	b.ReportMetric(float64(f.redisCPU(b)-redis)/total, "redis-cpu-ns/person")
	if memory, err := f.server.Do("INFO", "memory"); err == nil {
		used, _ := strconv.ParseFloat(field(memory, "used_memory_dataset"), 64)
		b.ReportMetric(used/benchPeople, "redis-B/person")
	}
}

func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func (f *bench) redisCPU(b *testing.B) time.Duration {
	b.Helper()
	info, err := f.server.Do("INFO", "cpu")
	if err != nil {
		b.Fatal(err)
	}
	user, _ := strconv.ParseFloat(field(info, "used_cpu_user"), 64)
	system, _ := strconv.ParseFloat(field(info, "used_cpu_sys"), 64)
	return time.Duration((user + system) * float64(time.Second))
}

func field(info, name string) string {
	_, rest, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
