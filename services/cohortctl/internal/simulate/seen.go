package simulate

import "hash/maphash"

// seen knows which event ids came already. It keeps a hash of 64 bits of each: in a
// recording of a hundred million events two share one with odds of 1 in 4,000. A map of
// the language would cost more than all rules together.
type seen struct {
	seed  maphash.Seed
	slots []uint64 // 0 = free; a power of two, at most half of them taken
	taken int
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), slots: make([]uint64, 1<<10)} }

// add takes an id down and says whether it is new.
func (s *seen) add(id string) bool {
	hash := max(maphash.String(s.seed, id), 1)
	if !s.put(hash) {
		return false
	}
	if s.taken++; 2*s.taken > len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, 2*len(old))
		for _, hash := range old {
			if hash != 0 {
				s.put(hash)
			}
		}
	}
	return true
}

func (s *seen) put(hash uint64) bool {
	last := uint64(len(s.slots) - 1)
	for i := hash & last; ; i = (i + 1) & last {
		switch s.slots[i] {
		case 0:
			s.slots[i] = hash
			return true
		case hash:
			return false
		}
	}
}
