package cohort

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// canon writes a Spec in one unambiguous form: every text and list carries its length.
type canon []byte

func (c *canon) number(n int64) { *c = binary.AppendVarint(*c, n) }

func (c *canon) text(s string) {
	c.number(int64(len(s)))
	*c = append(*c, s...)
}

func (c *canon) texts(list []string) {
	c.number(int64(len(list)))
	for _, s := range list {
		c.text(s)
	}
}

// sortedTexts is for lists whose order and repeats mean nothing.
func (c *canon) sortedTexts(list []string) {
	list = slices.Clone(list)
	slices.Sort(list)
	c.texts(slices.Compact(list))
}

// fingerprint hashes all that decisions depend on: the patterns in use and the
// cohorts with their order. Two catalogues with one fingerprint decide alike.
func fingerprint(s Spec, used []pattern) string {
	var c canon
	keys := make([]string, 0, len(used))
	for _, p := range used {
		keys = append(keys, p.event)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	c.text("cohortflow catalogue 1")
	c.texts(keys)
	for _, key := range keys {
		i := slices.IndexFunc(s.Events, func(p Pattern) bool { return p.Key == key })
		c.pattern(s.Events[i])
	}
	c.number(int64(len(s.Cohorts)))
	for _, d := range s.Cohorts {
		c.definition(&d)
	}
	for _, group := range s.Groups {
		c.text("group")
		c.texts(group.Cohorts)
	}
	sum := strconv.FormatUint(xxhash.Sum64(c), 16)
	return "0000000000000000"[len(sum):] + sum
}

func (c *canon) pattern(p Pattern) {
	c.sortedTexts(p.Names)
	kinds := defaultKinds
	if len(p.Kinds) > 0 {
		kinds = 0
	}
	for _, k := range p.Kinds {
		kinds |= 1 << k
	}
	c.number(int64(kinds))
	c.text(p.Source)
	c.where(p.Where)
}

func (c *canon) definition(d *Definition) {
	c.text(d.Key)
	for _, n := range []*Condition{d.When, d.Enter, d.Stay} {
		if n == nil {
			c.text("")
			continue
		}
		c.condition(n)
	}
	if d.Dwell > 0 {
		c.text("dwell")
		c.number(d.Dwell)
	}
	if d.LookBack > 0 {
		c.text("look_back")
		c.number(d.LookBack)
	}
	if d.IgnoreReplay {
		c.text("replay")
		c.text("ignore")
	}
}

// where writes nothing where there is nothing, so that what stood before there were
// predicates keeps its fingerprint.
func (c *canon) where(p Predicate) {
	if p != nil {
		c.text("where")
		c.text(p.Text())
	}
}

func (c *canon) condition(n *Condition) {
	switch {
	case n.Did != nil:
		c.text("did")
		c.text(n.Did.Event)
		c.number(int64(max(n.Did.AtLeast, 1)))
		c.number(n.Did.Within)
		c.sortedTexts(n.Did.NoneOf)
		c.where(n.Did.Where)
	case n.Sum != nil:
		c.text("sum")
		c.text(n.Sum.Event)
		c.text(n.Sum.Property)
		c.number(scaled(n.Sum.AtLeast))
		c.number(n.Sum.Within)
		c.where(n.Sum.Where)
	case n.Attribute != nil:
		c.text("attribute")
		c.text(n.Attribute.Text())
	case n.Member != "":
		c.text("member")
		c.text(n.Member)
	case n.During != nil && n.During.Weekly != nil:
		c.text("weekly")
		c.text(n.During.Weekly.String())
	case n.During != nil:
		c.text("during")
		c.number(n.During.From)
		c.number(n.During.To)
	case n.Silent != nil:
		c.text("silent")
		c.text(n.Silent.Event)
		c.number(n.Silent.For)
		c.where(n.Silent.Where)
	case n.Quiet != nil:
		c.text("quiet")
		c.text(n.Quiet.Event)
		c.number(n.Quiet.For)
		c.sortedTexts(n.Quiet.NoneOf)
		c.where(n.Quiet.Where)
	case n.Not != nil:
		c.text("not")
		c.condition(n.Not)
	default:
		list, word := n.All, "all"
		if n.All == nil {
			list, word = n.Any, "any"
		}
		c.text(word)
		c.number(int64(len(list)))
		for i := range list {
			c.condition(&list[i])
		}
	}
}
