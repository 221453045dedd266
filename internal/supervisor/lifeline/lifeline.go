// Package lifeline ends a task when its supervisor dies. A supervisor that is
// killed cannot stop its tasks; the kernel closes its pipes, and that is enough.
package lifeline

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// EnvFD names the file descriptor of the read end of the pipe whose write end
// the supervisor holds.
const EnvFD = "HEADWATER_LIFELINE_FD"

// ExitCode is how a task ends that lost its supervisor.
const ExitCode = 70

// Hold ends this process at once, with [ExitCode], when the supervisor that
// started it dies. A task without a supervisor (the variable is not set) just
// runs. Call it first in main. The error says that the variable is not a file
// descriptor.
func Hold() error {
	value := os.Getenv(EnvFD)
	if value == "" {
		return nil
	}
	fd, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("read %s: %w", EnvFD, err)
	}
	pipe := os.NewFile(uintptr(fd), "lifeline")
	if pipe == nil {
		return fmt.Errorf("read %s: %d is not an open file", EnvFD, fd)
	}
	go func() {
		// Nothing is ever written: reading returns only when the write end is gone.
		_, _ = io.Copy(io.Discard, pipe)
		fmt.Fprintln(os.Stderr, "the supervisor is gone: exiting")
		os.Exit(ExitCode)
	}()
	return nil
}
