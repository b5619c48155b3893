package seal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, seal.MinSecret) }

func mustKeys(tb testing.TB, current []byte, older ...[]byte) *seal.Keys {
	tb.Helper()
	k, err := seal.NewKeys(current, older...)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestNewKeys_ShortSecretIsRefused(t *testing.T) {
	for _, older := range [][][]byte{nil, {make([]byte, 31)}} {
		current := make([]byte, 31)
		if older != nil {
			current = secret(1)
		}
		if _, err := seal.NewKeys(current, older...); err == nil || !strings.Contains(err.Error(), "at least 32") {
			t.Errorf("NewKeys(%d bytes, older %d): got %v, want a refusal that names the length", len(current), len(older), err)
		}
	}
}

// The values are written into state and topics: they may never change.
func TestKeys_GoldenValues(t *testing.T) {
	k := mustKeys(t, secret(7))
	got := []string{k.EmailKey(" Ada@Example.com "), k.Subject("cust-1"), hex.EncodeToString(k.Seal(seal.KindEmail, "ada@example.com"))}
	want := []string{
		"em_4d34d5aa2383b92f5f7f2239d29374b3",
		"d043864a6881a1ef58ed5da7e417a771",
		"3c523a0da2aafc0e73b0a2386326da12b36ef742829cd69fddda94dbb0cedc01c5e27980ff8392e05b",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d: got %s, want %s", i, got[i], want[i])
		}
	}
}

func TestSeal_RoundTripAndDeterminism(t *testing.T) {
	k := mustKeys(t, secret(1))
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]byte{seal.KindEmail, seal.KindPhone, seal.KindCustomerID, seal.KindAnonymousID}).Draw(t, "kind")
		plain := rapid.String().Draw(t, "plain")
		sealed := k.Seal(kind, plain)
		if again := k.Seal(kind, plain); !bytes.Equal(sealed, again) {
			t.Fatalf("two seals of one contact differ: %x, %x", sealed, again)
		}
		if len(sealed) != len(plain)+seal.Overhead {
			t.Fatalf("sealed length: got %d, want %d", len(sealed), len(plain)+seal.Overhead)
		}
		gotKind, gotPlain, err := k.Open(sealed)
		if err != nil || gotKind != kind || gotPlain != plain {
			t.Fatalf("open: got %c %q %v, want %c %q", gotKind, gotPlain, err, kind, plain)
		}
		if len(plain) > 8 && bytes.Contains(sealed, []byte(plain)) {
			t.Fatal("the sealed bytes hold the plain text")
		}
	})
}

func TestSeal_KindSeparates(t *testing.T) {
	k := mustKeys(t, secret(1))
	if bytes.Equal(k.Seal(seal.KindEmail, "x"), k.Seal(seal.KindPhone, "x")) {
		t.Error("an email and a phone of the same text seal to the same bytes")
	}
}

func TestOpen_EveryFlippedBitIsNoticed(t *testing.T) {
	k := mustKeys(t, secret(1))
	sealed := k.Seal(seal.KindEmail, "ada@example.com")
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, plain, err := k.Open(bad); err == nil {
			t.Fatalf("bit %d flipped: opened as %q", i, plain)
		}
	}
	for n := range sealed {
		if _, _, err := k.Open(sealed[:n]); !errors.Is(err, seal.ErrTampered) {
			t.Fatalf("cut to %d bytes: got %v, want ErrTampered", n, err)
		}
	}
}

func TestKeys_RotationOpensOldAndKeepsPseudonyms(t *testing.T) {
	before := mustKeys(t, secret(1))
	after := mustKeys(t, secret(2), secret(1))
	old := before.Seal(seal.KindPhone, "+4512345678")
	if _, plain, err := after.Open(old); err != nil || plain != "+4512345678" {
		t.Errorf("open a value of the older secret: got %q %v", plain, err)
	}
	fresh := after.Seal(seal.KindPhone, "+4512345678")
	if bytes.Equal(fresh, old) {
		t.Error("after the rotation the older secret still seals")
	}
	if _, _, err := before.Open(fresh); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("open without the secret: got %v, want ErrUnknownKey", err)
	}
	if before.EmailKey("a@b.c") != after.EmailKey("a@b.c") || before.Subject("p") != after.Subject("p") {
		t.Error("a rotation changed a pseudonym: people would become strangers")
	}
}

func TestKeys_PseudonymsAreApart(t *testing.T) {
	k, other := mustKeys(t, secret(1)), mustKeys(t, secret(2))
	if k.EmailKey("a@b.c") == other.EmailKey("a@b.c") {
		t.Error("EmailKey does not depend on the secret")
	}
	if strings.TrimPrefix(k.EmailKey("a@b.c"), "em_") == k.Subject("a@b.c") {
		t.Error("Subject and EmailKey use the same key")
	}
	if s := k.Subject("p"); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(s) {
		t.Errorf("Subject: got %q, want 32 hex digits", s)
	}
}

func TestKeys_NeverPrintTheirSecrets(t *testing.T) {
	k := mustKeys(t, []byte("canary-canary-canary-canary-canary"))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "keys", k)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", k, k, k, k), log.String()} {
		if strings.Contains(s, "canary") || strings.Contains(s, hex.EncodeToString([]byte("canary"))) || !strings.Contains(s, "redacted") {
			t.Errorf("printed keys: got %s", s)
		}
	}
}

func TestKeys_ConcurrentUse(t *testing.T) {
	k := mustKeys(t, secret(1))
	want := k.EmailKey("a@b.c")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				if got := k.EmailKey("a@b.c"); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				k.Subject(strings.Repeat("x", i))
			}
		})
	}
	wg.Wait()
}

func TestPersonKey(t *testing.T) {
	k := mustKeys(t, secret(1))
	email := k.EmailKey("ada@example.com")
	for _, c := range []struct {
		name string
		ids  event.Identifiers
		want string
	}{
		{"customer id first", event.Identifiers{CustomerID: "42", Email: "ada@example.com", AnonymousID: "an"}, "42"},
		{"email next", event.Identifiers{Email: " ADA@example.com", AnonymousID: "an"}, email},
		{"anonymous id last", event.Identifiers{Email: "  ", AnonymousID: "an"}, "an"},
		{"none", event.Identifiers{Phone: "+45"}, ""},
		{"an email as customer id is no key", event.Identifiers{CustomerID: "ada@example.com"}, email},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := seal.PersonKey(k, c.ids); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func BenchmarkEmailKey(b *testing.B) {
	k := mustKeys(b, secret(1))
	b.ReportAllocs()
	for b.Loop() {
		k.EmailKey("ada@example.com")
	}
}

func BenchmarkSeal(b *testing.B) {
	k := mustKeys(b, secret(1))
	b.ReportAllocs()
	for b.Loop() {
		k.Seal(seal.KindEmail, "ada@example.com")
	}
}
