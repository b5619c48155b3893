package cohortctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const orders = "event_time,user_id,event_name,event_id\n" +
	"2026-11-27T08:00:00.000Z,bob,bought,2\n" +
	"2026-11-26T08:00:00.000Z,ada,purchase,1\n" +
	"2026-11-26T08:00:00.000Z,,purchase,3\n"

func run(t *testing.T, s Simulate) (out, said string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = s.Run(t.Context(), Streams{Out: &o, Err: &e})
	return o.String(), e.String(), err
}

func TestRun_WritesTransitionsAndSaysWhatWasIgnored(t *testing.T) {
	out, said, err := run(t, Simulate{Events: []string{write(t, "o.csv", orders)}, Map: "order=bought", Until: "2026-12-04T08:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `cohort,user_id,at,transition
recent_purchaser_7d,ada,2026-11-26T08:00:00.000Z,enter
recent_purchaser_7d,ada,2026-12-03T08:00:00.000Z,exit
recent_purchaser_7d,bob,2026-11-27T08:00:00.000Z,enter
recent_purchaser_7d,bob,2026-12-04T08:00:00.000Z,exit
`
	if out != want {
		t.Errorf("transitions: got\n%swant\n%s", out, want)
	}
	if want := "3 events read, 2 of them asked about: 2 people, 4 transitions; ignored: 0 that no condition asks about, 1 without a user id\n"; said != want {
		t.Errorf("summary: got %q, want %q", said, want)
	}
}

func TestRun_SeveralRecordingsAreOne(t *testing.T) {
	line := `{"type":"track","userId":"ada","event":"purchase","messageId":"1","timestamp":"2026-11-26T08:00:00Z"}`
	one, _, err := run(t, Simulate{Events: []string{write(t, "o.csv", orders)}})
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := run(t, Simulate{Events: []string{write(t, "o.csv", orders), write(t, "o.ndjson", line)}})
	if err != nil {
		t.Fatal(err)
	}
	if one != two {
		t.Errorf("the same order told again by another file: got\n%swant\n%s", two, one)
	}
}

func TestRun_OutIsReplacedWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.csv")
	s := Simulate{Events: []string{write(t, "o.csv", orders)}, Out: path, JSON: true}
	out, _, err := run(t, s)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil || strings.Count(string(before), "\n") != 4 { // ada enters, leaves, lapses
		t.Fatalf("got %q and %v, want the transitions", before, err)
	}
	var report struct{ Transitions int }
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Transitions != 3 {
		t.Errorf("report: got %q and %v, want JSON that counts 3 transitions", out, err)
	}
	if err := writeFile(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("half", 1<<15))
		return errors.New("disk full")
	}); err == nil || !strings.Contains(err.Error(), "out.csv") {
		t.Errorf("got %v, want an error that names the file", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed by a write that failed")
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("got %v in the folder, want nothing left behind", files)
	}
}

func TestRun_ErrorsSayWhoseFaultItIs(t *testing.T) {
	good := write(t, "o.csv", orders)
	for name, c := range map[string]struct {
		s     Simulate
		want  string
		usage bool
	}{
		"format":       {Simulate{Events: []string{"o.txt"}}, "ends in .csv, .ndjson or .jsonl", true},
		"until":        {Simulate{Events: []string{good}, Until: "tomorrow"}, "give RFC 3339", true},
		"map":          {Simulate{Events: []string{good}, Map: "ordr=x"}, "view, cart, order", true},
		"no recording": {Simulate{Events: []string{"absent.csv"}}, "absent.csv", false},
		"a bad row":    {Simulate{Events: []string{write(t, "bad.csv", orders+"x,ada,purchase,4\n")}}, "bad.csv:5:1: event_time", false},
		"no secret":    {Simulate{Events: []string{good}, SealSecretFile: "absent"}, "absent", false},
	} {
		out, _, err := run(t, c.s)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUsage) != c.usage || out != "" {
			t.Errorf("%s: got %v and %q, want an error with %q, of usage: %v", name, err, out, c.want, c.usage)
		}
	}
	faulty := Simulate{Events: []string{good}}
	faulty.Catalogue.File = write(t, "c.yaml", "version: 1\nevents: {v: {names: [v]}}\ncohorts: [{key: c, when: {did: {event: w}}}]\n")
	if _, _, err := run(t, faulty); err == nil || errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "c.yaml:3:") {
		t.Errorf("a faulty catalogue: got %v, want its fault with the place", err)
	}
}

func TestRun_NothingPlaysAPartIsSaid(t *testing.T) {
	_, said, err := run(t, Simulate{Events: []string{write(t, "o.csv", "event_time,user_id,event_name\n2026-11-26T08:00:00Z,a,clicks\n")}})
	if err != nil || !strings.Contains(said, "say with --map") || !strings.Contains(said, "clicks") {
		t.Errorf("got %q and %v, want a hint with the names of the recording", said, err)
	}
}

const promo = `version: 1
events:
  order: {names: [order], where: "!has(properties.test)"}
cohorts:
  - {key: big, when: {did: {event: order, where: "properties.total >= 100", within: 1d}}}
  - {key: spender, when: {sum: {event: order, property: total, at_least: 150, within: 7d}}}
  - key: pro_at_the_weekend
    when: {all: [{attribute: attributes.plan == "pro"}, {during: {from: fri 18:00, to: mon 06:00, zone: Europe/Berlin}}]}
`

// Rules that read properties and attributes get them, and a calendar that never ends needs an end.
func TestRun_RulesThatReadPropertiesAndCalendars(t *testing.T) {
	s := Simulate{Events: []string{
		write(t, "o.csv", "event_time,user_id,event_name,event_id,total:number,test:boolean\n"+
			"2026-11-27T08:00:00.000Z,ada,order,1,99.5,\n"+ // a Friday
			"2026-11-27T09:00:00.000Z,ada,order,2,100,\n"+
			"2026-11-27T09:00:00.000Z,bob,order,3,1000,true\n"),
		write(t, "i.ndjson", `{"type":"identify","userId":"bob","timestamp":"2026-11-28T00:00:00Z","traits":{"plan":"pro"}}`),
	}}
	s.Catalogue.File = write(t, "c.yaml", promo)
	if _, _, err := run(t, s); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "--until is needed") {
		t.Errorf("without an end: got %v, want that one is needed", err)
	}
	s.Until = "2026-12-05T00:00:00Z"
	out, _, err := run(t, s)
	if err != nil {
		t.Fatal(err)
	}
	const want = `cohort,user_id,at,transition
big,ada,2026-11-27T09:00:00.000Z,enter
big,ada,2026-11-28T09:00:00.000Z,exit
spender,ada,2026-11-27T09:00:00.000Z,enter
spender,ada,2026-12-04T08:00:00.000Z,exit
pro_at_the_weekend,bob,2026-11-28T00:00:00.000Z,enter
pro_at_the_weekend,bob,2026-11-30T05:00:00.000Z,exit
pro_at_the_weekend,bob,2026-12-04T17:00:00.000Z,enter
`
	if out != want {
		t.Errorf("transitions: got\n%swant\n%s", out, want)
	}
}
