package apache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// javaVersion is the oldest Java that the brokers and the registry run on.
const javaVersion = 17

// java is a Java runtime found on this machine.
type java struct {
	path    string
	version string // as it names itself, such as 17.0.15
}

var versionLine = regexp.MustCompile(`version "((\d+)[^"]*)"`)

// findJava looks in JAVA_HOME, then on PATH. The error says what to install.
func findJava(ctx context.Context) (java, error) {
	const mend = "install Java 17 or newer (Debian: openjdk-17-jre-headless), or point JAVA_HOME at one"
	path, err := exec.LookPath("java")
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path, err = exec.LookPath(filepath.Join(home, "bin", "java"))
	}
	if err != nil {
		return java{}, fmt.Errorf("find Java, which Apache Kafka runs on: %w: %s", err, mend)
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return java{}, fmt.Errorf("run %s -version: %w: %s", path, err, lastLines(string(out), 3))
	}
	match := versionLine.FindStringSubmatch(string(out))
	if match == nil {
		return java{}, fmt.Errorf("read the version of %s out of %q: %s", path, lastLines(string(out), 3), mend)
	}
	if major, _ := strconv.Atoi(match[2]); major < javaVersion { // "1" of 1.8 is too old, too
		return java{}, fmt.Errorf("%s is Java %s: %s", path, match[1], mend)
	}
	return java{path: path, version: match[1]}, nil
}

// resolve downloads what the pom asks for into dir, with Maven and so by the
// registries and the credentials that Maven is set up with.
func resolve(ctx context.Context, pom []byte, dir string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("find Maven (mvn), which downloads Apache Kafka: install it (Debian: maven); only the first start needs it")
	}
	path := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(path, pom, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, maven, "--quiet", "--batch-mode", "--file", path,
		"dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "libs"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run Maven on %s: %w: %s", path, err, lastLines(string(out), 8))
	}
	return nil
}

// lastLines is the end of a program's output, for an error.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
