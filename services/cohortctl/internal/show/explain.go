package show

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/readapi"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// page is a text under way; its error is that of the flush.
type page struct {
	*bufio.Writer
	Style
	at time.Time // instant that is explained
}

func (p *page) line(indent int, format string, args ...any) {
	_, _ = fmt.Fprintf(p, strings.Repeat("  ", indent)+format+"\n", args...)
}

// Explanation writes why a person is in cohorts or not: one block for each cohort.
func Explanation(w io.Writer, e *readapi.Explanation, s Style) error {
	p := &page{Writer: bufio.NewWriter(w), Style: s, at: e.At}
	p.line(0, "%s", p.paint(bold, plain(e.Person)))
	p.followed(e.Followed)
	switch e.Basis {
	case "facts":
		p.line(0, "at %s, as far as what is still kept can tell; log time is %s", instant(e.At), logTime(&e.AsOf))
	case "projected":
		p.line(0, "at %s, if nothing happens until then; log time is %s", instant(e.At), logTime(&e.AsOf))
	default:
		p.line(0, "as of %s, log time", instant(e.At))
	}
	p.pending(&e.AsOf)
	sent := false
	for i := range e.Cohorts {
		p.standing(&e.Cohorts[i])
		sent = sent || len(e.Cohorts[i].Deliveries) > 0
	}
	p.line(0, "")
	k := &e.DeliveriesKnown
	switch {
	case !k.CaughtUp:
		p.line(0, "%s", p.paint(faint, "Answers of destinations are still being read: ask again for all of them."))
	case !k.Complete && k.Since != nil:
		p.line(0, "%s", p.paint(faint, "Answers of destinations are known from "+instant(*k.Since)+" on."))
	case !k.Complete:
		p.line(0, "%s", p.paint(faint, "No answer of a destination is known yet."))
	}
	return p.Flush()
}

func logTime(a *readapi.AsOf) string {
	if a.LogTime == nil {
		return "not there yet"
	}
	return instant(*a.LogTime)
}

func (p *page) followed(keys []string) {
	if len(keys) > 0 {
		p.line(0, "who was %s before", plain(strings.Join(keys, ", then ")))
	}
}

// pending says what the answer does not hold yet.
func (p *page) pending(a *readapi.AsOf) {
	if a.Lag != nil && *a.Lag > 0 {
		p.line(0, "%s", p.paint(yellow, fmt.Sprintf("%d records of the log are not in this answer yet", *a.Lag)))
	}
	if a.ReviewPending {
		p.line(0, "%s", p.paint(yellow, "the catalogue has changed, and the sweep has not come to this person: cohorts that changed are told by the rules before"))
	}
}

func (p *page) standing(s *readapi.Standing) {
	title := p.paint(bold, plain(s.Cohort))
	if s.Name != "" {
		title += "  " + plain(s.Name)
	}
	p.line(0, "")
	p.line(0, "%s %s", p.mark(s.In), title)
	in := s.In != nil && *s.In
	switch {
	case in && s.EnteredAt != nil:
		text := "in since " + when(*s.EnteredAt, p.at)
		switch {
		case s.LeavingAt != nil:
			text += ", leaves " + when(*s.LeavingAt, p.at) + ": its rule says no already, and the pause before leaving runs"
		case s.ValidUntil != nil:
			text += ", until " + when(*s.ValidUntil, p.at) + " if nothing else happens"
		default:
			text += ", with no end of its own"
		}
		p.line(1, "%s", text)
	case s.In == nil:
		p.line(1, "nobody can tell any more: too much of what happened since has taken its place")
	case s.NextChange != nil:
		p.line(1, "out; that can change by itself %s", when(*s.NextChange, p.at))
	default:
		p.line(1, "out, until something happens")
	}
	if s.Outranked {
		p.line(1, "%s", p.paint(yellow, "a stronger cohort of its group has the person"))
	}
	if s.WarmingUntil != nil {
		p.line(1, "%s", p.paint(yellow, "not known in full before "+warm(*s.WarmingUntil, p.at)))
	}
	if in {
		p.line(1, "stays in while")
	} else {
		p.line(1, "comes in when")
	}
	p.rule(2, &s.Rule)
	for i := range s.Audiences {
		p.audience(&s.Audiences[i])
	}
	p.deliveries(s)
}

// far is beyond what people plan for: a cohort that warms until then does so for ever.
const far = 200 * 365 * 24 * time.Hour

func warm(until, at time.Time) string {
	if until.Sub(at) > far {
		return "its past is sent again: waiting does not help"
	}
	return when(until, at)
}

func (p *page) rule(indent int, r *readapi.Rule) {
	text := plain(r.Text)
	switch r.Condition {
	case "all":
		text = "all of"
	case "any":
		text = "any of"
	case "not":
		text = "not"
	case "attribute", "member", "during":
		text = map[string]string{"attribute": "", "member": "in ", "during": "during "}[r.Condition] + text
	}
	if m := r.Margin; m != nil {
		text += "  " + p.paint(faint, margin(r))
	}
	if r.NextChange != nil {
		text += p.paint(faint, ", can change "+when(*r.NextChange, p.at))
	}
	p.line(indent, "%s %s", p.value(r.Value), text)
	for i := range r.Evidence {
		p.line(indent+2, "%s", p.paint(faint, evidence(&r.Evidence[i])))
	}
	for i := range r.Of {
		p.rule(indent+1, &r.Of[i])
	}
}

// margin tells have and need.
func margin(r *readapi.Rule) string {
	m := r.Margin
	amount := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	have, need, missing := amount(m.Have), amount(m.Need), amount(m.Missing)
	if m.Unit == "ms" {
		words := func(ms float64) string { return Words(time.Duration(ms) * time.Millisecond) }
		if m.Missing == 0 {
			return words(m.Have) + " passed, " + words(m.Need) + " needed"
		}
		return words(m.Have) + " of " + words(m.Need) + " passed, " + words(m.Missing) + " to go"
	}
	if m.Unit == "events" && m.Need == 1 && m.Have >= 1 {
		return "it happened"
	}
	if m.Missing == 0 {
		return "has " + have + ", needs " + need
	}
	return "has " + have + " of " + need + ", " + missing + " more needed"
}

// evidence is one event: time, name, source, id; or why it cannot be shown.
func evidence(e *readapi.Evidence) string {
	words := []string{instant(e.At)}
	if e.Name == nil && e.ID == nil {
		why := map[string]string{
			"gone": "no longer in the log", "elsewhere": "something else stands there: the log was made anew",
			"skipped": "not looked up: too many for one answer", "unread": "the log did not answer in time", "unreadable": "written by a newer release",
		}[e.Status]
		if why == "" {
			why = plain(e.Status)
		}
		return strings.Join(append(words, "("+why+")"), "  ")
	}
	for _, part := range []*string{e.Name, e.Source, e.ID} {
		if part != nil && *part != "" {
			words = append(words, plain(*part))
		}
	}
	if e.Name != nil && *e.Name == "" && e.Kind != nil {
		words = append(words[:1], append([]string{plain(*e.Kind)}, words[1:]...)...)
	}
	if e.Status == "absorbed" {
		words = append(words, "(told under another key, which this record joined)")
	}
	if e.Replay != nil && *e.Replay {
		words = append(words, "(told again)")
	}
	return strings.Join(words, "  ")
}

func (p *page) audience(a *readapi.Audience) {
	does := "not known whether it has the person"
	switch {
	case a.Holds == nil:
	case a.Mode == "exclude":
		does = negated(*a.Holds, "spared ads")
	default:
		does = negated(*a.Holds, "shown ads")
	}
	gate := ""
	if a.Consent != nil {
		gate = "; gate " + plain(a.Consent.Gate) + " says " + p.gate(a.Consent.Value)
	}
	p.line(1, "audience %s %s (%s): %s%s", p.mark(a.Holds), plain(a.Audience), plain(strings.Join(a.Platforms, ", ")), does, gate)
}

func negated(is bool, what string) string {
	if is {
		return "is " + what
	}
	return "is not " + what
}

func (p *page) gate(value string) string {
	if value == "yes" {
		return "yes"
	}
	return p.paint(yellow, plain(value)+", which is no consent")
}

func (p *page) deliveries(s *readapi.Standing) {
	if len(s.Deliveries) == 0 {
		return
	}
	p.line(1, "sent")
	if s.MoreDeliveries {
		p.line(2, "%s", p.paint(faint, "older ones are left out"))
	}
	for i := range s.Deliveries {
		d := &s.Deliveries[i]
		text := plain(d.Outcome)
		switch d.Outcome {
		case "delivered":
			text = p.paint(green, text)
		case "skipped", "superseded", "retrying":
			text = p.paint(yellow, text)
		default:
			text = p.paint(red, text)
		}
		if d.Status != 0 {
			text += " " + strconv.Itoa(int(d.Status))
		}
		if d.Message != "" {
			text += ": " + plain(d.Message)
		}
		if d.Attempt > 1 {
			text += fmt.Sprintf(" (attempt %d)", d.Attempt)
		}
		p.line(2, "%s  %s  %s  %s", instant(d.At), plain(d.Destination), plain(d.Op), text)
	}
}
