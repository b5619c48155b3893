package seal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Parse reads secrets as text: hex, one to a line (or separated by commas, for an
// environment variable), newest first. Empty lines and lines that begin with # are
// skipped. Its errors do not quote what they read.
func Parse(text string) (*Keys, error) {
	var secrets [][]byte
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ',' }) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := hex.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("seal secret %d is not hex: make one with: openssl rand -hex %d", len(secrets)+1, MinSecret)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("no seal secret given: make one with: openssl rand -hex %d", MinSecret)
	}
	return NewKeys(secrets[0], secrets[1:]...)
}

// Load reads the secrets from a file in the form of Parse.
func Load(path string) (*Keys, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read seal secret: %w", err)
	}
	keys, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("seal secret file %s: %w", path, err)
	}
	return keys, nil
}

// FromConfig takes the secret as text (from the environment) or from a file, and
// exactly one of the two.
func FromConfig(text, path string) (*Keys, error) {
	switch {
	case text != "" && path != "":
		return nil, errors.New("seal-secret and seal-secret-file are both set: keep one")
	case path != "":
		return Load(path)
	case text != "":
		return Parse(text)
	}
	return nil, errors.New("no seal secret: set seal-secret-file (or COHORTFLOW_SEAL_SECRET) to the same secret in every service")
}

// LoadOrCreate reads the secret of a stand-alone installation and makes one of 32
// random bytes, mode 0600, when the file is not there. On return a new secret is
// on disk (file and folder synced): what is sealed with it can be opened after a
// power cut. Two processes that race for one path end up with the same secret.
func LoadOrCreate(path string) (*Keys, error) {
	keys, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create seal secret: %w", err)
	}
	return Load(path)
}

// create writes the whole file under another name first, so that nobody, and no
// crash, ever sees half a secret; the link fails when somebody else was faster.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".seal-*") // CreateTemp makes it 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, writeErr := f.WriteString(hex.EncodeToString(random()) + "\n")
	if err := errors.Join(writeErr, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func random() []byte {
	secret := make([]byte, MinSecret)
	_, _ = rand.Read(secret) // never fails: it ends the process instead
	return secret
}
