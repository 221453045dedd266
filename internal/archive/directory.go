package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// directory is a [Store] on a disk. Objects appear whole: they are written beside
// their place and moved there.
type directory string

func (d directory) path(key string) string { return filepath.Join(string(d), filepath.FromSlash(key)) }

// Put implements [Store].
func (d directory) Put(_ context.Context, key string, body []byte) error {
	return d.place(key, body, os.Rename)
}

// Create implements [Store]: a hard link fails where the name is taken.
func (d directory) Create(_ context.Context, key string, body []byte) error {
	err := d.place(key, body, os.Link)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create %s: %w", key, ErrExists)
	}
	return err
}

func (d directory) place(key string, body []byte, move func(from, to string) error) error {
	path := d.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // moved away, or of no use
	_, err = f.Write(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	if err := move(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// Get implements [Store].
func (d directory) Get(_ context.Context, key string) ([]byte, error) {
	body, err := os.ReadFile(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", key, ErrNotFound)
	}
	return body, err
}

// List implements [Store].
func (d directory) List(_ context.Context, prefix, after string) ([]string, error) {
	var keys []string
	root := d.path(prefix[:strings.LastIndex(prefix, "/")+1])
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".new-") {
			return err
		}
		relative, err := filepath.Rel(string(d), path)
		if key := filepath.ToSlash(relative); err == nil && strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	slices.Sort(keys)
	return keys, nil
}

// Delete implements [Store].
func (d directory) Delete(_ context.Context, key string) error {
	if err := os.Remove(d.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}
