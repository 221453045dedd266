package apache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// classes is a class path and the Java that runs it.
type classes struct {
	java    string
	path    string // jars
	archive string // of parsed classes, which halves the time to start; none when empty
	record  string // where to write such an archive at the end; none when empty
}

// arguments renders the arguments of a Java that runs main. They go into a file,
// not onto the command line, which every user of the machine can read.
func (c classes) arguments(file string, flags []string, main string, args ...string) error {
	list := []string{"-cp", c.path, "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"}
	switch {
	case c.record != "":
		list = append(list, "-XX:ArchiveClassesAtExit="+c.record)
	case c.archive != "":
		list = append(list, "-XX:SharedArchiveFile="+c.archive, "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
	}
	list = append(append(append(list, flags...), main), args...)
	var text strings.Builder
	for _, arg := range list {
		text.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(arg) + "\"\n")
	}
	return os.WriteFile(file, []byte(text.String()), 0o600)
}

// train makes the archive of classes, once for a Java and a set of jars, by
// running one small cluster.
func (c classes) train(ctx context.Context, dir string, progress func(string)) error {
	unlock, err := lock(dir, "classes")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(c.archive); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	progress("preparing a fast start of Kafka, once")
	data, err := os.MkdirTemp(dir, "training-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(data) }()
	recording := classes{java: c.java, path: c.path, record: filepath.Join(data, "classes.jsa")}
	options, err := Options{CacheDir: dir, DataDir: data, Brokers: 1, Combined: true, Open: true, QuickStart: true, Password: newID()}.withDefaults()
	if err != nil {
		return err
	}
	cluster, err := start(ctx, options, recording)
	if err != nil {
		return fmt.Errorf("prepare a fast start of Kafka: %w", err)
	}
	defer cluster.Close()
	if err := cluster.Stop(ctx); err != nil {
		return fmt.Errorf("prepare a fast start of Kafka: %w", err)
	}
	return os.Rename(recording.record, c.archive)
}
