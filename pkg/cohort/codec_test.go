package cohort

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// somebody is a person in the middle of things: in five cohorts, with contacts.
func somebody(t failer, g *Program) *Person {
	f := newFold(t, g)
	base := int64(1_750_000_000_000)
	for i, role := range []string{"view", "view", "order", "view", "cart", "view", "view"} {
		f.offset += 1000
		at := base + int64(i)*7*minute
		f.event("p", role, id(i), at, at)
	}
	f.advance(base + 2*hour)
	p := f.people["p"]
	p.Contacts = [][]byte{[]byte("sealed mail"), []byte("sealed phone")}
	if len(p.stays) != 5 || p.Armed == 0 {
		f.t.Fatalf("stays %v, armed %d", p.stays, p.Armed)
	}
	return p
}

func TestDecode_GivesBackWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := compile(t, sevenSpec(3, 5, 8, 12, 9, 15))
		f := newFold(t, g)
		for _, o := range drawHistory(t, false) {
			f.offset = rapid.Int64Range(0, 1<<40).Draw(t, "offset")
			f.event("p", o.role, o.id, o.at, o.at+rapid.Int64Range(0, 5).Draw(t, "late"))
		}
		p := f.people["p"]
		p.Armed = rapid.SampledFrom([]int64{0, 1, Never, p.Armed}).Draw(t, "armed")
		for range rapid.IntRange(0, MaxContacts).Draw(t, "contacts") {
			p.Contacts = append(p.Contacts, rapid.SliceOfN(rapid.Byte(), 1, 70).Draw(t, "contact"))
		}
		blob := g.Append(nil, p)
		again := somebody(t, compile(t, standard())) // decoding into memory that was somebody else's
		if err := g.Decode("p", blob, again); err != nil {
			t.Fatal(err)
		}
		if got := g.Append([]byte("before"), again); !bytes.Equal(got[6:], blob) {
			t.Fatalf("got %x, want %x", got[6:], blob)
		}
		if again.Key != "p" || again.Version != p.Version || again.Armed != p.Armed || again.judged != p.judged {
			t.Fatalf("got %+v, want %+v", again, p)
		}
		if got, want := g.NextDeadline(again), g.NextDeadline(p); got != want {
			t.Fatalf("next deadline is at %d, want %d", got, want)
		}
		if got, want := g.Profile(again), g.Profile(p); !slices.Equal(got, want) {
			t.Fatalf("profile %v, want %v", got, want)
		}
	})
}

// A catalogue with other events and cohorts, in another order, reads the state:
// what it does not ask about goes, stays that it does not know are kept.
func TestDecode_UnderAnotherCatalogue(t *testing.T) {
	old := compile(t, standard())
	p := somebody(t, old)
	s := standard()
	s.Cohorts = []Definition{
		when("new", has("view", 2, day)),
		s.Cohorts[4],
		when("recent_purchaser_7d", has("order", 1, 30*day)),
	}
	g := compile(t, s)
	var got Person
	if err := g.Decode("p", old.Append(nil, p), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.facts) != 2 || len(got.facts[0]) != 3 || len(got.facts[1]) != 1 {
		t.Errorf("facts of view and order: %v", got.facts)
	}
	if got.Retired() != 3 {
		t.Errorf("%d retired stays, want those of three abandoner cohorts", got.Retired())
	}
	var keys []string
	for _, m := range g.Profile(&got) {
		keys = append(keys, m.Cohort)
	}
	if want := []string{"high_intent_24h", "recent_purchaser_7d"}; !slices.Equal(keys, want) {
		t.Errorf("stays %v, want %v", keys, want)
	}
	var out Decisions
	due := g.NextDeadline(&got)
	if !g.Fire(&got, due, due+1, &out) || out.List[0].Cohort != "new" || out.List[0].Version != p.Version+1 {
		t.Errorf("the new cohort is not entered: %v", told(out.List))
	}
	var back Person
	if err := old.Decode("p", g.Append(nil, &got), &back); err != nil {
		t.Fatal(err)
	}
	if back.Retired() != 1 || len(back.stays) != 5 {
		t.Errorf("back under the old catalogue: %v and %d retired", back.stays, back.Retired())
	}
}

// A catalogue that asks for fewer events keeps the newest of them, once people are looked at anew.
func TestDecode_KeepsNoMoreThanAsked(t *testing.T) {
	old := compile(t, standard())
	s := standard()
	s.Cohorts[4] = when("high_intent_24h", has("view", 2, day))
	p := somebody(t, old)
	var got Person
	g := compile(t, s)
	if err := g.Decode("p", old.Append(nil, p), &got); err != nil {
		t.Fatal(err)
	}
	g.Review(&got, got.judged+1, new(Decisions))
	if want := p.facts[2][:2]; len(p.facts[2]) != 3 || !slices.Equal(got.facts[2], want) {
		t.Errorf("got %v, want %v", got.facts[2], want)
	}
}

func TestDecode_Refuses(t *testing.T) {
	g := compile(t, standard())
	blob := g.Append(nil, somebody(t, g))
	var p Person
	for n := 1; n < len(blob); n++ {
		if err := g.Decode("p", blob[:n], &p); !errors.Is(err, ErrState) {
			t.Fatalf("cut to %d of %d bytes: got %v, want %v", n, len(blob), err, ErrState)
		}
	}
	if err := g.Decode("p", append(slices.Clone(blob), 0), &p); !errors.Is(err, ErrState) {
		t.Errorf("a byte too many: got %v, want %v", err, ErrState)
	}
	newer := slices.Clone(blob)
	newer[0]++
	if err := g.Decode("p", newer, &p); !errors.Is(err, ErrState) {
		t.Errorf("a newer format: got %v, want %v", err, ErrState)
	}
}

// States written by earlier releases stay readable, and give the same person.
func TestDecode_EveryFormat(t *testing.T) {
	g := compile(t, standard())
	now := g.Append(nil, somebody(t, g))
	for format, old := range []string{
		1: "010781d7afc5ee658297930503fd9b01c0ee6dfa9562984e0503018091a1019975cea31f294d0380cc3afe4723c83ea0d119" +
			"d4bbf1d10fc0a233e18fc9a31f0545fc00402b0010f000f4d080a2c202a586ff89cd01020b7365616c6564206d61696c0c7365616c65642070686f6e65",
		2: "420781d7afc5ee658297930503fd9b02c0ee6dfa9562984e0503028091a1019975cea31f294d0680cc3afe4723c83ea0d119" +
			"d4bbf1d10fc0a233e18fc9a31f0545fc00402b0010f000f4d080a2c202a586ff89cd01020b7365616c6564206d61696c0c7365616c65642070686f6e65",
	} {
		if old == "" {
			continue
		}
		blob, err := hex.DecodeString(old)
		if err != nil {
			t.Fatal(err)
		}
		var p Person
		if err := g.Decode("p", blob, &p); err != nil {
			t.Fatalf("format %d: %v", format, err)
		}
		if got := g.Append(nil, &p); !bytes.Equal(got, now) {
			t.Errorf("format %d is read as somebody else:\ngot  %x\nwant %x", format, got, now)
		}
		if format == stateFormat && !bytes.Equal(blob, now) {
			t.Errorf("the format changed without a new number: %x", now)
		}
	}
}

// A stay in a cohort that is no more ends when its person is looked at anew, with its name, once.
func TestWithFormer_EndsRetiredStays(t *testing.T) {
	old := compile(t, standard())
	p := somebody(t, old)
	s := standard()
	s.Cohorts = s.Cohorts[3:]
	fresh := compile(t, s)
	former := old.FormerUnder(fresh)
	if want := []string{"cart_abandoner_24h", "cart_abandoner_2h", "cart_abandoner_3d"}; !slices.Equal(former, want) {
		t.Errorf("got %v, want %v", former, want)
	}
	g := fresh.WithFormer(former)
	if chain := g.FormerUnder(compile(t, shopSpec(nil, when("x", has("view", 1, day))))); len(chain) != len(old.Cohorts()) {
		t.Errorf("what was known is lost on the way: %v", chain)
	}
	var got Person
	if err := g.Decode("p", old.Append(nil, p), &got); err != nil {
		t.Fatal(err)
	}
	var out Decisions
	g.Review(&got, got.judged+1, &out)
	for i, d := range out.List[:3] {
		if d.Op != OpExit || d.Reason != ReasonDefinitionChanged || !slices.Contains(former, d.Cohort) || d.Version != p.Version+int64(i)+1 {
			t.Errorf("got %+v", d)
		}
	}
	out.Reset()
	if g.Review(&got, got.judged+1, &out) || got.Retired() != 0 || len(out.List) > 0 {
		t.Errorf("%d retired stays are left, %v was told again", got.Retired(), out.List)
	}
}

// Two changes of the catalogue end the same stays in the same order, whether somebody was read and written
// under the one in between or not: an owner has some in memory and others in the store.
func TestDecode_OrderOfWhatEndsIsThatOfNoCatalogue(t *testing.T) {
	first := compile(t, standard())
	for kept := range first.Cohorts() {
		s := standard()
		s.Cohorts = s.Cohorts[kept : kept+1]
		second := compile(t, s)
		third := compile(t, shopSpec(nil, when("other", has("cart", 1, day)))).WithFormer(first.Cohorts())
		blob := first.Append(nil, somebody(t, first))
		var between Person
		if err := second.Decode("p", blob, &between); err != nil {
			t.Fatal(err)
		}
		var states, ends []string
		for _, from := range [][]byte{blob, second.Append(nil, &between)} {
			var p Person
			if err := third.Decode("p", from, &p); err != nil {
				t.Fatal(err)
			}
			states = append(states, hex.EncodeToString(third.Append(nil, &p)))
			var out Decisions
			third.Review(&p, p.judged+1, &out)
			ends = append(ends, fmt.Sprint(told(out.List)))
		}
		if states[0] != states[1] {
			t.Errorf("%s kept in between: the state is %s, else %s", first.Cohorts()[kept], states[1], states[0])
		}
		if ends[0] != ends[1] {
			t.Errorf("%s kept in between: told %s, else %s", first.Cohorts()[kept], ends[1], ends[0])
		}
	}
}

// No bytes make the decoder panic, take more memory than they justify, or give a
// state that is not encoded to itself.
func FuzzDecode(f *testing.F) {
	s := standard()
	dwelling := when("dwelling", has("view", 1, hour, "order"))
	dwelling.Dwell = day
	s.Cohorts = append(s.Cohorts, dwelling,
		when("spender", Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 5}}),
		when("pro", Condition{Attribute: planIs("pro")}))
	g, plain := compile(f, s), compile(f, standard())
	f.Add(plain.Append(nil, somebody(f, plain)))
	rich := newFold(f, g)
	for n := range 12 {
		rich.occur("p", occurrence{role: append(roles, "")[n%4], at: int64(n) * minute, id: id(n)}, int64(n)*minute)
	}
	f.Add(g.Append(nil, rich.people["p"]))
	f.Add([]byte{})
	f.Add([]byte{stateFormat, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, blob []byte) {
		var p Person
		if err := g.Decode("p", blob, &p); err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		first := g.Append(nil, &p)
		var again Person
		if err := g.Decode("p", first, &again); err != nil {
			t.Fatalf("%x is read and written as %x: %v", blob, first, err)
		}
		if second := g.Append(nil, &again); !bytes.Equal(first, second) {
			t.Fatalf("%x is written as %x, then as %x", blob, first, second)
		}
		var out Decisions
		for range 64 {
			at := g.NextDeadline(&again)
			if at == Never {
				return
			}
			g.Fire(&again, at, Never, &out)
			if next := g.NextDeadline(&again); next <= at {
				t.Fatalf("deadline %d fired, and the next is %d", at, next)
			}
		}
	})
}
