package sink_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink"
)

// fold is what a platform's topic has to hold after the transitions, computed in the
// plainest way: per key everything that is written in order, and what remains.
type fold struct {
	history map[string][]string
	state   map[string]string
}

func (f *flow) fold(platform string, list []cohort.Transition) fold {
	out := fold{history: map[string][]string{}, state: map[string]string{}}
	for _, t := range list {
		for _, a := range f.rules.Audiences {
			givesUp := t.Op == cohort.OpExit && t.Reason == cohort.ReasonContactsChanged
			if t.Elapsed || givesUp && len(t.Contacts) == 0 || a.Cohort != t.Cohort || a.Mode != catalogue.ModeExclude || !slices.Contains(a.Platforms, platform) {
				continue
			}
			key, op := "acme|"+a.Key+"|"+f.keys.Subject(t.Person), avrocodec.OpRelease
			if t.Op == cohort.OpEnter {
				op = avrocodec.OpSuppress
			}
			digests := len(t.Contacts) > 0 && !(t.Op == cohort.OpExit && t.Reason == cohort.ReasonMerged)
			line := fmt.Sprintf("%s %s v%d digests %v", op, avrocodec.FormatID(t.ID), t.Version, digests)
			out.history[key] = append(out.history[key], line)
			out.state[key] = line
			if t.Op == cohort.OpExit && (t.Reason == cohort.ReasonErased || t.Reason == cohort.ReasonMerged) {
				out.history[key] = append(out.history[key], "tombstone")
				delete(out.state, key)
			}
		}
	}
	return out
}

// written is the same, read from the topic.
func (f *flow) written(platform string) fold {
	f.t.Helper()
	out := fold{history: map[string][]string{}, state: map[string]string{}}
	for _, r := range f.records(schemas.SuppressionTopic(platform)) {
		key := string(r.Key)
		if r.Value == nil {
			out.history[key] = append(out.history[key], "tombstone")
			delete(out.state, key)
			continue
		}
		var s avrocodec.Suppression
		mark, err := avrocodec.DecodeSuppression(r.Value, &s, nil)
		if err != nil {
			f.t.Fatal(err)
		}
		if !mark {
			line := fmt.Sprintf("%s %s v%d digests %v", s.Op, s.TransitionID, s.Version, len(s.Identifiers) > 0)
			out.history[key] = append(out.history[key], line)
			out.state[key] = line
		}
	}
	return out
}

func (o fold) records() (n int) {
	for _, h := range o.history {
		n += len(h)
	}
	return n
}

// tenures counts the owners that have written a platform's topic.
func (f *flow) tenures(platform string) int {
	f.t.Helper()
	seen := map[string]bool{}
	for _, r := range f.records(schemas.SuppressionTopic(platform)) {
		seen[fmt.Sprint(r.Partition, r.ProducerID, r.ProducerEpoch)] = true
	}
	return len(seen)
}

// play publishes n transitions of many people and cohorts.
func (f *flow) play(random *rand.Rand, n int, in map[string]bool) (list []cohort.Transition) {
	f.t.Helper()
	cohorts := []string{"recent_purchaser_7d", "vip_buyer_90d", "cart_abandoner_24h"}
	var batch []kafkaio.OutRecord
	add := func(t cohort.Transition) {
		list = append(list, t)
		batch = append(batch, f.encode(&t))
	}
	for range n {
		person, key := fmt.Sprint("person-", random.IntN(60)), cohorts[random.IntN(len(cohorts))]
		in[person+key] = !in[person+key]
		t := f.decide(person, key, in[person+key])
		switch {
		case t.Op == cohort.OpExit && random.IntN(5) == 0:
			t.Reason = []string{cohort.ReasonErased, cohort.ReasonMerged}[random.IntN(2)]
		case t.Op == cohort.OpEnter && random.IntN(20) == 0:
			t.Elapsed = true
		}
		add(t)
		switch {
		case t.Op == cohort.OpExit && t.Reason == cohort.ReasonErased:
			proof := f.decide(person, "", false)
			proof.Op, proof.Reason, proof.Person, proof.Contacts = cohort.OpErased, cohort.ReasonErased, f.keys.Subject(person), nil
			add(proof)
		case t.Op == cohort.OpEnter && !t.Elapsed && random.IntN(10) == 0:
			out, back := f.decide(person, key, false), f.decide(person, key, true)
			out.Reason, back.Reason = cohort.ReasonContactsChanged, cohort.ReasonContactsChanged
			out.Contacts = out.Contacts[1:] // the email
			if random.IntN(2) == 0 {
				out.Contacts = nil
			}
			add(out)
			add(back)
		}
	}
	if err := f.in.Produce(f.t.Context(), batch); err != nil {
		f.t.Fatal(err)
	}
	return list
}

// Apps start and stop, partitions move, connections break, answers are lost, and a
// zombie that believes to own every partition writes all the while: each topic holds every record once and in order,
// and in the end what a fold of the transitions gives.
func TestApp_EndsWhereTheTransitionsSay(t *testing.T) {
	f := newFlow(t)
	random := rand.New(rand.NewPCG(3, 4))
	in := map[string]bool{}
	var all []cohort.Transition
	zombie := func(name string) func(*sink.Config) {
		// In a group of its own: Kafka's own rules of membership do not keep it away.
		return func(c *sink.Config) { c.Ads.Group, c.SalesWings.Key, c.Ads.NoReceipts = name, "", true }
	}
	play := func() {
		all = append(all, f.play(random, 40, in)...)
		want := f.fold("meta", all).records()
		eventually(t, 60*time.Second, "somebody goes on", func() bool { return f.written("meta").records() >= want-20 })
	}
	// Until each has fenced the other on most partitions.
	struggle := func() {
		f.line.LoseProduceAnswers(5)
		for now, until := f.tenures("meta"), f.tenures("meta")+3*partitions; now < until; now = f.tenures("meta") {
			play()
			eventually(t, 60*time.Second, "another tenure", func() bool { return f.tenures("meta") > now })
		}
	}
	last, stop := f.start(nil)
	play()
	for round := range 4 {
		_, stopZombie := f.start(zombie(fmt.Sprint("zombie-", round%2)))
		struggle()
		next, stopNext := f.start(nil)
		play() // partitions move
		if round == 1 {
			f.line.Cut()
			all = append(all, f.play(random, 40, in)...)
			f.line.Mend()
			play()
		}
		stop()
		struggle()
		stopZombie()
		play()
		last, stop = next, stopNext
	}
	for _, platform := range []string{"meta", "google", "tiktok"} {
		want := f.fold(platform, all)
		eventually(t, 60*time.Second, platform+" is complete", func() bool { return f.written(platform).records() >= want.records() })
		got := f.written(platform)
		if diff := cmp.Diff(want.state, got.state); diff != "" {
			t.Errorf("%s: state (-want +got)\n%s", platform, diff)
		}
		if diff := cmp.Diff(want.history, got.history); diff != "" {
			t.Errorf("%s: history (-want +got)\n%s", platform, diff)
		}
	}
	if n := f.tenures("meta"); n < 25*partitions {
		t.Errorf("%d tenures only: the test does not test", n)
	} else {
		t.Logf("%d transitions, %d records on meta, %d tenures", len(all), f.written("meta").records(), n)
	}
	if n := len(f.fold("meta", all).state); n < 50 {
		t.Errorf("only %d people and audiences remain: the test does not test", n)
	}
	eventually(t, 60*time.Second, "the last app is ready", func() bool { return last.Ready(t.Context()) == nil })
	f.newestReachSalesWings(all)
}

// newestReachSalesWings waits until the last word on every person and cohort is there,
// and looks that nothing overtook anything on its first arrival.
func (f *flow) newestReachSalesWings(all []cohort.Transition) {
	f.t.Helper()
	newest := map[string]string{} // person and cohort -> transition id
	for _, t := range all {
		merged := t.Op == cohort.OpExit && t.Reason == cohort.ReasonMerged
		if !t.Elapsed && !merged && t.Op != cohort.OpErased && len(t.Contacts) > 0 {
			newest[t.Person+" "+t.Cohort] = avrocodec.FormatID(t.ID)
		}
	}
	eventually(f.t, 60*time.Second, "the newest of everybody at SalesWings", func() bool {
		counts := f.wings.Counts()
		for _, id := range newest {
			if counts[id] == 0 {
				return false
			}
		}
		return true
	})
	first, version := map[string]bool{}, map[string]float64{}
	for _, a := range f.wings.Tracks() {
		id, v := a.Values["transition_id"].(string), a.Values["version"].(float64)
		if first[id] || a.UserID == "" {
			continue // at least once: a repeat after a restart; or an email that was given up
		}
		first[id] = true
		if v < version[a.UserID] {
			f.t.Errorf("%s: version %v arrived after %v", strings.TrimPrefix(a.UserID, "person-"), v, version[a.UserID])
		}
		version[a.UserID] = v
	}
}
