package survive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"headwater.internal/platform/internal/cluster"
)

// roll restarts every node with the command that operators use.
func roll(ctx context.Context, p *platform) error {
	out, err := p.run(ctx, "roll", "--anew")
	p.t.Log(out)
	return err
}

// rotatePasswords turns all passwords: the old ones are refused then, and Terraform
// has nothing to change.
func rotatePasswords(ctx context.Context, p *platform) error {
	old, err := p.oldPasswords()
	if err != nil {
		return err
	}
	out, err := p.run(ctx, "rotate", "passwords")
	p.t.Log(out)
	if err != nil {
		return err
	}
	return errors.Join(p.refused(ctx, old), p.plansNoUser(ctx))
}

// rotateCertificates turns the certificates of all nodes.
func rotateCertificates(ctx context.Context, p *platform) error {
	before, err := p.serials(ctx)
	if err != nil {
		return err
	}
	out, err := p.run(ctx, "rotate", "certificates")
	p.t.Log(out)
	if err != nil {
		return err
	}
	after, err := p.serials(ctx)
	for server, serial := range after {
		if before[server] == serial {
			err = errors.Join(err, fmt.Errorf("the broker at %s still shows certificate %s", server, serial))
		}
	}
	return err
}

// killController ends the active controller as a power cut would, waits until the
// others have a new one, and starts it again.
func killController(ctx context.Context, p *platform) error {
	s, err := cluster.Read(ctx, p.client)
	if err != nil {
		return err
	}
	active := s.Controller
	pid, err := p.pidOf(active)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill controller %d: %w", active, err)
	}
	killed := time.Now()
	if err := p.until(ctx, "another controller is active", func(s cluster.Snapshot) bool {
		return s.Controller >= 0 && s.Controller != active
	}); err != nil {
		return err
	}
	p.t.Logf("controller %d was killed, another is active after %s", active, time.Since(killed).Round(10*time.Millisecond))
	if err := p.supervisor.RestartNode(ctx, active); err != nil {
		return err
	}
	return p.until(ctx, "all controllers are caught up", func(s cluster.Snapshot) bool {
		return slices.Contains(s.Voters, active) && len(s.Lagging) == 0
	})
}

// until looks at the cluster until it is as asked. A look that fails is repeated:
// leaders move meanwhile.
func (p *platform) until(ctx context.Context, what string, ok func(cluster.Snapshot) bool) error {
	for {
		looked, cancel := context.WithTimeout(ctx, 10*time.Second)
		s, err := cluster.Read(looked, p.client)
		cancel()
		if err == nil && ok(s) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w (last: %w)", what, context.Cause(ctx), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
