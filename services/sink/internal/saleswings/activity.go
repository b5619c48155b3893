package saleswings

import (
	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

// Lead is how SalesWings knows a person; at least one field is set.
type Lead struct {
	UserID      string
	AnonymousID string
	Email       string // personal: in requests only
}

// Activity is one transition as SalesWings is told of it.
type Activity struct {
	Lead         Lead
	TransitionID string
	Version      int64
	Cohort       string
	Entered      bool
	Reason       string
	EffectiveAt  int64 // ms
	ValidUntil   int64 // ms, 0 = open-ended
}

// givesUp says whether a transition only takes contacts back, while the stay goes on:
// the entry that follows tells of the others.
func givesUp(t *cohort.Transition) bool {
	return t.GoesOn()
}

// newActivity opens the contacts of a transition. A contact that cannot be opened
// is left out: what remains still names the person. Of one that only takes contacts back
// the lead is named by those and nothing else; it is empty when SalesWings knows none of
// them.
func newActivity(t *cohort.Transition, keys *seal.Keys) (a Activity, unreadable int) {
	a = Activity{
		TransitionID: avrocodec.FormatID(t.ID),
		Version:      t.Version,
		Cohort:       t.Cohort,
		Entered:      t.Op == cohort.OpEnter,
		Reason:       t.Reason,
		EffectiveAt:  t.EffectiveAt,
		ValidUntil:   t.ValidUntil,
	}
	for _, sealed := range t.Contacts {
		kind, plain, err := keys.Open(sealed)
		if err != nil {
			unreadable++
			continue
		}
		switch kind { // oldest first, so the newest of each kind stays
		case seal.KindEmail:
			a.Lead.Email = plain
		case seal.KindCustomerID:
			a.Lead.UserID = plain
		case seal.KindAnonymousID:
			a.Lead.AnonymousID = plain
		}
	}
	if !givesUp(t) && a.Lead.UserID == "" && a.Lead.AnonymousID != t.Person && (a.Lead.Email == "" || keys.EmailKey(a.Lead.Email) != t.Person) {
		a.Lead.UserID = t.Person
	}
	return a, unreadable
}

// title is what sales people read.
func (a *Activity) title() string {
	if a.Entered {
		return "Entered " + a.Cohort
	}
	return "Left " + a.Cohort
}

func (a *Activity) change() string {
	if a.Entered {
		return "entered"
	}
	return "exited"
}
