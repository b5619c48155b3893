// Package schemas owns the layout of every record that Cohortflow writes: the
// Avro schemas, the names of the topics and subjects, and the ids that the
// schemas have when no registry is in use. It reads nothing but its own files.
//
// A schema file is never edited once a release has shipped it. A change is a new
// file, vN.avsc, that is FULL-compatible with every older one and has its new fields
// at the end, and a new line at the end of the table in versions.go; anything else is
// a new topic.
package schemas

import "strings"

// Topics.
const (
	EventsTopic      = "customerio.events.v1"     // the log; key = person; kept by time
	QuarantineTopic  = "customerio.quarantine.v1" // what ingest could not understand; kept by time
	TransitionsTopic = "cohort.transitions.v1"    // who entered or left which cohort; key = person; kept by time
	ProfilesTopic    = "cohort.profiles.v1"       // current state; key = person; compacted
	ReceiptsTopic    = "sink.receipts.v1"         // what each destination answered; key = person; kept by time
	DeadLetterTopic  = "sink.deadletter.v1"       // what a destination refused for good; kept by time
)

const (
	suppressionPrefix = "ads.suppression."
	suppressionSuffix = ".v1"
	subjectSuffix     = "-value"
)

// Subjects: the topic's name and "-value", which is what every Confluent client
// asks a registry for by default.
const (
	EventsSubject      = EventsTopic + subjectSuffix
	QuarantineSubject  = QuarantineTopic + subjectSuffix
	TransitionsSubject = TransitionsTopic + subjectSuffix
	ProfilesSubject    = ProfilesTopic + subjectSuffix
	ReceiptsSubject    = ReceiptsTopic + subjectSuffix
	DeadLetterSubject  = DeadLetterTopic + subjectSuffix

	// SuppressionFamily is not asked for at a registry: it names the one schema
	// that the subjects of all platforms share, see SuppressionTopic.
	SuppressionFamily = "ads.suppression.v1" + subjectSuffix
)

// Platforms are the ad platforms that have normalisation rules, sorted. Topics
// of other platforms share the same schema.
func Platforms() []string {
	return []string{"google", "linkedin", "meta", "microsoft", "pinterest", "reddit", "snap", "thetradedesk", "tiktok"}
}

// Subject returns the registry subject of a topic's values.
func Subject(topic string) string { return topic + subjectSuffix }

// SuppressionTopic returns the topic of a platform, "ads.suppression.meta.v1"
// for "meta": current suppression state, compacted. The platform is a short
// lower-case name; see ValidPlatform.
func SuppressionTopic(platform string) string {
	return suppressionPrefix + platform + suppressionSuffix
}

// SuppressionSubject returns the registry subject of a platform's topic.
func SuppressionSubject(platform string) string { return Subject(SuppressionTopic(platform)) }

// PlatformOf is the inverse of SuppressionTopic.
func PlatformOf(topic string) (platform string, ok bool) {
	rest, ok := strings.CutPrefix(topic, suppressionPrefix)
	if !ok {
		return "", false
	}
	platform, ok = strings.CutSuffix(rest, suppressionSuffix)
	return platform, ok && ValidPlatform(platform)
}

// ValidPlatform says whether a name can stand in a topic's name: lower-case
// letters, digits, "_" and "-", 1 to 64 of them.
func ValidPlatform(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Family returns the subject whose files hold the schema of a subject: the
// subject itself, or SuppressionFamily for that of a platform.
func Family(subject string) string {
	if topic, ok := strings.CutSuffix(subject, subjectSuffix); ok {
		if _, ok := PlatformOf(topic); ok {
			return SuppressionFamily
		}
	}
	return subject
}

// Subjects returns every subject that the embedded registry lists, sorted as
// the schemas' ids are; the suppression subjects of Platforms stand in place of
// their family.
func Subjects() []string {
	var all []string
	for _, v := range table {
		switch {
		case v.version != 1:
		case v.subject == SuppressionFamily:
			for _, p := range Platforms() {
				all = append(all, SuppressionSubject(p))
			}
		default:
			all = append(all, v.subject)
		}
	}
	return all
}
