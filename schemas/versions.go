package schemas

import (
	"embed"
	"fmt"
)

//go:embed *-value/v*.avsc
var files embed.FS

// table gives every schema its embedded id: the place in this list, from 1.
// Records carry that id for as long as they are kept, so a line is never moved,
// changed or removed. New lines go to the end.
var table = [...]struct {
	subject string
	version int
}{
	{EventsSubject, 1},
	{QuarantineSubject, 1},
	{TransitionsSubject, 1},
	{ProfilesSubject, 1},
	{SuppressionFamily, 1},
	{ReceiptsSubject, 1},
	{DeadLetterSubject, 1},
	{TransitionsSubject, 2},
}

// Version is one version of one subject's schema.
type Version struct {
	Subject string // SuppressionFamily for the suppression topics
	Version int    // from 1, gapless
	ID      uint32 // when no registry is in use; from 1, the same in every release
	Text    string // the schema as it stands in its file
}

// Versions returns every schema there is, by rising ID.
func Versions() []Version {
	all := make([]Version, len(table))
	for i, v := range table {
		all[i] = Version{Subject: v.subject, Version: v.version, ID: uint32(i + 1), Text: text(v.subject, v.version)}
	}
	return all
}

// Newest returns the newest version of a subject's schema, which is the one that
// this release writes. ok is false when the subject is not one of ours.
func Newest(subject string) (newest Version, ok bool) {
	family := Family(subject)
	for i, v := range table {
		if v.subject == family && v.version > newest.Version {
			newest = Version{Subject: family, Version: v.version, ID: uint32(i + 1)}
		}
	}
	if newest.Version == 0 {
		return Version{}, false
	}
	newest.Text = text(family, newest.Version)
	return newest, true
}

// text reads an embedded file. That every line of the table has its file is
// checked by a test, so a miss can only be a broken build.
func text(subject string, version int) string {
	b, err := files.ReadFile(fileName(subject, version))
	if err != nil {
		panic(fmt.Sprintf("schemas: no file for a line of the table: %v", err))
	}
	return string(b)
}

func fileName(subject string, version int) string {
	return fmt.Sprintf("%s/v%d.avsc", subject, version)
}
