package apache

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// scramIterations is what Kafka's own tools use.
const scramIterations = 8192

// metadataLog is the folder of the controllers' log, which brokers make themselves.
const metadataLog = "__cluster_metadata-0"

// format makes the data folders of a new cluster. Kafka's tool formats the first
// controller's; the others are copies of it with another identity, which saves a
// start of Java for each.
func (l layout) format(ctx context.Context, o Options, c classes) error {
	template := l.controllers()[0]
	dir := filepath.Join(o.DataDir, "format")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config, args := filepath.Join(dir, "server.properties"), filepath.Join(dir, "arguments")
	elsewhere := o
	elsewhere.Settings = maps.Clone(o.Settings)
	if elsewhere.Settings == nil {
		elsewhere.Settings = map[string]string{}
	}
	elsewhere.Settings["log.dirs"] = filepath.Join(dir, "data")
	if err := os.WriteFile(config, []byte(l.properties(template, elsewhere)), 0o600); err != nil {
		return err
	}
	credential, err := scramCredential(o.Username, o.Password)
	if err != nil {
		return err
	}
	flags := []string{"-Xmx128m", "-XX:TieredStopAtLevel=1"}
	if err := c.arguments(args, flags, "kafka.tools.StorageTool", "format", "--cluster-id", l.ClusterID, "--config", config,
		"--initial-controllers", l.voters(), "--add-scram", credential); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, c.java, "@"+args).CombinedOutput(); err != nil {
		return fmt.Errorf("format the storage of %s: %w: %s", template.name(), err, lastLines(string(out), 5))
	}
	for _, n := range l.Nodes {
		if err := copyFormatted(filepath.Join(dir, "data"), filepath.Join(n.dir(o.DataDir), "data"), l.ClusterID, n); err != nil {
			return fmt.Errorf("format the storage of %s: %w", n.name(), err)
		}
	}
	return nil
}

// copyFormatted copies a formatted folder for n. A pure broker gets no voters: it
// learns them from the controllers.
func copyFormatted(from, to, clusterID string, n node) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	if !n.Controller {
		if err := os.RemoveAll(filepath.Join(to, metadataLog)); err != nil {
			return err
		}
	}
	meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", clusterID, n.ID, n.DirectoryID)
	return os.WriteFile(filepath.Join(to, "meta.properties"), []byte(meta), 0o600)
}

// voters is the first quorum as Kafka's tool takes it.
func (l layout) voters() string {
	var voters []string
	for _, n := range l.controllers() {
		voters = append(voters, fmt.Sprintf("%d@%s:%s", n.ID, n.address(listenerController), n.DirectoryID))
	}
	return strings.Join(voters, ",")
}

// scramCredential is a user for the tool, with the password salted: what stands
// in a file for a moment is not the password.
func scramCredential(user, password string) (string, error) {
	var salt [18]byte
	_, _ = rand.Read(salt[:]) // never fails
	salted, err := pbkdf2.Key(sha512.New, password, salt[:], scramIterations, sha512.Size)
	if err != nil {
		return "", errors.Join(errors.New("salt the superuser's password"), err)
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`SCRAM-SHA-512=[name=%s,iterations=%d,salt="%s",saltedpassword="%s"]`, user, scramIterations, encode(salt[:]), encode(salted)), nil
}
