package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"headwater.internal/platform/internal/local"
)

// Defends a running platform against a wrong port base: nothing is stopped or
// started before every port is known to exist and to be free.
func TestPortBaseIsCheckedFirst(t *testing.T) {
	for _, base := range []int{-1, 1, 1033, 65529, 70000} {
		dir := filepath.Join(t.TempDir(), "data")
		err := run(t.Context(), []string{"up", "--data-dir", dir, "--port-base=" + strconv.Itoa(base)})
		if err == nil || !strings.Contains(err.Error(), "choose one from 1034 to 65528") {
			t.Errorf("%d: %v", base, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%d: the data directory was made", base)
		}
	}
	for _, base := range []int{lowestBase, highestBase, local.DefaultPortBase} {
		if err := checkPortBase(base); err != nil {
			t.Error(err)
		}
	}
}

// Defends the ports' owner: others' ports are refused by name, the platform's own
// are not in its way.
func TestPortsOfOthersAreTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	base := other.Addr().(*net.TCPAddr).Port - 4
	err = checkPortsFree(t.Context(), base, local.Place{})
	if err == nil || !strings.Contains(err.Error(), other.Addr().String()+" (broker 2)") ||
		!strings.Contains(err.Error(), "HEADWATER_PORT_BASE before make, such as ") {
		t.Errorf("got %v", err)
	}
	for _, base := range []int{lowestBase, local.DefaultPortBase, highestBase - 9999, highestBase} {
		if other := otherBase(base); other == base || checkPortBase(other) != nil {
			t.Errorf("instead of %d: %d", base, other)
		}
	}
	if err := checkPortsFree(t.Context(), base, local.NewPlace("", base)); err != nil {
		t.Errorf("its own ports: %v", err)
	}
}
