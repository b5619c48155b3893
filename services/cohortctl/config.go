package cohortctl

import "github.com/cohortflow/cohortflow/pkg/settings"

// Simulate is what a run over recorded events can be told. The names are those of the flags.
type Simulate struct {
	settings.Catalogue `embed:""`

	Events         []string `required:"" sep:"none" placeholder:"FILE" help:"Recorded events: .csv or .ndjson, .gz after it where packed. May be given several times; order and sorting of the rows do not matter."`
	Map            string   `placeholder:"EVENT=NAME,..." help:"Names of the recording that play an event of the catalogue, beside those that the catalogue gives it: view=product_view,order=purchase+invoice."`
	Until          string   `placeholder:"TIME" help:"Last instant that counts, as RFC 3339. Without it the clock runs on until every deadline is worked off."`
	Out            string   `placeholder:"FILE" help:"Write the transitions there. Without it they go to the standard output."`
	Report         bool     `help:"Print a report to the standard output: entries, exits, peaks of cohorts and destinations, and whether their limits would hold. The transitions go to --out only."`
	JSON           bool     `name:"json" help:"The report as JSON."`
	Through        bool     `help:"Play the events through the whole standalone flow instead, in a process of its own that is gone afterwards; the transitions are the same."`
	Binary         string   `placeholder:"FILE" help:"The standalone's command for --through (default: cohortflow beside cohortctl, else in the PATH)."`
	SealSecretFile string   `placeholder:"FILE" help:"File with the seal secrets of the flow: makes the keys of people known by email alone, whose events are ignored without it."`
}
