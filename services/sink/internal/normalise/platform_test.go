package normalise

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/schemas"
)

func values(list []Digest) []string {
	out := []string{}
	for _, d := range list {
		out = append(out, d.Rule+" "+d.Encoding)
	}
	return out
}

func TestPlatform_GivesOneDigestPerDifferentForm(t *testing.T) {
	for _, c := range []struct {
		platform, email string
		current, prev   []string
		refused         int
	}{
		{"meta", "A.b+c@Gmail.com", []string{"META hex"}, []string{}, 0},
		{"google", "A.b+c@Gmail.com", []string{"GOOGLE_DM hex"}, []string{"GOOGLE_DOTS_ONLY hex"}, 0},
		{"google", "a.b@example.com", []string{"GOOGLE_DM hex"}, []string{}, 0},
		{"tiktok", "a.b@example.com", []string{"TIKTOK_PLAIN hex"}, []string{}, 0},
		{"tiktok", "a+b@example.com", []string{"TIKTOK_PLAIN hex", "TIKTOK_PLUS hex"}, []string{}, 0},
		{"tiktok", "+b@example.com", []string{"TIKTOK_PLAIN hex"}, []string{}, 1},
		{"reddit", "A.b+c@x.example", []string{"REDDIT hex"}, []string{}, 0},
		{"thetradedesk", "a@example.com", []string{"UID2_TTD base64"}, []string{}, 0},
		{"meta", "nonsense", []string{}, []string{}, 1},
	} {
		p, ok := Lookup(c.platform)
		if !ok {
			t.Fatalf("no platform %s", c.platform)
		}
		cur, prev, refused := p.AppendEmail(nil, nil, c.email)
		if diff := cmp.Diff(c.current, values(cur)); diff != "" {
			t.Errorf("%s %s: current (-want +got)\n%s", c.platform, c.email, diff)
		}
		if diff := cmp.Diff(c.prev, values(prev)); diff != "" {
			t.Errorf("%s %s: previous (-want +got)\n%s", c.platform, c.email, diff)
		}
		if refused != c.refused {
			t.Errorf("%s %s: refused %d, want %d", c.platform, c.email, refused, c.refused)
		}
	}
}

func TestPlatform_PhoneNeedsACountry(t *testing.T) {
	meta, _ := Lookup("meta")
	if cur, refused := meta.AppendPhone(nil, "020 7946 0958", ""); len(cur) != 0 || refused != 1 {
		t.Errorf("without region: got %v, %d refused", cur, refused)
	}
	if _, err := E164("020 7946 0958", ""); !errors.Is(err, ErrNoCountry) {
		t.Errorf("got %v, want ErrNoCountry", err)
	}
	cur, refused := meta.AppendPhone(nil, "020 7946 0958", "GB")
	want, _ := sums("442079460958")
	if len(cur) != 1 || cur[0].Value != want || refused != 0 {
		t.Errorf("with region: got %v, %d refused", cur, refused)
	}
	pinterest, _ := Lookup("pinterest")
	if cur, refused := pinterest.AppendPhone(nil, "+442079460958", ""); len(cur) != 0 || refused != 0 {
		t.Errorf("pinterest takes no phones: got %v, %d refused", cur, refused)
	}
}

func TestPlatforms_CoverEveryPlatformThatSchemasName(t *testing.T) {
	for _, name := range schemas.Platforms() {
		if _, ok := Lookup(name); !ok {
			t.Errorf("%s has a topic and no rules", name)
		}
	}
	if !slices.IsSorted(PlatformNames()) {
		t.Errorf("not sorted: %v", PlatformNames())
	}
	got, err := EmailReddit.Normalise("J.o+x@example.org")
	if err != nil || got != "jo@example.org" {
		t.Errorf("reddit: got %q, %v", got, err)
	}
}

// Contacts are personal: no error may repeat them.
func TestErrors_DoNotHoldTheContact(t *testing.T) {
	for _, raw := range []string{"secretuser", "secretuser@b", "secret user@x.example", "secretuser@b@c.example"} {
		if _, err := EmailMeta.Normalise(raw); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v", raw, err)
		}
	}
	for _, raw := range []string{"+4420794609581234567", "5550100", "1.80055501E10"} {
		if _, err := E164(raw, "US"); err == nil || strings.Contains(err.Error(), raw[1:5]) {
			t.Errorf("%s: error %v", raw, err)
		}
	}
}

// Hashing what was normalised before gives the same digest: the forms are fixed points.
func TestNormalise_IsIdempotent(t *testing.T) {
	rules := []EmailRule{EmailMeta, EmailGoogle, EmailGoogleDotsOnly, EmailTikTokPlain, EmailTikTokPlus, EmailUID2}
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom(rules).Draw(t, "rule")
		raw := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ ]?[A-Za-z.+]{1,8}@(gmail|googlemail|Example)\.com[ ]?`)).Draw(t, "raw")
		once, err := rule.Normalise(raw)
		if err != nil {
			return
		}
		twice, err := rule.Normalise(once)
		if err != nil || twice != once {
			t.Fatalf("%q became %q and then %q, %v", raw, once, twice, err)
		}
	})
}
