package main

import (
	"fmt"
	"regexp"
	"strings"
)

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

// chosen gives the properties whose test an expression finds; all of them for an empty one.
func chosen(only string) (list []int, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("--only: %w", err)
	}
	names := make([]string, len(properties))
	for i, p := range properties {
		names[i] = p.test
		if pattern.MatchString(p.test) {
			list = append(list, i)
		}
	}
	if list == nil {
		return nil, fmt.Errorf("--only %q finds none of %s", only, strings.Join(names, ", "))
	}
	return list, nil
}

// batch is one run of one property.
type batch struct {
	property int
	cases    int
	seed     uint64
}

// deal shares the cases out evenly among properties and takes turns, so that a campaign that is stopped has seen something of
// each property. No two batches have one seed.
func deal(of []int, cases, most int, seed uint64) (list []batch) {
	left := make([]int, len(of))
	for i := range left {
		left[i] = (cases + i) / len(left) // what does not divide goes to the last ones
	}
	for dealt := true; dealt; {
		dealt = false
		for i := range left {
			if n := min(left[i], most); n > 0 {
				list = append(list, batch{of[i], n, seed + uint64(len(list))})
				left[i] -= n
				dealt = true
			}
		}
	}
	return list
}
