package main

// property is a test of the core that draws its cases.
type property struct {
	name string // what it is about
	test string
}

var properties = []property{
	{"naive comparison", "TestFold_EqualsNaiveEvaluator"},
	{"the seven cohorts", "TestFold_EqualsDefinitionsOfTheSeven"},
	{"late convergence", "TestFold_LateEventsConverge"},
	{"explanation", "TestExplain_AgreesWithWhatIsDecided"},
	{"codec round trip", "TestDecode_GivesBackWhatWasAppended"},
}

// batch is one run of one property.
type batch struct {
	property int
	cases    int
	seed     uint64
}

// deal shares the cases out evenly and takes turns, so that a campaign that is stopped has seen something of
// each property. No two batches have one seed.
func deal(cases, most int, seed uint64) (list []batch) {
	left := make([]int, len(properties))
	for i := range left {
		left[i] = (cases + i) / len(left) // what does not divide goes to the last ones
	}
	for dealt := true; dealt; {
		dealt = false
		for i := range left {
			if n := min(left[i], most); n > 0 {
				list = append(list, batch{i, n, seed + uint64(len(list))})
				left[i] -= n
				dealt = true
			}
		}
	}
	return list
}
