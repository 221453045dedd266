package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"headwater.internal/platform/internal/local"
)

// placeFlags say which local platform a command means. Every command that needs
// a platform embeds them.
type placeFlags struct {
	DataDir  string `default:"${data_dir}" type:"path" env:"HEADWATER_DATA_DIR" placeholder:"DIR" help:"Where the local platform keeps everything (default build/local)."`
	PortBase int    `env:"HEADWATER_PORT_BASE" placeholder:"PORT" help:"When starting, count all ports from this one: collector -10, registry -9, supervisor -8, brokers +2 to +7 (default: as last time, else 19090)."`
	Kafka    string `env:"HEADWATER_KAFKA" enum:"embedded,apache," default:"" placeholder:"KIND" help:"When starting, the Kafka to run on: embedded, or apache for six real brokers and Apicurio, which needs Java 17 and, the first time, Maven (default: as last time, else embedded)."`
}

// open reads where the platform is and the secrets to reach it. It does not
// dial. The error tells to run headwater up when none was ever started.
func (f placeFlags) open() (local.Place, local.Secrets, error) {
	place, err := local.OpenPlace(f.DataDir)
	if err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	secrets, err := local.LoadSecrets(f.DataDir)
	if err != nil {
		return local.Place{}, local.Secrets{}, fmt.Errorf("%w: run headwater up", err)
	}
	return place, secrets, nil
}

// portBase is the one asked for, else that of the last start, else the default.
func (f placeFlags) portBase() int {
	if f.PortBase != 0 {
		return f.PortBase
	}
	if place, err := local.OpenPlace(f.DataDir); err == nil && place.PortBase != 0 {
		return place.PortBase
	}
	return local.DefaultPortBase
}

// answers reports whether the platform is up: its supervisor is listened to
// last, and takes the token of this data directory only.
func answers(ctx context.Context, place local.Place, secrets local.Secrets) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place.SupervisorURL+"/v1/platform", nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+secrets.SupervisorToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// versionFile at the top of the repository names the terraform to use.
const versionFile = ".terraform-version"

// findRoot is the top of the repository: the nearest folder, from here upwards
// and then from the program upwards, that holds [versionFile]. Without one it is
// the folder we are in, which is fine for commands that need no sources.
func findRoot() string {
	here, err := os.Getwd()
	if err != nil {
		return "."
	}
	starts := []string{here}
	if program, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(program); err == nil {
			starts = append(starts, filepath.Dir(resolved))
		}
	}
	for _, start := range starts {
		for dir := start; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, versionFile)); err == nil {
				return dir
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return here
}

// errNotUp says that the platform was started once and does not run now.
var errNotUp = errors.New("the platform is down: run headwater up")
