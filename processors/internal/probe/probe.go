// Package probe lets a program ask its own running task how it is, for the health
// check of a container in which there is neither a shell nor curl.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// EnvAddress names the host:port on which every program answers /healthz, /readyz
// and /metrics.
const EnvAddress = "HEADWATER_HTTP_ADDRESS"

const flag = "--probe"

// patience is shorter than the shortest timeout of a container's health check.
const patience = 1500 * time.Millisecond

// Asked carries the probe out when the program was started with --probe, or with
// --probe=/path in the place of /healthz, and returns its exit code: 0 when the
// answer was 200, else 1 with the reason on stderr.
func Asked(args []string, lookup func(string) string) (code int, asked bool) {
	if len(args) != 1 || args[0] != flag && !strings.HasPrefix(args[0], flag+"=/") {
		return 0, false
	}
	path := strings.TrimPrefix(strings.TrimPrefix(args[0], flag), "=")
	if path == "" {
		path = "/healthz"
	}
	if err := ask(lookup(EnvAddress), path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

func ask(address, path string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s is %q: write host:port", EnvAddress, address)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("%s answers %s: %s", path, resp.Status, strings.TrimSpace(string(text))), err)
	}
	return nil
}
