package readapi

import "time"

// The answers, as far as they are shown; the API's own description tells all of them.
// What does not apply is nil.

// AsOf says for when an answer about a person holds.
type AsOf struct {
	Partition int32      `json:"partition"`
	LogTime   *time.Time `json:"log_time"`
	Catalogue string     `json:"catalogue"`
	Lag       *int64     `json:"lag"`

	ReviewPending bool `json:"review_pending"` // a changed catalogue has not come to the person yet
}

// Person is somebody's current state.
type Person struct {
	Person      string       `json:"person"`
	Followed    []string     `json:"followed"`
	Version     int64        `json:"version"`
	Memberships []Membership `json:"memberships"`
	FormerStays int          `json:"former_stays"`
	Contacts    int          `json:"contacts"`
	Aliases     []string     `json:"aliases"`
	Suppressed  bool         `json:"suppressed"`
	ErasedAt    *time.Time   `json:"erased_at"`
	AsOf        AsOf         `json:"as_of"`
}

// Membership is one current stay.
type Membership struct {
	Cohort       string     `json:"cohort"`
	Name         string     `json:"name"`
	EnteredAt    time.Time  `json:"entered_at"`
	ValidUntil   *time.Time `json:"valid_until"`
	WarmingUntil *time.Time `json:"warming_until"`
}

// Explanation is how a person stands to cohorts, and why.
type Explanation struct {
	Person          string     `json:"person"`
	Followed        []string   `json:"followed"`
	At              time.Time  `json:"at"`
	Basis           string     `json:"basis"` // decided, facts or projected
	AsOf            AsOf       `json:"as_of"`
	Cohorts         []Standing `json:"cohorts"`
	DeliveriesKnown struct {
		Complete bool       `json:"complete"`
		Since    *time.Time `json:"since"`
		CaughtUp bool       `json:"caught_up"`
	} `json:"deliveries_known"`
}

// Standing is how a person stands to one cohort.
type Standing struct {
	Cohort         string     `json:"cohort"`
	Name           string     `json:"name"`
	In             *bool      `json:"in"` // nil = nobody can tell any more
	EnteredAt      *time.Time `json:"entered_at"`
	ValidUntil     *time.Time `json:"valid_until"`
	LeavingAt      *time.Time `json:"leaving_at"`
	NextChange     *time.Time `json:"next_change"`
	WarmingUntil   *time.Time `json:"warming_until"`
	Outranked      bool       `json:"outranked"`
	Rule           Rule       `json:"rule"`
	Audiences      []Audience `json:"audiences"`
	Deliveries     []Delivery `json:"deliveries"`
	MoreDeliveries bool       `json:"more_deliveries"`
}

// Rule is one condition at the instant.
type Rule struct {
	Condition string `json:"condition"`
	Text      string `json:"text"`
	Value     string `json:"value"` // yes, no or unknown
	Margin    *struct {
		Have    float64 `json:"have"`
		Need    float64 `json:"need"`
		Missing float64 `json:"missing"`
		Unit    string  `json:"unit"` // events, amount or ms
	} `json:"margin"`
	NextChange *time.Time `json:"next_change"`
	Evidence   []Evidence `json:"evidence"`
	Of         []Rule     `json:"of"`
}

// Evidence is one event behind a value.
type Evidence struct {
	At     time.Time `json:"at"`
	Offset int64     `json:"offset"`
	Status string    `json:"status"`
	ID     *string   `json:"id"`
	Name   *string   `json:"name"`
	Kind   *string   `json:"kind"`
	Source *string   `json:"source"`
	Replay *bool     `json:"replay"`
}

// Audience is one that a cohort feeds, and whether it holds the person.
type Audience struct {
	Audience  string   `json:"audience"`
	Mode      string   `json:"mode"`
	Platforms []string `json:"platforms"`
	Holds     *bool    `json:"holds"`
	Consent   *struct {
		Gate  string `json:"gate"`
		Value string `json:"value"`
	} `json:"consent"`
}

// Delivery is what was sent to a destination and what that answered.
type Delivery struct {
	Destination string    `json:"destination"`
	Op          string    `json:"op"`
	Outcome     string    `json:"outcome"`
	Status      int32     `json:"status"`
	Message     string    `json:"message"`
	Attempt     int32     `json:"attempt"`
	At          time.Time `json:"at"`
}

// Cohorts is the list of cohorts.
type Cohorts struct {
	Cohorts []struct {
		Key       string `json:"key"`
		Name      string `json:"name"`
		Owner     string `json:"owner"`
		Audiences []struct {
			Key       string   `json:"key"`
			Mode      string   `json:"mode"`
			Platforms []string `json:"platforms"`
		} `json:"audiences"`
		Destinations []string `json:"destinations"`
		Size         *int64   `json:"size"`
		Everywhere   bool     `json:"everywhere"`
	} `json:"cohorts"`
	SizeSource string `json:"size_source"` // checkpoints, count or none
}

// Size is how many people are in a cohort.
type Size struct {
	Cohort   string `json:"cohort"`
	Size     int64  `json:"size"`
	Source   string `json:"source"`
	Verified *struct {
		Counted int64  `json:"counted"`
		Kept    *int64 `json:"kept"`
		Agrees  *bool  `json:"agrees"`
		People  int64  `json:"people"`
	} `json:"verified"`
}
