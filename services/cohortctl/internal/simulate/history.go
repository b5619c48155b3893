// Package simulate runs the core over recorded events on a virtual clock: time is each
// event's own, and deadlines fire where they lie between events. Nothing of it knows
// of flags or files.
//
//	events --Add--> History (by person) --Run--> Outcome (by cohort, person, time)
//
// People are independent of each other, so each is played alone from the first event
// to the last deadline, and as many at once as there are cores. The answer is that of
// one run in the order of time, whatever the order of the rows.
package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Counts say what became of the events of the recordings.
type Counts struct {
	Events    int `json:"events"`     // read
	Kept      int `json:"kept"`       // some condition asks about them
	Unasked   int `json:"unasked"`    // no condition asks about them
	Repeated  int `json:"repeated"`   // of an id that came before; ignored
	Nameless  int `json:"nameless"`   // of nobody; ignored
	EmailOnly int `json:"email_only"` // of somebody known by email alone, for whom there is no key; ignored
	Unplayed  int `json:"unplayed"`   // merges, erasures and records of the log's own; ignored
}

// History holds the events that some condition asks about, in memory: about 70 bytes
// for each and its id, what rules need of its properties, and up to 32 bytes for every
// event id that was seen.
type History struct {
	program    *cohort.Program
	roles      Roles
	properties bool // some condition reads the properties of a kept event
	counts     Counts
	seen       *seen
	people     map[string]uint32 // place in names
	names      []string
	blocks     [][]moment      // so that none is moved when more come
	ids        strings.Builder // memory that ids share
	unasked    map[string]bool // names of events that no condition asks about; some of them
}

// moment is one event of a person.
type moment struct {
	at         int64
	patterns   cohort.Patterns
	id         string
	properties *event.Properties
	place      uint32 // among all moments, in the order in which they were added
	person     uint32
	tells      bool
}

const (
	blockMoments = 1 << 14
	maxMoments   = math.MaxUint32 // places are counted in 32 bits
)

func (h *History) moment(place uint32) *moment {
	return &h.blocks[place/blockMoments][place%blockMoments]
}

// NewHistory makes an empty one for the rules of a catalogue.
func NewHistory(program *cohort.Program, spec *cohort.Spec, roles Roles) *History {
	return &History{
		program: program, roles: roles, properties: needsOf(spec).properties,
		seen: newSeen(), people: make(map[string]uint32), unasked: make(map[string]bool),
	}
}

// Counts tells what was added.
func (h *History) Counts() Counts { return h.counts }

// UnaskedNames lists names of events that no condition asks about, the first few that came.
func (h *History) UnaskedNames() []string { return slices.Sorted(maps.Keys(h.unasked)) }

// maxUnasked: enough to see what the names of a recording are like.
const maxUnasked = 20

// People tells how many people have events that are kept.
func (h *History) People() int { return len(h.names) }

// Add takes one event, which it does not keep, and says whether it plays at all: whether
// it is of somebody, of a kind that is played, and no repeat. An event without an id is
// an event of its own; of those with one id the first counts.
func (h *History) Add(e *event.Event) (plays bool, err error) {
	c := &h.counts
	c.Events++
	switch {
	case unplayed(e.Kind):
		c.Unplayed++
		return false, nil
	case e.Person == "" && e.IDs.Email != "":
		c.EmailOnly++
		return false, nil
	case e.Person == "":
		c.Nameless++
		return false, nil
	case e.ID != "" && !h.seen.add(e.ID):
		c.Repeated++
		return false, nil
	}
	patterns, tells := h.roles.match(h.program, e), h.program.Tells(e)
	if patterns == 0 && !tells {
		c.Unasked++
		if len(h.unasked) < maxUnasked && e.Name != "" && !h.unasked[e.Name] {
			h.unasked[strings.Clone(e.Name)] = true
		}
		return true, nil
	}
	if c.Kept == maxMoments {
		return false, fmt.Errorf("more than %d events that conditions ask about are too many for one run: split the recording by people", maxMoments)
	}
	m := moment{at: e.EventAt, patterns: patterns, tells: tells, place: uint32(c.Kept), person: h.person(e.Person), id: h.id(e.ID)}
	if h.properties {
		p := e.Properties
		m.properties = &p
	}
	if c.Kept%blockMoments == 0 {
		h.blocks = append(h.blocks, make([]moment, 0, blockMoments))
	}
	last := &h.blocks[len(h.blocks)-1]
	*last = append(*last, m)
	c.Kept++
	return true, nil
}

// unplayed are kinds that need more than one person, or that the log has for itself.
func unplayed(k event.Kind) bool {
	switch k {
	case event.KindMerge, event.KindErase, event.KindUnerase, event.KindTick, event.KindCatalog:
		return true
	default:
		return false
	}
}

func (h *History) person(key string) uint32 {
	n, ok := h.people[key]
	if !ok {
		n = uint32(len(h.names))
		key = strings.Clone(key) // what it was cut from would stay in memory
		h.people[key] = n
		h.names = append(h.names, key)
	}
	return n
}

// RowID names an event that has no id, by its number among all events. Such ids are
// in the order of the rows.
func RowID(number int) string { return fmt.Sprintf("row:%09d", number) }

const idBlock = 1 << 16

// id keeps an id without an allocation for each.
func (h *History) id(id string) string {
	if id == "" {
		id = RowID(h.counts.Events)
	}
	if h.ids.Cap()-h.ids.Len() < len(id) {
		h.ids = strings.Builder{}
		h.ids.Grow(max(idBlock, len(id)))
	}
	from := h.ids.Len()
	h.ids.WriteString(id)
	return h.ids.String()[from:]
}

// order sorts people by the bytes of their keys, and gives for each of them, in that
// order, the places of their events as they were added. Those of people[i] end at ends[i].
func (h *History) order() (people []uint32, places []uint32, ends []int) {
	people = make([]uint32, len(h.names))
	for i := range people {
		people[i] = uint32(i)
	}
	slices.SortFunc(people, func(a, b uint32) int { return strings.Compare(h.names[a], h.names[b]) })
	next := make([]int, len(h.names)) // by person: how many there are, then where the next one goes
	for _, block := range h.blocks {
		for i := range block {
			next[block[i].person]++
		}
	}
	ends = make([]int, len(people))
	total := 0
	for rank, p := range people {
		count := next[p]
		next[p] = total
		total += count
		ends[rank] = total
	}
	places = make([]uint32, total)
	for _, block := range h.blocks {
		for i := range block {
			p := block[i].person
			places[next[p]] = block[i].place
			next[p]++
		}
	}
	return people, places, ends
}
