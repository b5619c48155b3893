package contract

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

// CompareBrokers plays random calls on brokers side by side: they answer alike, and in the end the
// same stands in their logs. Calls on which one of them is known to differ are left out.
func CompareBrokers(t *testing.T, fresh func() []Broker) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDuel(rt, fresh())
		d.take(0)
		for range rapid.IntRange(10, 60).Draw(rt, "calls") {
			topic := rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "topic")
			switch call := rapid.IntRange(0, 19).Draw(rt, "call"); { // small ones are drawn more often
			case call < 7:
				d.append(topic)
			case call < 12:
				d.again(topic)
			case call < 14:
				d.take(rapid.IntRange(0, 1).Draw(rt, "id"))
			case call < 17:
				d.read(topic, rapid.Int64Range(0, d.logs[topic].end+2).Draw(rt, "from"))
			case call < 19:
				d.retain(topic, rapid.Int64Range(d.logs[topic].start, d.logs[topic].end).Draw(rt, "start"))
			default:
				d.recreate(topic)
			}
		}
		d.compareAll()
	})
}

// duel is one sequence of calls on several brokers.
type duel struct {
	t       *rapid.T
	brokers []Broker
	names   []names
	taken   [][]partition.Producer // by broker
	logs    [2]duelLog
	newest  map[string]int16 // epoch of each producer that any partition or the coordinator knows
	current map[int]string   // producer of each transactional id
	values  int
}

// duelLog is what the generator remembers to choose by; it judges nothing.
type duelLog struct {
	start int64
	end   int64
	ever  bool             // it has had a record
	knows map[string]int16 // epoch of each producer
	next  map[string]int32 // sequence of each producer
	sent  []sent
}

type sent struct {
	who   int // index in taken
	epoch int16
	seq   int32
	n     int
}

func newDuel(t *rapid.T, brokers []Broker) *duel {
	d := &duel{
		t: t, brokers: brokers, names: make([]names, len(brokers)), taken: make([][]partition.Producer, len(brokers)),
		newest: map[string]int16{}, current: map[int]string{},
	}
	for i := range d.logs {
		d.logs[i].clear()
	}
	return d
}

func (l *duelLog) clear() { *l = duelLog{knows: map[string]int16{}, next: map[string]int32{}} }

// same has every broker do something, and their answers compared.
func (d *duel) same(what string, do func(i int, b Broker) string) string {
	d.t.Helper()
	first := do(0, d.brokers[0])
	for i, b := range d.brokers[1:] {
		if got := do(i+1, b); got != first {
			d.t.Fatalf("%s: %s answers %q, %s %q", what, d.brokers[0].Part(), first, b.Part(), got)
		}
	}
	d.t.Logf("%s: %s", what, first)
	return first
}

func (d *duel) embedded() bool {
	for _, b := range d.brokers {
		if b.Part() == Embedded {
			return true
		}
	}
	return false
}

func (d *duel) take(id int) {
	if d.embedded() && d.newest[d.current[id]] == closing {
		return // closesTheID
	}
	who := d.same(fmt.Sprintf("take %d", id), func(i int, b Broker) string {
		p := b.TakeEpoch(id)
		d.taken[i] = append(d.taken[i], p)
		return d.names[i].producer(p)
	})
	name := who[:1]
	d.current[id] = name
	p := d.taken[0][len(d.taken[0])-1]
	d.newest[name] = max(d.newest[name], p.Epoch)
}

// append sends a batch that is mostly the next one, and now and then anything.
func (d *duel) append(topic int) {
	who := len(d.taken[0]) - 1 - min(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1, 1, 2, 3}).Draw(d.t, "whose"), len(d.taken[0])-1)
	p := d.taken[0][who]
	epoch, name := p.Epoch, d.names[0].of(p.ID)
	if rapid.IntRange(0, 19).Draw(d.t, "closing") == 19 {
		epoch = closing
	}
	log := &d.logs[topic]
	known, knows := log.knows[name]
	seq := int32(0)
	if knows && known == epoch {
		seq = log.next[name]
	}
	switch rapid.IntRange(0, 11).Draw(d.t, "sequence") {
	case 11:
		seq += rapid.Int32Range(-6, 3).Draw(d.t, "off by")
	case 10:
		seq = 0
	case 9, 8:
		if !knows {
			seq = math.MaxInt32 - rapid.Int32Range(0, 4).Draw(d.t, "before the greatest")
		}
	}
	d.send(topic, sent{who: who, epoch: epoch, seq: max(seq, 0), n: rapid.IntRange(1, 3).Draw(d.t, "records")})
}

// again sends a batch that was sent before.
func (d *duel) again(topic int) {
	log := &d.logs[topic]
	if len(log.sent) > 0 {
		d.send(topic, log.sent[len(log.sent)-1-min(rapid.SampledFrom([]int{5, 4, 6, 3, 2, 1, 0, 7}).Draw(d.t, "which"), len(log.sent)-1)])
	}
}

func (d *duel) send(topic int, b sent) {
	log, name := &d.logs[topic], d.names[0].of(d.taken[0][b.who].ID)
	known, knows := log.knows[name]
	if d.embedded() {
		switch {
		case b.epoch < d.newest[name] && !(knows && known > b.epoch):
			return // fencesAtOnce, fencesByRefused
		case !knows && !log.ever && b.seq != 0:
			return // firstIsZero
		case b.seq >= math.MaxInt32-10:
			return // wrapsEarly
		}
	}
	var values []string
	for range b.n {
		d.values++
		values = append(values, fmt.Sprintf("v%d", d.values))
	}
	what := fmt.Sprintf("append to %d by %s/%d, %d from %d", topic, name, b.epoch, b.n, b.seq)
	answer := d.same(what, func(i int, k Broker) string {
		offset, code := k.Append(topic, Batch{By: with(d.taken[i][b.who], b.epoch), Seq: b.seq, Values: values})
		return fmt.Sprintf("%v %d", code, max(offset, 0)*int64(1-min(code, 1)))
	})
	d.newest[name] = max(d.newest[name], b.epoch)
	log.sent = append(log.sent, b)
	var offset int64
	if n, _ := fmt.Sscanf(answer, "ok %d", &offset); n == 1 && offset >= log.end {
		log.end, log.ever = offset+int64(b.n), true
		log.knows[name], log.next[name] = b.epoch, int32((int64(b.seq)+int64(b.n))&math.MaxInt32)
	}
}

func (d *duel) read(topic int, from int64) {
	d.same(fmt.Sprintf("read %d from %d", topic, from), func(i int, b Broker) string {
		f := b.Read(topic, from)
		by := []string{fetched(f)}
		for _, r := range f.Records {
			by = append(by, d.names[i].producer(r.By))
		}
		return strings.Join(by, " ")
	})
}

func (d *duel) retain(topic int, start int64) {
	d.t.Logf("retain %d from %d", topic, start)
	for _, b := range d.brokers {
		b.Retain(topic, start)
	}
	d.logs[topic].start = start
}

func (d *duel) recreate(topic int) {
	d.t.Logf("create %d again", topic)
	for _, b := range d.brokers {
		b.Recreate(topic)
	}
	d.logs[topic].clear()
}

// compareAll compares whole logs, and what is remembered where that can be asked for.
func (d *duel) compareAll() {
	for topic := range d.logs {
		for from := range d.logs[topic].end + 1 {
			d.read(topic, from)
		}
		if d.embedded() {
			continue // tellsNobody
		}
		for who := range d.taken[0] {
			d.same(fmt.Sprintf("what %d knows", topic), func(i int, b Broker) string { return memory(b.Knows(topic, d.taken[i][who].ID)) })
		}
	}
}
