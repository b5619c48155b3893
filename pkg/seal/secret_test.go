package seal_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/seal"
)

func TestParse_SeveralSecretsNewestFirst(t *testing.T) {
	older, newer := hex.EncodeToString(secret(1)), hex.EncodeToString(secret(2))
	sealed := mustKeys(t, secret(1)).Seal(seal.KindEmail, "a@b.c")
	for _, text := range []string{newer + "," + older, "# rotated\n" + newer + "\n\n" + older + "\n"} {
		k, err := seal.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, plain, err := k.Open(sealed); err != nil || plain != "a@b.c" {
			t.Errorf("open with the older of two secrets: got %q %v", plain, err)
		}
	}
}

func TestParse_ErrorsTellTheRemedyAndNotTheSecret(t *testing.T) {
	for _, text := range []string{"", "# nothing", "not-hex-canary", "cafecanary", hex.EncodeToString([]byte("canary"))} {
		_, err := seal.Parse(text)
		if err == nil || !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("Parse(%q): got %v, want an error with the remedy", text, err)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes the secret: %v", err)
		}
	}
}

func TestFromConfig_ExactlyOneSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(secret(3))), 0o600); err != nil {
		t.Fatal(err)
	}
	text := hex.EncodeToString(secret(3))
	for _, c := range []struct{ text, path, wantErr string }{
		{"", path, ""},
		{text, "", ""},
		{text, path, "both set"},
		{"", "", "COHORTFLOW_SEAL_SECRET"},
		{"", path + "-absent", "no such file"},
	} {
		k, err := seal.FromConfig(c.text, c.path)
		if c.wantErr == "" {
			if err != nil || k.EmailKey("a@b.c") != mustKeys(t, secret(3)).EmailKey("a@b.c") {
				t.Errorf("FromConfig(%t, %t): got %v", c.text != "", c.path != "", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.wantErr) {
			t.Errorf("FromConfig(%t, %t): got %v, want %q", c.text != "", c.path != "", err, c.wantErr)
		}
	}
}

func TestLoadOrCreate_KeepsOneSecretPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			k, err := seal.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = k.Subject("p")
		})
	}
	wg.Wait()
	for _, g := range got {
		if g != got[0] {
			t.Fatalf("racing creators got different secrets: %v", got)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %o, want 600", info.Mode().Perm())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("files left behind: %v", entries)
	}
	other, err := seal.LoadOrCreate(filepath.Join(dir, "other"))
	if err != nil || other.Subject("p") == got[0] {
		t.Errorf("a second secret equals the first (err %v)", err)
	}
}

func TestLoadOrCreate_DamagedFileIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("cafe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadOrCreate(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "cafe" {
		t.Errorf("the file was rewritten: %q", text)
	}
}
