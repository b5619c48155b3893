package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/demo/stack"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/replay"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// service is one process of a flow that is spread over several.
type service struct {
	t     *testing.T
	name  string
	args  []string
	admin string
	cmd   *exec.Cmd
	log   string
}

func buildService(t *testing.T, name string) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root, "build", "cohortflow-"+name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, "./services/"+name+"/cmd/cohortflow-"+name)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, text)
	}
	return out
}

func (s *service) begin() {
	s.t.Helper()
	file, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(buildService(s.t, s.name), append(s.args, "--admin", s.admin)...)
	s.cmd.Stdout, s.cmd.Stderr = file, file
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = file.Close() // the child has its own
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get("http://" + s.admin + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.log)
			s.t.Fatalf("%s is not ready: %v\n%s", s.name, err, text[max(0, len(text)-2000):])
		}
		pause(s.t, 30*time.Millisecond)
	}
}

// kill ends the process as a crash would.
func (s *service) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed: that is the answer
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(context.Cause(t.Context()))
	}
}

// flow is ingest, two processors and a sink, each a process, over Kafka and Redis.
type flow struct {
	pipeline
	ingest, sink *service
	processors   [2]*service
}

func startFlow(t *testing.T) *flow {
	t.Helper()
	brokers, _ := launch.Kafka(t, launch.KafkaOptions{})
	redis, _ := launch.Redis(t)
	dir := t.TempDir()
	f := &flow{pipeline: pipeline{t: t, real: brokers}}
	common := []string{"--kafka-brokers", brokers[0], "--partitions", fmt.Sprint(partitions), "--seal-secret", secret}
	make := func(name, id string, args ...string) *service {
		a, err := stack.Free()
		if err != nil {
			t.Fatal(err)
		}
		s := &service{t: t, name: name, args: append(append([]string{}, common...), args...), admin: a.Admin, log: filepath.Join(dir, id+".log")}
		if name == "ingest" {
			f.cfg.Addresses = a
			s.args = append(s.args, "--http", a.HTTP)
		}
		s.begin()
		t.Cleanup(func() {
			s.kill()
			if text, err := os.ReadFile(s.log); err == nil && t.Failed() {
				t.Logf("the end of %s:\n%s", s.log, text[max(0, len(text)-12_000):])
			}
		})
		return s
	}
	for i := range f.processors {
		f.processors[i] = make("processor", fmt.Sprintf("processor%d", i), "--redis", "redis://"+redis, "--clock", "events")
	}
	f.sink = make("sink", "sink")
	f.ingest = make("ingest", "ingest", "--clock", "events", "--pipelines-write-keys", writeKey)
	return f
}

// advance appends ticks, since no process of a spread flow has a clock to move.
func (f *flow) advance(c *kafkaio.Client, to int64) {
	f.t.Helper()
	v, _ := schemas.Newest(schemas.EventsSubject)
	producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	defer func() { _ = producer.Close(f.t.Context()) }()
	records := make([]kafkaio.OutRecord, partitions)
	for p := range records {
		records[p] = kafkaio.OutRecord{Partition: int32(p), Key: []byte("__tick__"), Value: avrocodec.AppendEvent(nil, v.ID,
			&event.Event{Kind: event.KindTick, Source: event.SourceOwner, EventAt: to, AcceptedAt: to})}
	}
	if err := producer.Produce(f.t.Context(), records); err != nil {
		f.t.Fatal(err)
	}
}

// rest waits until a watermark of every partition says that the log is worked off.
func (f *flow) rest(c *kafkaio.Client) {
	f.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		produced, err := tail.Transitions(f.t.Context(), c, partitions)
		done := 0
		if err == nil {
			for _, w := range produced.Watermarks {
				_, end, err := c.Offsets(f.t.Context(), schemas.EventsTopic, w.Partition)
				if err == nil && w.Processed >= end {
					done++
				}
			}
		}
		if done == partitions {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%d of %d partitions are worked off; %v", done, partitions, err)
		}
		pause(f.t, 100*time.Millisecond)
	}
}

// Each service dies in mid-stream, three times; two processors share the partitions.
func TestServices_KilledInMidStream(t *testing.T) {
	launch.Need(t, launch.PartKafka, launch.PartRedis)
	const name = "retentioneering_ecom_synthetic"
	for _, victim := range []string{"ingest", "processor", "sink"} {
		t.Run(victim, func(t *testing.T) {
			f := startFlow(t)
			c := f.client()
			events := recorded(t, name)
			for round := range 3 {
				s := map[string]*service{"ingest": f.ingest, "processor": f.processors[round%2], "sink": f.sink}[victim]
				part := events[round*len(events)/4 : (round+1)*len(events)/4]
				sent := make(chan error, 1)
				go func() {
					_, err := replay.Send(t.Context(), f.url(), writeKey, part, replay.Options{SkipNameless: true})
					sent <- err
				}()
				pause(t, 150*time.Millisecond) // somewhere in the middle
				s.kill()
				s.begin()
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			f.send(events[3*len(events)/4:])
			f.advance(c, drained)
			f.rest(c)
			f.judge(expected(t, name))
			f.judgeSuppression(c)
		})
	}
}

// judgeSuppression waits until the last value of every key is what the transitions say.
func (f *flow) judgeSuppression(c *kafkaio.Client) {
	f.t.Helper()
	produced, err := tail.Transitions(f.t.Context(), c, partitions)
	if err != nil {
		f.t.Fatal(err)
	}
	want := map[string]string{}
	for _, tr := range produced.Transitions {
		if tr.Cohort != "recent_purchaser_7d" || tr.Elapsed {
			continue
		}
		op := "SUPPRESS"
		if tr.Op == cohort.OpExit {
			op = "RELEASE"
		}
		want[avrocodec.FormatID(tr.ID)] = op
	}
	deadline := time.Now().Add(time.Minute)
	for {
		records, err := tail.Read(f.t.Context(), c, schemas.SuppressionTopic("meta"), partitions)
		if err != nil {
			f.t.Fatal(err)
		}
		got := map[string]string{}
		for i := range records {
			var s avrocodec.Suppression
			mark, err := avrocodec.DecodeSuppression(records[i].Value, &s, nil)
			if err != nil {
				f.t.Fatal(err)
			}
			if !mark && s.Cohort == "recent_purchaser_7d" {
				if _, twice := got[s.TransitionID]; twice {
					f.t.Fatalf("transition %s stands twice in the suppression topic", s.TransitionID)
				}
				got[s.TransitionID] = s.Op
			}
		}
		missing := 0
		for id, op := range want {
			if got[id] != op {
				missing++
			}
		}
		if missing == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%d of %d decisions are not in the suppression topic", missing, len(want))
		}
		pause(f.t, 200*time.Millisecond)
	}
}
