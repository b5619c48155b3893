package normalise

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// vectors reads one file of the shared hash vectors, a map per row.
func vectors(t *testing.T, name string) []map[string]string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.work above the test's folder")
		}
	}
	path := filepath.Join(dir, "..", "shared", "facts", "hash-vectors", name)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: the shared vectors must be there in CI", name)
		}
		t.Skipf("%s: the shared vectors are not beside this repository", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]map[string]string, 0, len(rows)-1)
	for _, row := range rows[1:] {
		m := make(map[string]string, len(row))
		for i, column := range rows[0] {
			m[column] = row[i]
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no rows", name)
	}
	return out
}

func unquote(t *testing.T, text string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func sums(s string) (asHex, asBase64 string) {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])
}

func TestEmailRules_MeetEveryVector(t *testing.T) {
	rules := map[string]EmailRule{}
	for _, r := range []EmailRule{EmailMeta, EmailGoogle, EmailGoogleDotsOnly, EmailTikTokPlain, EmailTikTokPlus, EmailUID2} {
		rules[r.ID] = r
	}
	for _, row := range vectors(t, "email_vectors.csv") {
		rule, ok := rules[row["rule"]]
		if !ok {
			t.Errorf("%s: no rule %s", row["vector_id"], row["rule"])
			continue
		}
		got, err := rule.Normalise(unquote(t, row["input_json"]))
		checkVector(t, row, got, err, unquote(t, orEmpty(row["normalised_json"])))
		if row["rule"] == EmailMeta.ID {
			if snap, snapErr := EmailSnap.Normalise(unquote(t, row["input_json"])); snap != got || (snapErr == nil) != (err == nil) {
				t.Errorf("%s: SNAP %q differs from META %q", row["vector_id"], snap, got)
			}
		}
	}
}

func TestPhoneRules_MeetEveryVector(t *testing.T) {
	rules := map[string]PhoneRule{}
	for _, r := range []PhoneRule{PhoneMeta, PhoneSnap, PhoneGoogle, PhoneTikTokDigits, PhoneTikTokE164, PhoneUID2} {
		rules[r.ID] = r
	}
	for _, row := range vectors(t, "phone_vectors.csv") {
		rule, ok := rules[row["rule"]]
		if !ok {
			t.Errorf("%s: no rule %s", row["vector_id"], row["rule"])
			continue
		}
		got, err := rule.Normalise(unquote(t, row["input_json"]), row["default_region"])
		checkVector(t, row, got, err, row["normalised"])
	}
}

func checkVector(t *testing.T, row map[string]string, got string, err error, want string) {
	t.Helper()
	name := row["vector_id"] + " " + row["rule"]
	switch row["status"] {
	case "ok":
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
			return
		}
		asHex, asBase64 := sums(got)
		if asHex != row["sha256_hex"] || asBase64 != row["sha256_base64"] {
			t.Errorf("%s: digest %s %s, want %s %s", name, asHex, asBase64, row["sha256_hex"], row["sha256_base64"])
		}
	case "reject":
		if err == nil {
			t.Errorf("%s: got %q, want a refusal", name, got)
		}
	case "prehashed":
		if !errors.Is(err, ErrPrehashed) {
			t.Errorf("%s: got %q, %v, want ErrPrehashed", name, got, err)
		}
	default:
		t.Errorf("%s: unknown status %q", name, row["status"])
	}
}

func orEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

// What naive routines make of the traps is wrong wherever the file says so, and
// must then not be what we make of it.
func TestE164_IsNotWhatNaiveRoutinesMake(t *testing.T) {
	checked := 0
	for _, row := range vectors(t, "phone_naive_traps.csv") {
		got, err := E164(unquote(t, row["input_json"]), row["default_region"])
		if want := row["correct_e164"]; got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", row["vector_id"], got, err, want)
		}
		for routine, verdict := range map[string]string{
			"prefix_default_cc_1":    "default_cc_ok",
			"strip_seps_prefix_plus": "prefix_plus_ok",
			"plus_digits":            "plus_digits_ok",
		} {
			if row[verdict] == "no" && row[routine] != "" {
				checked++
				if got == row[routine] {
					t.Errorf("%s: got the trap of %s, %q", row["vector_id"], routine, got)
				}
			}
		}
		if row["strip_ok"] == "no" && row["strip_digits_and_leading_zeros"] != "" {
			checked++
			if got == "+"+row["strip_digits_and_leading_zeros"] {
				t.Errorf("%s: got the trap of stripping, %q", row["vector_id"], got)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d traps were looked at", checked)
	}
}

func TestDigest_EqualsPublishedDigests(t *testing.T) {
	for _, row := range vectors(t, "published_digests.csv") {
		d := digest(TypeEmail, "X", 1, row["encoding"] == EncodingBase64, row["plaintext"])
		if d.Value != row["published_digest"] || d.Encoding != row["encoding"] {
			t.Errorf("%s: got %s %s, want %s %s", row["source"], d.Encoding, d.Value, row["encoding"], row["published_digest"])
		}
	}
}
