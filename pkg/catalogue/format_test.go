package catalogue

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
)

func TestFormat_OrdersKeysAndKeepsComments(t *testing.T) {
	got, err := Format([]byte(`# The head stays.
# Line two.

cohorts:
  # About a.
  - when:
      did:
        within: 1d   
        # Why orders.
        event: order


    # What it is called.
    name: A
    key: a # the key
  # About b.
  - {when: {did: {event: order}}, key: b}
events:
  view: {names: [view]}
  order:
    names: [order]
    description: |
      An order.

        # no comment
# The version.
version: 1
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `# The head stays.
# Line two.

# The version.
version: 1

events:
  view: {names: [view]}
  order:
    description: |
      An order.

        # no comment
    names: [order]

cohorts:
  # About a.
  - key: a # the key

    # What it is called.
    name: A
    when:
      did:
        # Why orders.
        event: order
        within: 1d
  # About b.
  - {when: {did: {event: order}}, key: b}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func formatted(t *testing.T, text []byte) {
	t.Helper()
	once, err := Format(text)
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Fatalf("got %v, want an *Error", err)
		}
		if _, err := Load("x.yaml", text); err == nil {
			t.Fatal("what loads is not formatted")
		}
		return
	}
	twice, err := Format(once)
	if err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("formatted again it is another text (%v)\n%s\n---\n%s", err, once, twice)
	}
	a, errA := Load("x.yaml", text)
	b, errB := Load("x.yaml", once)
	if (errA == nil) != (errB == nil) {
		t.Fatalf("%v before and %v after", errA, errB)
	}
	if errA == nil && a.Program.Revision() != b.Program.Revision() {
		t.Fatalf("it says something else\n%s", once)
	}
}

func TestFormat_KeepsWhatIsSaid(t *testing.T) {
	for _, folder := range []string{"good", "form", "meaning"} {
		for _, path := range files(t, folder) {
			formatted(t, read(t, path))
		}
	}
	// What is handed out is formatted.
	for _, name := range catalogues.Names() {
		text, _ := catalogues.Named(name)
		got, err := Format(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(got)); diff != "" {
			t.Errorf("%s (-is +should be)\n%s", name, diff)
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, path := range files(f, "good") {
		f.Add(read(f, path))
	}
	for _, name := range catalogues.Names() {
		text, _ := catalogues.Named(name)
		f.Add(text)
	}
	f.Fuzz(formatted)
}

// Files that somebody is in the middle of writing.
func TestFormat_KeepsWhatDamagedFilesSay(t *testing.T) {
	var seeds [][]byte
	for _, path := range files(t, "good") {
		seeds = append(seeds, read(t, path))
	}
	for _, name := range catalogues.Names() {
		text, _ := catalogues.Named(name)
		seeds = append(seeds, text)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		text := bytes.Clone(seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(3) {
			at := r.IntN(len(text))
			to := min(len(text), at+r.IntN(40))
			switch r.IntN(3) {
			case 0:
				text[at] = "\n #-:{}[]'\"|&*ab0\t"[r.IntN(17)]
			case 1:
				text = append(text[:at], text[to:]...)
			default:
				text = append(text[:to:to], text[at:]...)
			}
		}
		formatted(t, text)
	}
}
