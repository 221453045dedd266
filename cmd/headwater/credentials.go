package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

type credentialsCommand struct {
	placeFlags

	Name string `arg:"" help:"A team or processor (checkout, refine), admin, or the name of a write key (local)."`
	JSON bool   `help:"Print one JSON object."`
}

// Help is shown under headwater credentials --help.
func (c *credentialsCommand) Help() string {
	return `Examples:
  headwater credentials local        the write key of the collector
  headwater credentials admin        the superuser of the brokers
  headwater credentials checkout     a team's user and password (SCRAM-SHA-512)`
}

// credentials is what the command prints.
type credentials struct {
	Name             string `json:"name"`
	Username         string `json:"username,omitempty"`
	Password         string `json:"password,omitempty"`
	Mechanism        string `json:"mechanism,omitempty"`
	BootstrapServers string `json:"bootstrap_servers,omitempty"`
	TLSCA            string `json:"tls_ca,omitempty"` // path of the brokers' certificate authority, where they use TLS
	WriteKey         string `json:"write_key,omitempty"`
	CollectorURL     string `json:"collector_url,omitempty"`
}

// Run is the command.
func (c *credentialsCommand) Run(_ context.Context) error {
	place, secrets, err := c.open()
	if err != nil {
		return err
	}
	out := credentials{Name: c.Name}
	password := secrets.Principals[c.Name]
	if c.Name == "admin" {
		password = secrets.Admin
	}
	if password != "" {
		out.Username, out.Password, out.Mechanism = c.Name, password, "SCRAM-SHA-512"
		out.BootstrapServers, out.TLSCA = place.BootstrapList(), place.TLSCA
	}
	if key := secrets.WriteKeys[c.Name]; key != "" {
		out.WriteKey, out.CollectorURL = key, place.CollectorURL
	}
	if out.Username == "" && out.WriteKey == "" {
		known := slices.Sorted(maps.Keys(secrets.Principals))
		known = append(known, slices.Sorted(maps.Keys(secrets.WriteKeys))...)
		return fmt.Errorf("no credentials are called %q: use admin, %s", c.Name, strings.Join(known, ", "))
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	out.print()
	return nil
}

func (c credentials) print() {
	line := func(label, value string) {
		if value != "" {
			fmt.Printf("%-18s %s\n", label, value)
		}
	}
	line("user", c.Username)
	line("password", c.Password)
	line("mechanism", c.Mechanism)
	line("bootstrap servers", c.BootstrapServers)
	line("TLS authority", c.TLSCA)
	line("write key", c.WriteKey)
	line("collector", c.CollectorURL)
}
