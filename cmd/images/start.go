package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// startTries is how often a program is started; the median counts.
const startTries = 5

// startTime is how long the program takes from the start of its process, in a
// root folder that has its image and nothing else, as the image's user, until it
// has said what it is. It is 0 where no platform of the image is this machine's.
func startTime(ctx context.Context, i *image) (time.Duration, error) {
	at := slices.IndexFunc(i.platforms, func(p platform) bool { return p.arch == runtime.GOARCH && runtime.GOOS == "linux" })
	if at < 0 {
		return 0, nil
	}
	root, err := os.MkdirTemp("", "image-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(root) }()
	if err := extract(i.platforms[at].image, root); err != nil {
		return 0, err
	}
	var times []time.Duration
	for range startTries {
		began := time.Now()
		if _, err := runImage(ctx, root, i.name, "--describe"); err != nil {
			if _, err := runImage(ctx, root, i.name, "--help"); err != nil {
				return 0, fmt.Errorf("start %s from its image: %w", i.name, err)
			}
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[startTries/2], nil
}

// runImage runs the image's program. As root it runs as the container engine
// would, in the image alone and as its user; else from the folder, as we are.
func runImage(ctx context.Context, root, program string, args ...string) ([]byte, error) {
	path := "/usr/local/bin/" + program
	cmd := exec.CommandContext(ctx, filepath.Join(root, path), args...)
	cmd.Env = []string{"PATH=/usr/local/bin", "HOME=/" + home, "SSL_CERT_FILE=/" + certificates}
	if os.Geteuid() == 0 {
		cmd.Path, cmd.Dir = path, "/"+home
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd.Output()
}

// extract writes an image's files into a folder.
func extract(i v1.Image, root string) error {
	text := mutate.Extract(i)
	defer text.Close()
	if err := os.Chmod(root, 0o755); err != nil { //nolint:gosec // the image's user must be able to enter its root
		return err
	}
	files := tar.NewReader(text)
	for {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := extractOne(files, head, root); err != nil {
			return err
		}
	}
}

func extractOne(files io.Reader, head *tar.Header, root string) error {
	if !filepath.IsLocal(head.Name) {
		return fmt.Errorf("the image has a file %s, outside its root", head.Name)
	}
	path := filepath.Join(root, head.Name)
	if head.Typeflag == tar.TypeDir {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	} else {
		text, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, head.Uid, head.Gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, head.FileInfo().Mode())
}
