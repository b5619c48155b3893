package adsuppress

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// headerAudiences is the header by which a watermark tells the next tenure which audiences it wrote and
// which cohort fed each: "audience=cohort" by commas, with "@ms" behind those that the catalogue has no more.
const headerAudiences = "x-audiences"

// afterlife is for how long people are still taken off the list of an audience that the catalogue has no more, as
// they leave its cohort. Whoever has not left by then stays.
const afterlife = 90 * 24 * time.Hour

// feeds are the audiences of one partition's lists.
type feeds struct {
	own     []string           // of the catalogue, as the header has them
	retired map[string]retired // by audience
}

// retired is an audience that the catalogue has no more. Nobody gets on its list, and whoever leaves the cohort
// gets off: with the cohort gone as well that is everybody, at once.
type retired struct {
	cohort string
	at     int64 // ms
}

// succeed gives the feeds of this catalogue after those of a watermark's header.
func (v *converter) succeed(header string, now int64) feeds {
	f := feeds{retired: map[string]retired{}}
	known := map[string]bool{}
	for cohort, audiences := range v.audiences {
		for i := range audiences {
			f.own = append(f.own, audiences[i].Key+"="+cohort)
			known[audiences[i].Key] = true
		}
	}
	slices.Sort(f.own)
	for part := range strings.SplitSeq(header, ",") {
		audience, rest, ok := strings.Cut(part, "=")
		if !ok || known[audience] {
			continue
		}
		fed, at, old := strings.Cut(rest, "@")
		r := retired{cohort: fed, at: now}
		if ms, err := strconv.ParseInt(at, 10, 64); old && err == nil {
			r.at = ms
		}
		if now-r.at < afterlife.Milliseconds() {
			f.retired[audience] = r
		}
	}
	return f
}

// header is what the next tenure is told.
func (f feeds) header() kafkaio.Header {
	parts := slices.Clone(f.own)
	for audience, r := range f.retired {
		parts = append(parts, fmt.Sprintf("%s=%s@%d", audience, r.cohort, r.at))
	}
	slices.Sort(parts)
	return kafkaio.Header{Key: headerAudiences, Value: []byte(strings.Join(parts, ","))}
}

// of lists the retired audiences that a transition takes somebody off, by key.
func (f feeds) of(t *cohort.Transition) (list []catalogue.Audience) {
	if t.Op != cohort.OpExit || releases(t) {
		return nil
	}
	for audience, r := range f.retired {
		if r.cohort == t.Cohort {
			list = append(list, catalogue.Audience{Key: audience, Cohort: r.cohort, Reason: reasonRetired})
		}
	}
	slices.SortFunc(list, func(a, b catalogue.Audience) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// headerOf gives the value of a header, empty when there is none.
func headerOf(list []kafkaio.Header, key string) string {
	for i := range list {
		if list[i].Key == key {
			return string(list[i].Value)
		}
	}
	return ""
}
