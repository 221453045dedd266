package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// commandLock is held by the command that changes the platform, and names it.
// The kernel drops the lock with the process, however it ends.
const commandLock = "command.lock"

// lockCommand keeps two commands from changing one platform, or its copy of the
// terraform sources, at once. name is what the user called; close the result to
// let others in.
func lockCommand(dataDir, name string) (*os.File, error) {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dataDir, err)
	}
	path := filepath.Join(dataDir, commandLock)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dataDir, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, pid, _ := strings.Cut(strings.TrimSpace(lastLines(path, 1)), " ")
		err = fmt.Errorf("another `headwater %s` is running (process %s): wait for it or stop it", holder, pid)
	} else if err == nil {
		if err = file.Truncate(0); err == nil {
			_, err = fmt.Fprintf(file, "%s %d\n", name, os.Getpid())
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
