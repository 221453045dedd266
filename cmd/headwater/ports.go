package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"headwater.internal/platform/internal/local"
)

// Bounds of a port base: below 1024 only root may listen, and the collector's
// port lies 10 below the base, the last broker's local.Brokers+1 above it.
const (
	lowestBase  = 1024 + 10
	highestBase = 65535 - 1 - local.Brokers
)

// portPatience is how long a port may still be held by a task of a platform that
// has just ended.
const portPatience = 2 * time.Second

// checkPortBase says whether all ports that are counted from base exist.
func checkPortBase(base int) error {
	if base < lowestBase || base > highestBase {
		return fmt.Errorf("port base %d: choose one from %d to %d, since the ports lie from 10 below it to %d above it", base, lowestBase, highestBase, 1+local.Brokers)
	}
	return nil
}

// portsOf lists the addresses that a place listens on, with what listens there.
func portsOf(place local.Place) map[string]string {
	ports := map[string]string{}
	for name, text := range map[string]string{"the collector": place.CollectorURL, "the registry": place.RegistryURL, "the supervisor": place.SupervisorURL} {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			ports[u.Host] = name
		}
	}
	for i, address := range place.BootstrapServers {
		ports[address] = "broker " + strconv.Itoa(i)
	}
	return ports
}

// checkPortsFree says which ports counted from base somebody else listens on.
// Those of own, the platform that runs, are about to become free.
func checkPortsFree(ctx context.Context, base int, own local.Place) error {
	mine := portsOf(own)
	var taken []string
	for address, name := range portsOf(local.NewPlace("", base)) {
		if _, ok := mine[address]; !ok && !becomesFree(ctx, address) {
			taken = append(taken, fmt.Sprintf("%s (%s)", address, name))
		}
	}
	if len(taken) == 0 {
		return nil
	}
	slices.Sort(taken)
	return fmt.Errorf("port base %d: %s: in use by another program; choose another base with --port-base, or HEADWATER_PORT_BASE before make, such as %d", base, strings.Join(taken, ", "), otherBase(base))
}

// otherBase is a port base far enough from one that is taken.
func otherBase(base int) int {
	if base+10_000 > highestBase {
		return local.DefaultPortBase
	}
	return base + 10_000
}

func becomesFree(ctx context.Context, address string) bool {
	for deadline := time.Now().Add(portPatience); ; {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", address)
		if err == nil {
			return listener.Close() == nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
}
