package api

// The answers. Every field is always there: what does not apply is null. openapi.yaml
// describes each, which a test holds it to.

// AsOf says for when an answer about a person holds.
type AsOf struct {
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	LogTime   *string `json:"log_time"`
	Catalogue string  `json:"catalogue"`
	LogEnd    *int64  `json:"log_end"`
	Lag       *int64  `json:"lag"`

	ReviewPending bool `json:"review_pending"`
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
	ErasedAt    *string      `json:"erased_at"`
	AsOf        AsOf         `json:"as_of"`
}

// Membership is one current stay.
type Membership struct {
	Cohort       string  `json:"cohort"`
	Name         string  `json:"name"`
	EnteredAt    string  `json:"entered_at"`
	ValidUntil   *string `json:"valid_until"`
	WarmingUntil *string `json:"warming_until"`
}

// Explanation is how a person stands to cohorts, and why.
type Explanation struct {
	Person     string          `json:"person"`
	Followed   []string        `json:"followed"`
	At         string          `json:"at"`
	Basis      string          `json:"basis"`
	AsOf       AsOf            `json:"as_of"`
	Cohorts    []Standing      `json:"cohorts"`
	Deliveries KnownDeliveries `json:"deliveries_known"`
}

// What an explanation rests on.
const (
	basisDecided   = "decided"   // at is the log time: the state itself
	basisFacts     = "facts"     // at is past: what the facts that are still kept say
	basisProjected = "projected" // at is ahead: if nothing happens until then
)

// Standing is how a person stands to one cohort.
type Standing struct {
	Cohort       string             `json:"cohort"`
	Name         string             `json:"name"`
	In           *bool              `json:"in"`
	EnteredAt    *string            `json:"entered_at"`
	ValidUntil   *string            `json:"valid_until"`
	LeavingAt    *string            `json:"leaving_at"`
	NextChange   *string            `json:"next_change"`
	WarmingUntil *string            `json:"warming_until"`
	Outranked    bool               `json:"outranked"`
	Rule         Rule               `json:"rule"`
	Audiences    []AudienceStanding `json:"audiences"`
	Deliveries   []Delivery         `json:"deliveries"`
	MoreSent     bool               `json:"more_deliveries"`
}

// Rule is one condition at an instant.
type Rule struct {
	Condition   string     `json:"condition"`
	Text        string     `json:"text"`
	Value       string     `json:"value"`
	Margin      *Margin    `json:"margin"`
	NextChange  *string    `json:"next_change"`
	ChangesInMs *int64     `json:"changes_in_ms"`
	Evidence    []Evidence `json:"evidence"`
	Of          []Rule     `json:"of"`
}

// Margin is how near a condition that counts is to its bound.
type Margin struct {
	Have    float64 `json:"have"`
	Need    float64 `json:"need"`
	Missing float64 `json:"missing"`
	Unit    string  `json:"unit"`
}

// Evidence is one event behind a value.
type Evidence struct {
	At         string  `json:"at"`
	Offset     int64   `json:"offset"`
	Status     string  `json:"status"`
	ID         *string `json:"id"`
	Kind       *string `json:"kind"`
	Name       *string `json:"name"`
	Source     *string `json:"source"`
	EventAt    *string `json:"event_at"`
	AcceptedAt *string `json:"accepted_at"`
	Replay     *bool   `json:"replay"`
}

// AudienceStanding is an audience that the cohort feeds, and whether it holds the person.
type AudienceStanding struct {
	Audience  string   `json:"audience"`
	Name      string   `json:"name"`
	Mode      string   `json:"mode"`
	Platforms []string `json:"platforms"`
	Holds     *bool    `json:"holds"`
	Consent   *Consent `json:"consent"`
}

// Consent is a gate and what it says of the person.
type Consent struct {
	Gate  string `json:"gate"`
	Value string `json:"value"`
}

// Delivery is what was sent to a destination and what that answered.
type Delivery struct {
	Destination  string `json:"destination"`
	Op           string `json:"op"`
	Outcome      string `json:"outcome"`
	Status       int32  `json:"status"`
	Message      string `json:"message"`
	Attempt      int32  `json:"attempt"`
	At           string `json:"at"`
	TransitionID string `json:"transition_id"`
	Version      int64  `json:"version"`
}

// KnownDeliveries says since when deliveries are known here.
type KnownDeliveries struct {
	Complete bool    `json:"complete"`
	Since    *string `json:"since"`
	CaughtUp bool    `json:"caught_up"`
}

// Cohorts is the list of cohorts.
type Cohorts struct {
	Catalogues []InForce `json:"catalogues"`
	Cohorts    []Cohort  `json:"cohorts"`
	SizeSource string    `json:"size_source"`
}

// Where sizes come from.
const (
	sourceKept    = "checkpoints" // counted along with each change
	sourceCounted = "count"       // everybody was counted
	sourceNone    = "none"        // counting goes on: ask again
)

// InForce is a catalogue and where it is in force.
type InForce struct {
	Revision   string  `json:"revision"`
	Partitions []int32 `json:"partitions"`
}

// Cohort is one cohort of a catalogue.
type Cohort struct {
	Key          string     `json:"key"`
	Name         string     `json:"name"`
	Description  string     `json:"description"`
	Owner        string     `json:"owner"`
	Audience     bool       `json:"audience"`
	Rule         *string    `json:"rule"`
	Groups       []string   `json:"groups"`
	Audiences    []Audience `json:"audiences"`
	Destinations []string   `json:"destinations"`
	Size         *int64     `json:"size"`
	Everywhere   bool       `json:"everywhere"`
}

// Audience is one audience that a cohort feeds.
type Audience struct {
	Key         string   `json:"key"`
	Name        string   `json:"name"`
	Mode        string   `json:"mode"`
	Platforms   []string `json:"platforms"`
	Reason      *string  `json:"reason"`
	Consent     *string  `json:"consent"`
	LawfulBasis *string  `json:"lawful_basis"`
}

// Size is how many people are in a cohort.
type Size struct {
	Cohort     string          `json:"cohort"`
	Size       int64           `json:"size"`
	Source     string          `json:"source"`
	Partitions []PartitionSize `json:"partitions"`
	Verified   *Verified       `json:"verified"`
}

// PartitionSize is a partition's share.
type PartitionSize struct {
	Partition int32   `json:"partition"`
	Size      int64   `json:"size"`
	Offset    int64   `json:"offset"`
	LogTime   *string `json:"log_time"`
}

// Verified is a count of everybody beside what the checkpoints say.
type Verified struct {
	Counted    int64               `json:"counted"`
	Kept       *int64              `json:"kept"`
	Agrees     *bool               `json:"agrees"`
	People     int64               `json:"people"`
	Partitions []VerifiedPartition `json:"partitions"`
}

// VerifiedPartition is a partition's count and the checkpoints that it holds for.
type VerifiedPartition struct {
	Partition int32  `json:"partition"`
	Counted   int64  `json:"counted"`
	Kept      *int64 `json:"kept"`
	Steady    bool   `json:"steady"`
	From      Mark   `json:"from"`
	To        Mark   `json:"to"`
}

// Mark is a place in a partition's log.
type Mark struct {
	Offset  int64   `json:"offset"`
	LogTime *string `json:"log_time"`
}
