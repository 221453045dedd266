package main

import (
	"fmt"

	"headwater.internal/platform/internal/local"
)

// placeFlags say which local platform a command means. Every command that needs
// a platform embeds them.
type placeFlags struct {
	DataDir string `default:"build/local" type:"path" env:"HEADWATER_DATA_DIR" placeholder:"DIR" help:"Where the local platform keeps everything (default build/local)."`
}

// portFlags are for the commands that may start a platform.
type portFlags struct {
	PortBase int `default:"19090" env:"HEADWATER_PORT_BASE" placeholder:"PORT" help:"Count all ports from this one: collector -10, registry -9, supervisor -8, brokers +2 to +7 (default 19090)."`
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
