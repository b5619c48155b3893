package redisstate

// maxFields bounds the fields of one command, so that no single command holds Redis for long.
const maxFields = 256

// scratch is the reusable memory of one call: arguments of all its commands, one after the other.
type scratch struct {
	args  []any
	hash  []uint8 // sub-hash of each person, by position
	order []int32 // positions, grouped by sub-hash
	first [subHashes + 1]int32
}

func (s *Store) borrow() *scratch {
	if used, ok := s.scratch.Get().(*scratch); ok {
		return used
	}
	return new(scratch)
}

func (s *Store) giveBack(sc *scratch) {
	clear(sc.args) // the arguments point into the caller's people
	sc.args = sc.args[:0]
	s.scratch.Put(sc)
}

// group sorts the positions 0..n-1 by sub-hash, keeping their order within one, and returns them:
// those of sub-hash h are order[first[h]:first[h+1]].
func (sc *scratch) group(n int, key func(i int) string) []int32 {
	sc.hash = grow(sc.hash, n)
	sc.order = grow(sc.order, n)
	var count [subHashes + 1]int32
	for i := range n {
		h := subHash(key(i))
		sc.hash[i] = uint8(h)
		count[h+1]++
	}
	for h := range subHashes {
		count[h+1] += count[h]
	}
	sc.first = count
	for i, h := range sc.hash {
		sc.order[count[h]] = int32(i)
		count[h]++
	}
	return sc.order
}

// reserve makes room for n arguments without moving those already handed out.
func (sc *scratch) reserve(n int) {
	if cap(sc.args) < n {
		sc.args = make([]any, 0, n)
	}
}

// since cuts off the arguments appended since from, for one command to keep.
func (sc *scratch) since(from int) []any {
	return sc.args[from:len(sc.args):len(sc.args)]
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
