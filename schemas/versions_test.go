package schemas

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
)

// Ids stand in records for ever. This list is the record of what was shipped: it
// may grow at the end, nothing else.
func TestVersions_IDsNeverChange(t *testing.T) {
	shipped := []string{
		"customerio.events.v1-value/v1.avsc",
		"customerio.quarantine.v1-value/v1.avsc",
		"cohort.transitions.v1-value/v1.avsc",
		"cohort.profiles.v1-value/v1.avsc",
		"ads.suppression.v1-value/v1.avsc",
		"sink.receipts.v1-value/v1.avsc",
		"sink.deadletter.v1-value/v1.avsc",
		"cohort.transitions.v1-value/v2.avsc",
	}
	var got []string
	for i, v := range Versions() {
		if v.ID != uint32(i+1) {
			t.Errorf("%s: got id %d, want %d", v.Subject, v.ID, i+1)
		}
		got = append(got, fileName(v.Subject, v.Version))
	}
	if diff := cmp.Diff(shipped, got); diff != "" {
		t.Errorf("schemas by id (-shipped +now):\n%s", diff)
	}
}

func TestVersions_EveryFileIsInTheTableAndGapless(t *testing.T) {
	var inTable []string
	last := map[string]int{}
	for _, v := range Versions() {
		inTable = append(inTable, fileName(v.Subject, v.Version))
		if v.Version != last[v.Subject]+1 {
			t.Errorf("%s: version %d follows %d", v.Subject, v.Version, last[v.Subject])
		}
		last[v.Subject] = v.Version
	}
	onDisk, err := fs.Glob(files, "*/*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(inTable)
	slices.Sort(onDisk)
	if diff := cmp.Diff(onDisk, inTable); diff != "" {
		t.Errorf("files and table (-files +table):\n%s", diff)
	}
}

// The two Avro libraries must read every file, each by its own parser.
func TestVersions_ParseEverywhere(t *testing.T) {
	for _, v := range Versions() {
		if _, err := goavro.NewCodec(v.Text); err != nil {
			t.Errorf("%s v%d: goavro: %v", v.Subject, v.Version, err)
		}
		if _, err := avro.Parse(v.Text); err != nil {
			t.Errorf("%s v%d: twmb/avro: %v", v.Subject, v.Version, err)
		}
	}
}

// Compacted records of old versions live for ever and readers lag behind, so every
// version reads what every other one wrote (FULL_TRANSITIVE).
func TestVersions_AreFullCompatible(t *testing.T) {
	bySubject := map[string][]Version{}
	for _, v := range Versions() {
		bySubject[v.Subject] = append(bySubject[v.Subject], v)
	}
	for subject, versions := range bySubject {
		for _, problem := range incompatible(versions) {
			t.Errorf("%s: %s", subject, problem)
		}
	}
}

// A version adds fields at the end and leaves the others where they are: the decoders
// of package avrocodec tell versions apart by where a record ends.
func TestVersions_AddFieldsAtTheEnd(t *testing.T) {
	type schema struct {
		Fields []struct {
			Name string
		}
	}
	before := map[string]schema{}
	for _, v := range Versions() {
		var now schema
		if err := json.Unmarshal([]byte(v.Text), &now); err != nil {
			t.Fatal(err)
		}
		was := before[v.Subject]
		before[v.Subject] = now
		if n := len(was.Fields); v.Version > 1 && n >= len(now.Fields) {
			t.Errorf("%s adds no field to the %d there were", fileName(v.Subject, v.Version), n)
		}
		for i, f := range was.Fields {
			// That types stay is what compatibility says.
			if i >= len(now.Fields) || now.Fields[i].Name != f.Name {
				t.Errorf("%s: field %d is not %s any more", fileName(v.Subject, v.Version), i, f.Name)
				break
			}
		}
	}
}

// The gate itself: it lets an optional field in and out, and nothing else.
func TestIncompatible_SeesBreakingChanges(t *testing.T) {
	newest, ok := Newest(TransitionsSubject)
	if !ok {
		t.Fatal("no schema of transitions")
	}
	const anchor = `    {"name": "person",`
	for name, c := range map[string]struct {
		change func(string) string
		breaks bool
	}{
		"optional field added": {func(s string) string {
			return strings.Replace(s, anchor, `{"name": "added", "type": ["null", "string"], "default": null, "doc": "A."},`+"\n"+anchor, 1)
		}, false},
		"required field added": {func(s string) string {
			return strings.Replace(s, anchor, `{"name": "added", "type": "string", "doc": "A."},`+"\n"+anchor, 1)
		}, true},
		"type changed": {func(s string) string {
			return strings.Replace(s, anchor+` "type": "string"`, anchor+` "type": "long"`, 1)
		}, true},
		"optional made required": {func(s string) string {
			return strings.Replace(s, `{"name": "source_id", "type": ["null", "string"], "default": null,`, `{"name": "source_id", "type": "string",`, 1)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			next := Version{Subject: newest.Subject, Version: newest.Version + 1, Text: c.change(newest.Text)}
			if next.Text == newest.Text {
				t.Fatal("the change did not take; has the file's layout changed?")
			}
			if got := incompatible([]Version{newest, next}); (len(got) > 0) != c.breaks {
				t.Errorf("got %q, want breaks=%v", got, c.breaks)
			}
		})
	}
}

// incompatible checks each pair of versions in both directions.
func incompatible(versions []Version) (problems []string) {
	parsed := make([]*avro.Schema, len(versions))
	for i, v := range versions {
		s, err := avro.Parse(v.Text)
		if err != nil {
			return []string{err.Error()}
		}
		parsed[i] = s
	}
	for i, writer := range parsed {
		for j, reader := range parsed {
			if err := avro.CheckCompatibility(writer, reader); err != nil {
				problems = append(problems, fileName(versions[j].Subject, versions[j].Version)+
					" does not read "+fileName(versions[i].Subject, versions[i].Version)+": "+err.Error())
			}
		}
	}
	return problems
}
