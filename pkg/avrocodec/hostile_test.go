package avrocodec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
)

// decoders are the package's decoders, each into a fresh value.
func decoders() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"customerio.events.v1": func(b []byte) error { return DecodeEvent(b, new(event.Event)) },
		"cohort.transitions.v1": func(b []byte) error {
			_, err := DecodeTransition(b, new(cohort.Transition), nil)
			return err
		},
		"cohort.profiles.v1": func(b []byte) error {
			_, err := DecodeProfile(b, new(cohort.Profile), nil)
			return err
		},
		"ads.suppression.v1": func(b []byte) error {
			_, err := DecodeSuppression(b, new(Suppression), nil)
			return err
		},
		"sink.receipts.v1":         func(b []byte) error { return DecodeReceipt(b, new(Receipt)) },
		"customerio.quarantine.v1": func(b []byte) error { return DecodeQuarantine(b, new(Quarantine)) },
		"sink.deadletter.v1":       func(b []byte) error { return DecodeDeadLetter(b, new(DeadLetter)) },
	}
}

func goldenRecords(t testing.TB, topic string) (records [][]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", topic+"-value-v*.hex"))
	if err != nil || len(names) == 0 {
		t.Fatalf("golden files of %s: got %q, %v", topic, names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.FieldsSeq(string(text)) {
			b, err := hex.DecodeString(line)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, b)
		}
	}
	return records
}

func TestDecode_RefusesEveryCutAndEveryTail(t *testing.T) {
	for topic, decode := range decoders() {
		for i, b := range goldenRecords(t, topic) {
			if err := decode(b); err != nil {
				t.Fatalf("%s record %d: %v", topic, i, err)
			}
			whole := earlierEnd(t, topic, b)
			for n := range b {
				if n == whole {
					continue
				}
				if err := decode(b[:n:n]); !errors.Is(err, ErrMalformed) {
					t.Errorf("%s record %d cut to %d of %d bytes: got %v, want ErrMalformed", topic, i, n, len(b), err)
				}
			}
			// One zero more makes a record of an earlier version one of the newest.
			if err := decode(append(bytes.Clone(b), 0, 0)); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s record %d and two bytes more: got %v, want ErrMalformed", topic, i, err)
			}
			b = bytes.Clone(b)
			b[0] = 1
			if err := decode(b); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s record %d with another first byte: got %v, want ErrMalformed", topic, i, err)
			}
		}
	}
}

// earlierEnd is where a record would end if the version before had written it, which
// is the one place where a cut is not seen; -1 when there is none.
func earlierEnd(t *testing.T, topic string, b []byte) int {
	t.Helper()
	if id, err := SchemaID(b); err != nil || topic != schemas.TransitionsTopic || id != embeddedID(t, schemas.TransitionsSubject, 2) {
		return -1
	}
	var read cohort.Transition
	if _, err := DecodeTransition(b, &read, nil); err != nil {
		t.Fatal(err)
	}
	return len(b) - len(appendOptTime(nil, read.WarmingUntil))
}

// Whatever stands in one byte, decoding ends, without a panic and with memory
// that the input's length accounts for.
func TestDecode_SurvivesEveryChangedByte(t *testing.T) {
	const perByte = 128 // a list's item of three bytes is 32 in memory, and append doubles
	for topic, decode := range decoders() {
		for _, b := range goldenRecords(t, topic) {
			b = bytes.Clone(b)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			tries := 0
			for i := headerLen; i < len(b); i++ {
				for _, c := range []byte{0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff} {
					was := b[i]
					b[i] = c
					if err := decode(b); err != nil && !errors.Is(err, ErrMalformed) {
						t.Fatalf("%s: got %v, want nil or ErrMalformed", topic, err)
					}
					b[i] = was
					tries++
				}
			}
			runtime.ReadMemStats(&after)
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(tries*(len(b)*perByte+4096)); got > most {
				t.Errorf("%s: %d tries took %d bytes, want at most %d", topic, tries, got, most)
			}
		}
	}
}

func TestReader_RefusesCountsBeyondTheInput(t *testing.T) {
	for name, c := range map[string]struct {
		read func(*reader)
		in   string
	}{
		"text of 2^31 bytes":       {func(r *reader) { r.text() }, "\x80\x80\x80\x80\x10a"},
		"text of negative length":  {func(r *reader) { r.text() }, "\x01a"},
		"map of 2^31 items":        {func(r *reader) { r.texts(nil) }, "\x80\x80\x80\x80\x10\x02a\x02b\x00"},
		"map of the smallest long": {func(r *reader) { r.texts(nil) }, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02a\x02b\x00"},
		"block of too many bytes":  {func(r *reader) { r.texts(nil) }, "\x01\x7e\x02a\x02b\x00"},
		"number of eleven bytes":   {func(r *reader) { r.long() }, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
		"number beyond 64 bits":    {func(r *reader) { r.long() }, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"},
		"int beyond 32 bits":       {func(r *reader) { r.int32() }, "\x80\x80\x80\x80\x10"},
		"third branch":             {func(r *reader) { r.optText() }, "\x04\x02a"},
		"boolean 2":                {func(r *reader) { r.bool() }, "\x02"},
	} {
		t.Run(name, func(t *testing.T) {
			r := reader{b: []byte(c.in)}
			c.read(&r)
			if err := r.outcome("test"); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

// Other writers cut maps and lists into blocks, with or without their size.
func TestReader_TakesBlocksOfBothForms(t *testing.T) {
	r := reader{b: []byte("\x02\x02a\x02b" + "\x01\x08\x02c\x02d" + "\x00")}
	got := r.texts(map[string]string{"old": "gone"})
	if err := r.end("test"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": "d"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecode_TransitionAndProfileNeedAnID(t *testing.T) {
	b := AppendTransition(nil, 1, &cohort.Transition{Op: cohort.OpEnter, ID: cohort.ID{Partition: -1}})
	if _, err := DecodeTransition(b, new(cohort.Transition), nil); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "transition id") {
		t.Errorf("got %v, want ErrMalformed that names the transition id", err)
	}
	b = AppendProfile(nil, 1, &cohort.Profile{ID: cohort.ID{Offset: -1}})
	if _, err := DecodeProfile(b, new(cohort.Profile), nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}
