package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// source is a program to be built.
type source struct {
	folder  string // from where we are
	version string
	output  string // folder for what is built
	dir     string // where the go command runs; empty for here
}

func (s source) name() string { return filepath.Base(s.folder) }

// compile builds the program for linux on an architecture and returns the
// file. The error is the compiler's, or that the program is not static: an image
// without a loader could not start it.
func (s source) compile(ctx context.Context, arch string) (string, error) {
	file, err := filepath.Abs(filepath.Join(s.output, "bin", arch, s.name()))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+s.version, "-o", file, "./"+s.folder)
	cmd.Dir = s.dir
	// What the shell sets must not change the bytes.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "GOFLAGS=") || strings.HasPrefix(kv, "GOEXPERIMENT=")
	})
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s for %s: %w\n%s", s.folder, arch, err, out)
	}
	return file, refuseDynamic(file)
}

// refuseDynamic refuses a program that asks for a loader.
func refuseDynamic(file string) error {
	program, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is not static: an image without a C library could not start it", file)
		}
	}
	return nil
}
