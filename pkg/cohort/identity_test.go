package cohort

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// merge does what the owners of two keys do: the one hands over and vanishes, the
// other takes in.
func (f *fold) merge(key, into string) {
	x, y := f.person(key), f.person(into)
	blob := f.program.Append(nil, x)
	o := &Observation{ID: "link", At: f.logTime, AcceptedAt: f.logTime, Offset: f.offset}
	f.offset++
	f.program.Vanish(x, into, o, f.logTime, &f.out)
	f.collect(x)
	var was Person
	if err := f.program.Decode(key, blob, &was); err != nil {
		f.t.Fatal(err)
	}
	f.program.Absorb(y, &was, o, f.logTime, &f.out)
	f.collect(y)
}

// whose follows aliases.
func (f *fold) whose(key string) string {
	for f.person(key).Into() != "" {
		key = f.person(key).Into()
	}
	return key
}

func (f *fold) members(key string) (list []string) {
	for _, m := range f.program.Profile(f.person(key)) {
		list = append(list, m.Cohort)
	}
	return list
}

// Whichever of somebody's keys an event came under, and whenever the keys were found
// to be one person: in the end they are known for the same, and in the same cohorts.
func TestAbsorb_WhenIdentitiesWereMergedDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, false)
		h := drawHistory(t, true)
		slices.SortStableFunc(h, func(a, b occurrence) int { return int(a.at - b.at) })
		g := compile(t, s)
		one, many := newFold(t, g), newFold(t, g)
		many.recode = rapid.Bool().Draw(t, "recode")
		keys := []string{"a", "b", "c"}
		mergeAt := map[int][]string{}
		for _, key := range keys[1:] {
			at := rapid.IntRange(0, len(h)).Draw(t, "merged before")
			mergeAt[at] = append(mergeAt[at], key)
		}
		for i, o := range h {
			for _, key := range mergeAt[i] {
				many.advance(max(many.logTime, o.at))
				many.merge(key, "a")
			}
			one.occur("a", o, o.at)
			many.occur(many.whose(rapid.SampledFrom(keys).Draw(t, "key")), o, o.at)
		}
		end := h[len(h)-1].at + rapid.Int64Range(0, 8).Draw(t, "after")
		one.advance(max(one.logTime, end))
		many.advance(max(many.logTime, end))
		for _, key := range mergeAt[len(h)] {
			many.merge(key, "a")
		}
		one.advance(one.logTime + 1)
		many.advance(many.logTime + 1)
		if got, want := many.members("a"), one.members("a"); !slices.Equal(got, want) {
			t.Fatalf("in %v, as one person in %v", got, want)
		}
		for i := range g.patterns {
			got, want := many.person("a").facts[i], one.person("a").facts[i]
			if !slices.EqualFunc(got, want, func(a, b Fact) bool { return a.same(b) && a.Value == b.Value }) {
				t.Fatalf("%q is known as %v, as one person as %v", g.patterns[i].key, got, want)
			}
		}
		checkHandover(t, many.all, "a")
	})
}

// checkHandover holds the streams of people that became one to what their readers
// need: each is gapless and alternates; whoever vanished is in nothing, and everything
// they were in has been entered by who they became, then or before.
func checkHandover(t failer, all []Transition, into string) {
	in := map[string]map[string]bool{}
	version := map[string]int64{}
	for i, d := range all {
		if in[d.Person] == nil {
			in[d.Person] = map[string]bool{}
		}
		if version[d.Person]++; d.Version != version[d.Person] {
			t.Fatalf("version %d of %s where %d is next", d.Version, d.Person, version[d.Person])
		}
		if in[d.Person][d.Cohort] == (d.Op == OpEnter) {
			t.Fatalf("%s of %s: two transitions of one kind in a row: %v", d.Cohort, d.Person, all)
		}
		in[d.Person][d.Cohort] = d.Op == OpEnter
		if d.Reason != ReasonMerged || d.Op != OpExit || in[into][d.Cohort] {
			continue
		}
		if !slices.ContainsFunc(all[i+1:], func(l Transition) bool {
			return l.Person == into && l.Cohort == d.Cohort && l.Op == OpEnter && l.DecidedAt == d.DecidedAt
		}) {
			t.Fatalf("%s was left by %s and never taken over", d.Cohort, d.Person)
		}
	}
}

// Absorbing the same again, or in another order, changes nothing.
func TestAbsorb_IsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := compile(t, drawSpec(t, true))
		f := newFold(t, g)
		h := drawHistory(t, true)
		slices.SortStableFunc(h, func(a, b occurrence) int { return int(a.at - b.at) })
		for _, o := range h {
			f.occur(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"), o, o.at)
		}
		f.person("b").Contacts = [][]byte{[]byte("mail")}
		was := new(Person)
		if err := g.Decode("b", g.Append(nil, f.person("b")), was); err != nil {
			t.Fatal(err)
		}
		o := &Observation{ID: "link", At: f.logTime, AcceptedAt: f.logTime, Offset: f.offset}
		a := f.person("a")
		g.Absorb(a, was, o, f.logTime, &f.out)
		f.out.Reset()
		before := g.Append(nil, a)
		in := f.members("a")
		again := new(Person)
		if err := g.Decode("b", g.Append(nil, was), again); err != nil {
			t.Fatal(err)
		}
		again.stays = again.stays[:0] // the second time they were told of nothing more
		if g.Absorb(a, again, o, f.logTime, &f.out) || len(f.out.List) > 0 {
			t.Fatalf("absorbed twice, decided %v", f.out.List)
		}
		if string(g.Append(nil, a)) != string(before) || !slices.Equal(f.members("a"), in) {
			t.Fatal("absorbing twice changed the state")
		}
	})
}

func TestErase(t *testing.T) {
	g := compile(t, standard())
	f := newFold(t, g)
	f.event("p", "order", "o", 10*minute, 10*minute)
	p := f.person("p")
	p.Contacts = [][]byte{[]byte("mail")}
	g.Erase(p, false, &Observation{ID: "erase", At: 20 * minute, AcceptedAt: 20 * minute}, 20*minute, &f.out)
	f.collect(p)
	want := []string{
		`enter recent_purchaser_7d @10 event by "o" 0`,
		`exit recent_purchaser_7d @20 erased by "erase"`,
		`erased  @20 erased by "erase"`,
	}
	if got := told(f.all); !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	if last := f.all[1]; len(last.Contacts) != 1 {
		t.Fatal("the exit names no contact to release")
	}
	if !p.Bare() || g.NextDeadline(p) != Never {
		t.Fatalf("something is left: %+v", p)
	}
	f.recode = true
	if got := f.event("p", "order", "o", 10*minute, 21*minute); len(got) > 0 {
		t.Fatalf("what was erased came back: %v", got)
	}
	if got := f.event("p", "order", "new", 22*minute, 22*minute); len(got) != 1 || got[0].Version != 3 {
		t.Fatalf("a new order decided %v, want an entry of version 3", got)
	}
	p = f.person("p")
	g.Erase(p, true, &Observation{ID: "suppress"}, 23*minute, &f.out)
	f.collect(p)
	if got := f.event("p", "order", "blocked", 24*minute, 24*minute); len(got) > 0 {
		t.Fatalf("a suppressed person was taken in: %v", got)
	}
	f.person("p").Unsuppress()
	if got := f.event("p", "order", "again", 25*minute, 25*minute); len(got) != 1 {
		t.Fatalf("after the suppression was lifted an order decided %v", got)
	}
}

func TestApply_ChangedContacts(t *testing.T) {
	g := compile(t, standard())
	p := new(Person)
	if err := g.Decode("p", nil, p); err != nil {
		t.Fatal(err)
	}
	mail := func(s string) [][]byte { return [][]byte{[]byte(s)} }
	var out Decisions
	tell := func(id string, at int64, o Observation) []Transition {
		out.Reset()
		o.ID, o.At, o.AcceptedAt = id, at*minute, at*minute
		g.Apply(p, &o, at*minute, &out)
		blob := g.Append(nil, p)
		if err := g.Decode("p", blob, p); err != nil {
			t.Fatal(err)
		}
		return out.List
	}
	contacts := func(list [][]byte) (texts []string) {
		for _, c := range list {
			texts = append(texts, string(c))
		}
		return texts
	}
	var order Patterns
	for i := range g.patterns {
		if g.patterns[i].event == "order" {
			order |= 1 << i
		}
	}
	tell("o", 1, Observation{Patterns: order, Contacts: mail("guest@")})
	got := tell("i1", 2, Observation{Contacts: mail("old@"), Account: [2][]byte{[]byte("old@")}})
	if len(got) != 2 || got[0].Op != OpExit || len(got[0].Contacts) != 0 || got[1].Op != OpEnter || got[0].EffectiveAt != got[1].EffectiveAt ||
		got[1].Reason != ReasonContactsChanged || !slices.Equal(contacts(got[1].Contacts), []string{"guest@", "old@"}) || got[1].Version != 3 {
		t.Fatalf("a new contact was told as %+v", got)
	}
	got = tell("i2", 3, Observation{Contacts: mail("new@"), Account: [2][]byte{[]byte("new@")}})
	if len(got) != 2 || !slices.Equal(contacts(got[0].Contacts), []string{"old@"}) || !slices.Equal(contacts(got[1].Contacts), []string{"guest@", "new@"}) {
		t.Fatalf("a changed email was told as %+v", got)
	}
	// What the account stated before it, told late, is not taken up again.
	if got = tell("i0", 2, Observation{Contacts: mail("older@"), Account: [2][]byte{[]byte("older@")}}); len(got) != 0 {
		t.Fatalf("an email that was given up came back: %+v", got)
	}
	if got = tell("i2", 3, Observation{Contacts: mail("new@"), Account: [2][]byte{[]byte("new@")}}); len(got) != 0 {
		t.Fatalf("a repeat decided %+v", got)
	}
}

// What a person is in after a change of the catalogue is what they would be in had it
// always been so, for every cohort that is not said to be warming.
func TestReview_DecidesAsIfItHadAlwaysBeenSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, false)
		old := s
		old.Cohorts = slices.Clone(s.Cohorts[:1])
		for i := 1; i < len(s.Cohorts); i++ {
			if rapid.Bool().Draw(t, "was there") {
				c := drawCondition(t, 2, []string{"all"})
				old.Cohorts = append(old.Cohorts, Definition{Key: s.Cohorts[i].Key, When: &c})
			}
		}
		before, after := compile(t, old), compile(t, s)
		h := drawHistory(t, true)
		slices.SortStableFunc(h, func(a, b occurrence) int { return int(a.at - b.at) })
		live, ideal := newFold(t, before), newFold(t, after)
		change := rapid.IntRange(1, len(h)).Draw(t, "changed after")
		warming := map[string]int64{}
		for i, o := range h {
			live.occur("p", o, o.at)
			ideal.occur("p", o, o.at)
			if i+1 != change {
				continue
			}
			warming = after.WarmingAfter(before, live.logTime)
			next := after.WithFormer(before.FormerUnder(after)).WithReview(before.ChangedUnder(after), nil).WithWarming(warming)
			p := new(Person)
			if err := next.Decode("p", before.Append(nil, live.person("p")), p); err != nil {
				t.Fatal(err)
			}
			live.program, live.people["p"] = next, p
			next.Review(p, live.logTime, &live.out)
			live.collect(p)
		}
		end := max(live.logTime, h[len(h)-1].at+rapid.Int64Range(0, 8).Draw(t, "after"))
		live.advance(end + 1)
		ideal.advance(end + 1)
		in := ideal.members("p")
		for i := range after.cohorts {
			key := after.keys[i]
			if until := warming[key]; until > end {
				continue
			}
			if got, want := live.person("p").stayOf(i) >= 0, slices.Contains(in, key); got != want {
				t.Fatalf("%s: in is %v, want %v; warming %v", key, got, want, warming)
			}
		}
	})
}
