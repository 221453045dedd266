package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

// platform is the local platform under measurement: `headwater up` in a data
// directory of its own, so what is measured is what `make up` runs.
type platform struct {
	place      local.Place
	secrets    local.Secrets
	client     *kgo.Client
	admin      *kadm.Client
	supervisor *supervisor.Client

	deployments []supervisor.Deployment // as the platform started with them
}

const headwater = "build/headwater"

func startPlatform(ctx context.Context, dataDir string) (*platform, error) {
	p := &platform{place: local.Place{DataDir: dataDir}}
	if _, err := local.OpenPlace(dataDir); err == nil {
		if err := p.remove(); err != nil { // of a run that was killed
			return nil, err
		}
	}
	base, err := freePortBase(ctx)
	if err != nil {
		return nil, err
	}
	say("start the platform in %s", dataDir)
	if err := p.command(ctx, "up", "--no-sample", "--data-dir", dataDir, "--port-base", strconv.Itoa(base)); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	if p.place, err = local.OpenPlace(dataDir); err != nil {
		return nil, err
	}
	if p.secrets, err = local.LoadSecrets(dataDir); err != nil {
		return nil, err
	}
	if p.client, err = p.place.AdminConfig(p.secrets).Client(kgo.MetadataMinAge(50 * time.Millisecond)); err != nil {
		return nil, err
	}
	p.admin = kadm.NewClient(p.client)
	p.supervisor = &supervisor.Client{URL: p.place.SupervisorURL, Token: p.secrets.SupervisorToken}
	list, err := p.supervisor.List(ctx)
	for _, d := range list {
		p.deployments = append(p.deployments, d.Deployment)
	}
	return p, err
}

// remove stops the platform and removes its data. It works after ctx has ended.
func (p *platform) remove() error {
	if p.client != nil {
		p.client.Close()
	}
	ctx := context.Background()
	return errors.Join(
		p.command(ctx, "down", "--data-dir", p.place.DataDir),
		p.command(ctx, "clean", "--data-dir", p.place.DataDir),
	)
}

func (p *platform) command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, headwater, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", headwater, args[0], err, out)
	}
	return nil
}

// freePortBase finds a base of which every port of a platform is free.
func freePortBase(ctx context.Context) (int, error) {
next:
	for base := 31_090; base < 60_000; base += 100 {
		for port := base - 10; port < base+10; port++ {
			var config net.ListenConfig
			l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				continue next
			}
			l.Close()
		}
		return base, nil
	}
	return 0, errors.New("find ports for the platform: none are free")
}

// environment is what a task of the processor is started with, as the supervisor
// does it.
func (p *platform) environment(principal, password, stateDir string) []string {
	return append(os.Environ(),
		kafka.EnvBootstrapServers+"="+p.place.BootstrapList(),
		kafka.EnvSASLMechanism+"="+kafka.ScramSHA512,
		kafka.EnvSASLUsername+"="+principal,
		kafka.EnvSASLPassword+"="+password,
		"HEADWATER_SCHEMA_REGISTRY_URL="+p.place.RegistryURL,
		"HEADWATER_TASK=0",
		"HEADWATER_COMMIT_INTERVAL="+commitInterval.String(), // the limit's: alone, ours would grow with the rate
		"HEADWATER_STATE_DIR="+stateDir,
		"HEADWATER_HTTP_ADDRESS=127.0.0.1:0",
	)
}

// empty makes topics anew, with the partitions and the settings they had.
func (p *platform) empty(ctx context.Context, topics ...string) error {
	for _, topic := range topics {
		n, settings, err := p.describe(ctx, topic)
		if err != nil {
			return fmt.Errorf("empty %s: %w", topic, err)
		}
		if err := p.remake(ctx, topic, n, settings); err != nil {
			return err
		}
	}
	return nil
}

// remake makes a topic anew.
func (p *platform) remake(ctx context.Context, topic string, partitions int32, settings map[string]*string) error {
	if _, err := p.admin.DeleteTopic(ctx, topic); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("delete %s: %w", topic, err)
	}
	return p.create(ctx, topic, partitions, settings)
}

// describe is a topic's number of partitions and what is set on it.
func (p *platform) describe(ctx context.Context, topic string) (partitions int32, settings map[string]*string, err error) {
	details, err := p.admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, nil, err
	}
	configs, err := p.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return 0, nil, err
	}
	settings = map[string]*string{}
	if described, err := configs.On(topic, nil); err == nil {
		for _, c := range described.Configs {
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig { // set on the topic itself
				settings[c.Key] = c.Value
			}
		}
	}
	if partitions = int32(len(details[topic].Partitions)); partitions == 0 { //nolint:gosec // Kafka counts partitions in 32 bits
		return 0, nil, fmt.Errorf("there is no topic %s", topic)
	}
	return partitions, settings, nil
}

// create makes a topic, once the one of that name is gone.
func (p *platform) create(ctx context.Context, topic string, partitions int32, settings map[string]*string) error {
	for {
		_, err := p.admin.CreateTopic(ctx, partitions, -1, settings, topic)
		if !errors.Is(err, kerr.TopicAlreadyExists) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// forgetGroup deletes a group, once a member that died without leaving is gone
// from it.
func (p *platform) forgetGroup(ctx context.Context, group string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := p.admin.DeleteGroup(ctx, group)
		switch {
		case errors.Is(err, kerr.GroupIDNotFound):
			return nil
		case !errors.Is(err, kerr.NonEmptyGroup) || !pause(ctx, 250*time.Millisecond):
			return err
		}
	}
}

// program is the path of a processor's program.
func program(name string) string { return filepath.Join("build", "bin", name) }
