package contract

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// CompareStores plays random calls on stores side by side: they answer alike.
func CompareStores(t *testing.T, fresh func() []Store) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &storeDuel{t: rt, stores: fresh()}
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			p := rapid.IntRange(0, 2).Draw(rt, "partition")
			switch rapid.IntRange(0, 19).Draw(rt, "call") {
			case 0, 1:
				d.same(fmt.Sprintf("lose checkpoint %d", p), func(s Store) string {
					if at, _, _ := s.People(p, nil); at == nil {
						return nothing
					}
					return fmt.Sprint(s.Lose(p, aCheckpoint, ""))
				})
			case 2:
				d.same("back up", func(s Store) string { s.Backup(); return "" })
				d.copied = true
			case 3:
				if d.copied {
					d.same("restore", func(s Store) string { s.Restore(); return "" })
				}
			case 4:
				d.same("flush", func(s Store) string { s.Flush(); return "" })
			case 5, 6:
				d.compare(p)
			default:
				d.commit(p)
			}
		}
		for p := range 3 {
			d.compare(p)
		}
	})
}

type storeDuel struct {
	t      *rapid.T
	stores []Store
	copied bool
}

func (d *storeDuel) same(what string, do func(Store) string) {
	d.t.Helper()
	first := do(d.stores[0])
	for _, s := range d.stores[1:] {
		if got := do(s); got != first {
			d.t.Fatalf("%s: %s answers %q, %s %q", what, d.stores[0].Part(), first, s.Part(), got)
		}
	}
	d.t.Logf("%s: %s", what, first)
}

func (d *storeDuel) compare(p int) {
	keys := make([]string, 10)
	for i := range keys {
		keys[i] = fmt.Sprintf("p%d", i)
	}
	d.same(fmt.Sprintf("people of %d", p), func(s Store) string { return people(s, p, keys...) })
	d.same(fmt.Sprintf("deadlines of %d", p), func(s Store) string { return deadlines(s, p, 0, 6) })
	d.same(fmt.Sprintf("everybody of %d", p), func(s Store) string { return everybody(s, p) })
}

// commit mostly expects what is there.
func (d *storeDuel) commit(p int) {
	checkpoints := []string{nothing, "''", "c1", "c2", "c3"}
	now, _, _ := d.stores[0].People(p, nil)
	expect := shown(now)
	if rapid.IntRange(0, 3).Draw(d.t, "another") == 0 {
		expect = rapid.SampledFrom(checkpoints).Draw(d.t, "expect")
	}
	next := rapid.SampledFrom(checkpoints[1:]).Draw(d.t, "next")
	var words []string
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 0, 6, rapid.ID).Draw(d.t, "people") {
		words = append(words, fmt.Sprintf("p%d=%s", n, rapid.SampledFrom([]string{nothing, "''", "a", "bb", "ccc"}).Draw(d.t, "state")))
	}
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 5).Draw(d.t, "armed") {
		words = append(words, fmt.Sprintf("%d+%s", n, rapid.SampledFrom([]string{"", "x", "yy"}).Draw(d.t, "entry")))
	}
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 2).Draw(d.t, "dropped") {
		words = append(words, fmt.Sprintf("~%d", n))
	}
	all := strings.Join(words, " ")
	d.same(fmt.Sprintf("commit %d from %s to %s: %s", p, expect, next, all), func(s Store) string {
		return string(s.Commit(p, change(expect, next, all)))
	})
}
