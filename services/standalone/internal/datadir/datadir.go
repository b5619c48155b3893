// Package datadir guards the directory that a standalone flow keeps its state in: one
// process at a time, and always the same clock and number of partitions.
package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Settings are what a directory was written with and must be opened with again.
type Settings struct {
	Format     int    `json:"format"`
	Clock      string `json:"clock"`
	Partitions int    `json:"partitions"`
}

const format = 1

// Dir is an open, locked directory.
type Dir struct {
	Path string
	lock *os.File
}

// Open makes the directory if need be, locks it and compares its settings with want;
// a new directory takes them. The lock goes with the process, however it dies.
func Open(path string, want Settings) (*Dir, error) {
	want.Format = format
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by another process: stop it, or name another directory with --data-dir", path)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	d := &Dir{Path: path, lock: lock}
	if err := d.settle(want); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) settle(want Settings) error {
	file := filepath.Join(d.Path, "settings.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		text, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		// Written aside and renamed: a crash leaves a directory without settings, which is a new one.
		if err := os.WriteFile(file+".new", append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write settings: %w", err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			return fmt.Errorf("write settings: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	var have Settings
	if err := json.Unmarshal(text, &have); err != nil {
		return fmt.Errorf("settings of data directory %s: %w", file, err)
	}
	switch {
	case have.Format != want.Format:
		return fmt.Errorf("data directory %s has format %d and this release reads %d: use the release that wrote it, or another directory", d.Path, have.Format, want.Format)
	case have.Clock != want.Clock:
		return fmt.Errorf("data directory %s was written with --clock %s and cannot be opened with --clock %s: "+
			"time would jump; use the same clock or another --data-dir", d.Path, have.Clock, want.Clock)
	case have.Partitions != want.Partitions:
		return fmt.Errorf("data directory %s has %d partitions, not %d: people would move; use --partitions %d or another --data-dir",
			d.Path, have.Partitions, want.Partitions, have.Partitions)
	}
	return nil
}

// Sub is the path of something in the directory.
func (d *Dir) Sub(name string) string { return filepath.Join(d.Path, name) }

// Close gives the lock up.
func (d *Dir) Close() error { return d.lock.Close() }
