package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Defends terraform's state against two commands at once: the second is told whom
// to wait for, and the lock goes with its holder.
func TestOneCommandAtATime(t *testing.T) {
	dir := t.TempDir()
	held, err := lockCommand(dir, "up")
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), []string{"up", "--data-dir", dir})
	want := fmt.Sprintf("another `headwater up` is running (process %d): wait for it or stop it", os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockCommand(dir, "plan")
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}
