package state

import "github.com/cohortflow/cohortflow/pkg/cohort"

// Alias tells whom a person has become.
func Alias(*cohort.Person) (into string, ok bool) { return "", false }

// WarmingUntil gives the log time, in ms, until which a cohort cannot be known in full,
// since what its rule asks about has been kept for too short a time; 0 = it is known.
func (p *Person) WarmingUntil(string) int64 { return 0 }
