package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/local"
)

type rotateCommand struct {
	placeFlags

	What       string        `arg:"" optional:"" enum:"all,passwords,certificates" default:"all" help:"What to turn: all, passwords or certificates."`
	Principals []string      `arg:"" optional:"" help:"Whose passwords; everybody's when none is named."`
	Authority  bool          `help:"Turn the authority too that signs the certificates: three rounds of restarts instead of one."`
	Patience   time.Duration `default:"5m" help:"How long the cluster may take to spare a node, and to be whole after its restart."`
}

// Help is shown under headwater rotate --help.
func (c *rotateCommand) Help() string {
	return `Turns what proves who somebody is, while all of them go on.

passwords: every principal gets a new one, the superuser too. It comes beside the old one, the processors and this command line move to it, then the old one goes. A program of yours that holds a password must take the new one then: headwater credentials <principal>. Terraform's state holds no password, so the next plan is empty.

certificates: every broker and controller of Apache Kafka gets a new one, and takes it as headwater roll restarts them one at a time. With --authority clients and nodes first trust a new authority beside the old one, then get certificates that it signs, and then forget the old one. Clients that hold a copy of the authority must take the new one between; those that read the file which headwater credentials names do.

A rotation that was interrupted is taken up by the next.

Examples:
  headwater rotate
  headwater rotate passwords refine checkout
  headwater rotate certificates --authority`
}

// Run is the command.
func (c *rotateCommand) Run(ctx context.Context) error {
	place, secrets, err := c.openRunning()
	if err != nil {
		return err
	}
	switch {
	case c.What != "passwords" && len(c.Principals) > 0:
		return fmt.Errorf("principals are named (%s) for their passwords: say headwater rotate passwords %s", strings.Join(c.Principals, ", "), strings.Join(c.Principals, " "))
	case c.What == "passwords" && c.Authority:
		return errors.New("--authority is for certificates: say headwater rotate certificates --authority")
	case c.What == "certificates" && place.Kafka != local.Apache:
		return errors.New("the embedded Kafka has no certificates: make up KAFKA=apache runs brokers that have")
	}
	lock, err := lockCommand(c.DataDir, "rotate")
	if err != nil {
		return err
	}
	defer lock.Close()
	if c.What != "certificates" {
		if secrets, err = c.passwords(ctx, place, secrets); err != nil {
			return fmt.Errorf("turn the passwords: %w", c.explain(err))
		}
	}
	if c.What == "passwords" || place.Kafka != local.Apache {
		return nil
	}
	if err := c.certificates(ctx, place, secrets); err != nil {
		return fmt.Errorf("turn the certificates: %w", err)
	}
	return nil
}

func (c *rotateCommand) passwords(ctx context.Context, place local.Place, secrets local.Secrets) (local.Secrets, error) {
	begun := time.Now()
	rotation, err := local.NewRotation(ctx, place, secrets, c.Principals, func(text string) { fmt.Println(text) })
	if err != nil {
		return secrets, err
	}
	defer rotation.Close()
	if err := rotation.Run(ctx); err != nil {
		return secrets, fmt.Errorf("%w. What was done is noted: run headwater rotate passwords again to go on", err)
	}
	names := rotation.Names()
	fmt.Printf("%d passwords are turned after %s: %s\n", len(names), time.Since(begun).Round(100*time.Millisecond), strings.Join(names, ", "))
	return local.LoadSecrets(place.DataDir)
}

// certificates renews files and restarts all nodes, step by step.
func (c *rotateCommand) certificates(ctx context.Context, place local.Place, secrets local.Secrets) error {
	begun := time.Now()
	renewal, err := apache.NewRenewal(place.Path("apache"), c.Authority)
	if err != nil {
		return err
	}
	for last := false; !last; {
		var what string
		var again bool
		if what, again, last, err = renewal.Step(); err != nil {
			return err
		}
		fmt.Println(what + ", once it is restarted:")
		roll := rollCommand{placeFlags: c.placeFlags, Anew: !again, Patience: c.Patience}
		if err := roll.restart(ctx, place, secrets, "headwater rotate certificates"); err != nil {
			return err
		}
		if err := renewal.Restarted(); err != nil {
			return err
		}
	}
	until, err := renewal.NotAfter()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "the certificates are turned after %s; they are good until %s\n", time.Since(begun).Round(time.Second), until.Format(time.DateOnly))
	return nil
}
