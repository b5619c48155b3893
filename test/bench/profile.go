package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profile asks the pipeline for a CPU profile of the coming time and writes it to
// folder/name.pprof.
func (t target) profile(ctx context.Context, folder, name string, long time.Duration) error {
	if t.Admin == "" {
		return errors.New("profile: the admin port of the pipeline is not known; let the bench start one")
	}
	url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", t.Admin, max(1, int(long.Seconds())))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answer %s", resp.Status)
	}
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".pprof"), text, 0o600); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
