package apache

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed" // the poms below
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

var (
	//go:embed brokers.pom.xml
	brokersPOM []byte
	//go:embed registry.pom.xml
	registryPOM []byte
)

// Fetch downloads Apache Kafka and Apicurio into cacheDir (240 MB) and prepares
// them, so that a later start needs no network. What is there already is kept;
// [Start] and [StartRegistry] fetch what they need themselves. The error says
// what is missing on this machine. Progress may be nil.
func Fetch(ctx context.Context, cacheDir string, progress func(step string)) error {
	if progress == nil {
		progress = func(string) {}
	}
	if _, err := fetchBrokers(ctx, cacheDir, progress); err != nil {
		return err
	}
	_, err := fetchRegistry(ctx, cacheDir, progress)
	return err
}

// fetchBrokers returns how to run Kafka's classes.
func fetchBrokers(ctx context.Context, cacheDir string, progress func(string)) (classes, error) {
	runtime, err := findJava(ctx)
	if err != nil {
		return classes{}, err
	}
	dir, err := cached(ctx, cacheDir, "kafka", brokersPOM, progress, nil)
	if err != nil {
		return classes{}, fmt.Errorf("fetch Apache Kafka: %w", err)
	}
	jars, err := filepath.Glob(filepath.Join(dir, "libs", "*.jar"))
	if err != nil || len(jars) == 0 {
		return classes{}, fmt.Errorf("fetch Apache Kafka: no jars in %s: remove that folder", dir)
	}
	slices.Sort(jars) // an archive of classes is good for one order only
	c := classes{java: runtime.path, path: strings.Join(jars, string(filepath.ListSeparator))}
	c.archive = filepath.Join(dir, "classes-"+digest([]byte(runtime.path+runtime.version+c.path))+".jsa")
	return c, c.train(ctx, dir, progress)
}

// fetchRegistry returns the folder of the unpacked registry.
func fetchRegistry(ctx context.Context, cacheDir string, progress func(string)) (string, error) {
	dir, err := cached(ctx, cacheDir, "apicurio", registryPOM, progress, func(dir string) error {
		archives, err := filepath.Glob(filepath.Join(dir, "libs", "*.tar.gz"))
		if err != nil || len(archives) != 1 {
			return fmt.Errorf("find the distribution: Maven brought %q", archives)
		}
		return errors.Join(unpack(archives[0], filepath.Join(dir, "app")), os.Remove(archives[0]))
	})
	if err != nil {
		return "", fmt.Errorf("fetch Apicurio: %w", err)
	}
	return filepath.Join(dir, "app"), nil
}

// cached returns the folder that holds what the pom asks for, made whole before
// it gets its name. The name follows the pom: a new version is a new folder.
func cached(ctx context.Context, cacheDir, name string, pom []byte, progress func(string), then func(dir string) error) (string, error) {
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cacheDir, name+"-"+digest(pom))
	unlock, err := lock(cacheDir, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	progress("downloading " + name)
	temp, err := os.MkdirTemp(cacheDir, name+"-new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone by then when all went well
	if err := resolve(ctx, pom, temp); err != nil {
		return "", err
	}
	if then != nil {
		if err := then(temp); err != nil {
			return "", err
		}
	}
	return dir, os.Rename(temp, dir)
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:5])
}

// lock keeps two processes from preparing the same folder at once: test programs
// run side by side.
func lock(dir, name string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
	}
	return func() { _ = file.Close() }, nil // closing lets go of the lock
}

// unpack writes the regular files of a .tar.gz below dir.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	for entries := tar.NewReader(zipped); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("unpack %s: %q is outside of it", archive, header.Name)
		}
		if err := writeFrom(entries, filepath.Join(dir, header.Name)); err != nil {
			return err
		}
	}
}

func writeFrom(r io.Reader, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, r)
	return errors.Join(err, file.Close())
}
