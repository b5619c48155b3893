package report

import "time"

// Limit is how many requests a destination takes within a span.
type Limit struct {
	Requests int
	Per      time.Duration
}

// destination is what is known of how much a destination takes at once. The numbers
// are those that the platforms or their partners publish; where several are told, the
// smallest stands here. They change: whoever plans close to one should look it up.
type destination struct {
	add, remove int // people, or activities, in one request
	limits      []Limit
	source      string
}

const (
	published = "published by the platform"
	partners  = "told by integration partners"
	sizeOnly  = "no rate is published"
)

// SalesWings stands for the destination in reports.
const SalesWings = "saleswings"

//nolint:gochecknoglobals // a table
var destinations = map[string]destination{
	// Standard access, without what active audiences add. Large deletes are known to
	// break off, so they go in smaller parts.
	"meta":      {10_000, 1_000, []Limit{{5_000, time.Hour}}, published},
	"google":    {10_000, 10_000, []Limit{{300, time.Minute}, {100_000, 24 * time.Hour}}, published},
	"tiktok":    {10_000, 10_000, []Limit{{50, time.Second}}, partners},
	"snap":      {100_000, 100_000, []Limit{{10, time.Second}}, partners},
	"pinterest": {50_000, 50_000, []Limit{{7, time.Second}}, partners},
	"linkedin":  {100_000, 100_000, []Limit{{10, time.Second}}, partners},
	"reddit":    {2_500, 2_500, nil, sizeOnly},
	"microsoft": {1_000, 1_000, nil, sizeOnly},
	// None is published; this is the pace that our own sink keeps unless it is told another.
	SalesWings: {100, 100, []Limit{{20, time.Second}}, "our sink's own pace; " + sizeOnly},
}

// objective is within what time 99 % of changes have to be at their end.
const (
	objective      = 250 * time.Millisecond
	objectiveShare = 0.99
)

// most gives the largest number of requests that is needed within any span of the
// length per, when each is filled as far as it goes. Lists do not share requests, nor do
// entries and exits.
func (d *destination) most(all []change, lists int, per time.Duration) (requests int) {
	entries, exits := make([]int, lists), make([]int, lists)
	now := 0 // requests for what lies within the span
	count := func(c change, by int) {
		counter, size := &exits[c.list], d.remove
		if c.enter {
			counter, size = &entries[c.list], d.add
		}
		now -= (*counter + size - 1) / size
		*counter += by
		now += (*counter + size - 1) / size
	}
	from := 0
	for _, c := range all {
		for all[from].at <= c.at-per.Milliseconds() {
			count(all[from], -1)
			from++
		}
		count(c, 1)
		requests = max(requests, now)
	}
	return requests
}

// waits gives how long the change that waits longest does so when the destination is
// sent as much as it takes, and which share of all is there in time.
func (d *destination) waits(all []change) (longest time.Duration, inTime float64) {
	pace := 0.0 // changes a ms
	for _, l := range d.limits {
		if p := float64(l.Requests) * float64(min(d.add, d.remove)) / float64(l.Per.Milliseconds()); pace == 0 || p < pace {
			pace = p
		}
	}
	if pace == 0 || len(all) == 0 {
		return 0, 1
	}
	queue, last, good := 0.0, all[0].at, 0
	for _, c := range all {
		queue = max(0, queue-float64(c.at-last)*pace) + 1
		last = c.at
		wait := time.Duration(queue / pace * float64(time.Millisecond))
		longest = max(longest, wait)
		if wait <= objective {
			good++
		}
	}
	return longest.Round(time.Millisecond), float64(good) / float64(len(all))
}
