package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"headwater.internal/platform/internal/local"
)

// workingTrees are what environments/local is made of.
var workingTrees = []string{"environments/local", "modules", "schemas"}

// copySources makes <data>/terraform a copy of the trees in source, so that
// terraform's state and lock file never dirty them, and returns the copy of
// environments/local. What is gone from the source goes from the copy;
// terraform's own files stay.
func copySources(source string, place local.Place) (string, error) {
	dir := place.Path("terraform")
	for _, tree := range workingTrees {
		from := filepath.Join(source, filepath.FromSlash(tree))
		if _, err := os.Stat(from); err != nil {
			return "", fmt.Errorf("copy the sources: %w: run headwater at the top of the repository, or name it with --source", err)
		}
		if err := mirror(from, filepath.Join(dir, filepath.FromSlash(tree))); err != nil {
			return "", fmt.Errorf("copy the sources: %w", err)
		}
	}
	return filepath.Join(dir, "environments", "local"), nil
}

// terraformsOwn reports whether terraform wrote the file or folder.
func terraformsOwn(name string) bool {
	return strings.HasPrefix(name, ".terraform") || strings.HasPrefix(name, "terraform.tfstate") || name == "crash.log"
}

// mirror makes to hold what from holds, but terraform's own files and Go.
func mirror(from, to string) error {
	kept := map[string]bool{}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case rel == ".":
			return os.MkdirAll(to, 0o755)
		case terraformsOwn(d.Name()) && d.IsDir():
			return filepath.SkipDir
		case terraformsOwn(d.Name()), strings.HasSuffix(rel, ".go"):
			return nil
		}
		kept[rel] = true
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return copyFile(path, filepath.Join(to, rel))
	})
	return errors.Join(err, removeOthers(to, kept))
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// removeOthers removes from dir what is neither kept nor terraform's own.
func removeOthers(dir string, kept map[string]bool) error {
	var gone []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case terraformsOwn(d.Name()) && d.IsDir():
			return filepath.SkipDir
		case rel != "." && !kept[rel] && !terraformsOwn(d.Name()):
			gone = append(gone, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range slices.Backward(gone) { // files before their folders
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
