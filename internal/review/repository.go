package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Repository is a git working tree. Everything is read by the git program, with
// no network.
type Repository struct {
	Dir string // its top folder
}

// Files are the texts of a folder by their slash paths relative to the
// repository's top.
type Files map[string]string

// git runs git and returns what it prints. The error is git's own words.
func (r Repository) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", r.Dir, "-c", "core.quotePath=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("git is not on PATH: install it")
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(said.String()+" ("+err.Error()+")"))
	}
	return string(out), nil
}

// commit resolves a revision to its full id.
func (r Repository) commit(ctx context.Context, revision string) (string, error) {
	id, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("there is no commit %s in %s: name one that git log shows, or fetch it first", revision, r.Dir)
	}
	return strings.TrimSpace(id), nil
}

// mergeBase is where head left base.
func (r Repository) mergeBase(ctx context.Context, base, head string) (string, error) {
	shallow, err := r.git(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(shallow) == "true" {
		return "", fmt.Errorf("%s is a shallow clone, which lacks the earlier versions of schemas: run git fetch --unshallow (in CI, check out with fetch-depth: 0)", r.Dir)
	}
	id, err := r.git(ctx, "merge-base", base, head)
	if err != nil {
		return "", fmt.Errorf("%s and %s have no commit in common: name the branch that the change is to be merged into", base, head)
	}
	return strings.TrimSpace(id), nil
}

// at reads the files below folder as they were in a commit.
func (r Repository) at(ctx context.Context, commit, folder string) (Files, error) {
	list, err := r.git(ctx, "ls-tree", "-r", "-z", "--format=%(objecttype) %(objectname) %(path)", commit, "--", folder+"/")
	if err != nil {
		return nil, err
	}
	files := Files{}
	for line := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		kind, rest, _ := strings.Cut(line, " ")
		object, path, _ := strings.Cut(rest, " ")
		if kind != "blob" || !declares(path) {
			continue
		}
		if files[path], err = r.git(ctx, "cat-file", "blob", object); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// now reads the files below folder as they lie in the working tree.
func (r Repository) now(folder string) (Files, error) {
	files := Files{}
	err := filepath.WalkDir(filepath.Join(r.Dir, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !declares(path) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(r.Dir, path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s in %s: run headwater at the top of the repository", folder, r.Dir)
	}
	return files, err
}

// declares reports whether a file is part of what declares events.
func declares(path string) bool {
	return strings.HasSuffix(path, ".tf") || strings.HasSuffix(path, ".avsc")
}

// version is a text that a file had on the main line.
type version struct {
	commit string
	date   string // YYYY-MM-DD
	text   string
}

// versions lists the distinct texts in a row that path has had up to commit,
// following first parents, oldest first, since it was last created.
func (r Repository) versions(ctx context.Context, commit, path string) ([]version, error) {
	log, err := r.git(ctx, "log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--format=%x00%H %cs", "--name-status", commit, "--", path)
	if err != nil {
		return nil, err
	}
	var newest []version
	for entry := range strings.SplitSeq(log, "\x00") {
		head, status, _ := strings.Cut(strings.TrimSpace(entry), "\n")
		id, date, ok := strings.Cut(head, " ")
		if !ok {
			continue
		}
		status = strings.TrimSpace(status)
		if strings.HasPrefix(status, "D") {
			break
		}
		text, err := r.git(ctx, "cat-file", "blob", id+":"+path)
		if err != nil {
			return nil, err
		}
		newest = append(newest, version{commit: id, date: date, text: text})
		if strings.HasPrefix(status, "A") {
			break
		}
	}
	oldest := make([]version, 0, len(newest))
	for i := len(newest) - 1; i >= 0; i-- {
		oldest = append(oldest, newest[i])
	}
	return oldest, nil
}
