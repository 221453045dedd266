package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"headwater.internal/platform/internal/kafka"
)

// Environment variables that stand in for attributes of the provider block, next
// to those of [kafka.FromEnvironment]. An attribute wins over its variable.
const (
	envRegistryURL      = "HEADWATER_SCHEMA_REGISTRY_URL"
	envRegistryUsername = "HEADWATER_SCHEMA_REGISTRY_USERNAME"
	envRegistryPassword = "HEADWATER_SCHEMA_REGISTRY_PASSWORD"     //nolint:gosec // the name of a variable, not a secret
	envRegistryToken    = "HEADWATER_SCHEMA_REGISTRY_BEARER_TOKEN" //nolint:gosec // likewise
	envRegistryCA       = "HEADWATER_SCHEMA_REGISTRY_CA_PEM"
	envSupervisorURL    = "HEADWATER_SUPERVISOR_URL"
	envSupervisorToken  = "HEADWATER_SUPERVISOR_TOKEN" //nolint:gosec // the name of a variable, not a secret
	envRequestTimeout   = "HEADWATER_REQUEST_TIMEOUT"
	envThrottle         = "HEADWATER_REASSIGNMENT_THROTTLE"
	envExpectedCluster  = "HEADWATER_EXPECTED_CLUSTER_ID"
	envProtection       = "HEADWATER_DELETION_PROTECTION"
	envMaxInFlight      = "HEADWATER_MAX_IN_FLIGHT"
)

// defaultRequestTimeout bounds one administrative request with its retries.
const defaultRequestTimeout = 30 * time.Second

// defaultThrottle leaves three quarters of a small broker's disk and network, about
// 200 MiB/s, to those who work.
const defaultThrottle = "50MiB"

// settings is the provider block with the environment filled in.
type settings struct {
	kafka          kafka.Config
	registry       registrySettings
	supervisor     supervisorSettings
	requestTimeout time.Duration

	expectedClusterID  string // empty for any
	deletionProtection bool   // what topics and subjects have that do not say

	reassignmentThrottle int64 // bytes per second that each broker may send and receive for moves; 0 for no limit

	kafkaUnknown      bool // a Kafka attribute is known only after apply
	registryUnknown   bool // likewise of the registry
	supervisorUnknown bool // likewise of the supervisor
}

// registrySettings says where the schema registry is. Empty when not configured.
type registrySettings struct {
	url, username, password, token string
	tls                            kafka.TLS
}

// supervisorSettings says where the local platform's process supervisor is.
// Empty when not configured.
type supervisorSettings struct {
	url, token string
}

// providerModel is the provider block.
type providerModel struct {
	BootstrapServers   types.List   `tfsdk:"bootstrap_servers"`
	ClientID           types.String `tfsdk:"client_id"`
	ExpectedClusterID  types.String `tfsdk:"expected_cluster_id"`
	DeletionProtection types.Bool   `tfsdk:"deletion_protection"`
	SASL               types.Object `tfsdk:"sasl"`
	TLS                types.Object `tfsdk:"tls"`
	SchemaRegistry     types.Object `tfsdk:"schema_registry"`
	Supervisor         types.Object `tfsdk:"supervisor"`
	RequestTimeout     types.String `tfsdk:"request_timeout"`
	DialTimeout        types.String `tfsdk:"dial_timeout"`
	MaxInFlight        types.Int64  `tfsdk:"max_in_flight"`
	Throttle           types.String `tfsdk:"reassignment_throttle"`
}

type tlsModel struct {
	Enabled            types.Bool   `tfsdk:"enabled"`
	CA                 types.String `tfsdk:"ca_pem"`
	Cert               types.String `tfsdk:"cert_pem"`
	Key                types.String `tfsdk:"key_pem"`
	ServerName         types.String `tfsdk:"server_name"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
}

type registryModel struct {
	URL      types.String `tfsdk:"url"`
	Username types.String `tfsdk:"username"`
	Password types.String `tfsdk:"password"`
	Token    types.String `tfsdk:"bearer_token"`
	CA       types.String `tfsdk:"ca_pem"`
}

type supervisorModel struct {
	URL   types.String `tfsdk:"url"`
	Token types.String `tfsdk:"token"`
}

// readSettings fills the block's gaps from the environment and checks what can
// be checked without dialling.
func readSettings(ctx context.Context, block providerModel) (settings, diag.Diagnostics) {
	var diags diag.Diagnostics
	var set settings
	set.readServers(ctx, block.BootstrapServers, &diags)
	set.readCluster(block, &diags)
	set.readSASL(ctx, block.SASL, &diags)
	set.readTLS(ctx, block.TLS, &diags)
	set.readRegistry(ctx, block.SchemaRegistry, &diags)
	set.readSupervisor(ctx, block.Supervisor, &diags)
	set.requestTimeout = set.readDuration("request_timeout", block.RequestTimeout, envRequestTimeout, defaultRequestTimeout, &diags)
	set.kafka.DialTimeout = set.readDuration("dial_timeout", block.DialTimeout, kafka.EnvDialTimeout, 0, &diags)
	set.readInFlight(block.MaxInFlight, &diags)
	set.readThrottle(block.Throttle, &diags)
	if diags.HasError() || set.kafkaUnknown {
		return set, diags
	}
	if err := set.kafka.Validate(); err != nil {
		diags.AddError("Read the provider's Kafka settings", fmt.Sprintf("%s. Mend the provider block or the HEADWATER_* variable that sets it.", err))
	}
	return set, diags
}

func (s *settings) readServers(ctx context.Context, list types.List, diags *diag.Diagnostics) {
	switch {
	case list.IsUnknown():
		s.kafkaUnknown = true
	case list.IsNull():
		s.kafka.BootstrapServers = kafka.SplitServers(os.Getenv(kafka.EnvBootstrapServers))
	default:
		var servers []types.String
		diags.Append(list.ElementsAs(ctx, &servers, false)...)
		for i, server := range servers {
			if server.IsUnknown() {
				s.kafkaUnknown = true
				continue
			}
			if _, port, err := net.SplitHostPort(server.ValueString()); err != nil || !digits(port) {
				diags.AddAttributeError(path.Root("bootstrap_servers").AtListIndex(i), "Read the provider's Kafka settings",
					fmt.Sprintf("%q is not host:port.", server.ValueString()))
			}
			s.kafka.BootstrapServers = append(s.kafka.BootstrapServers, server.ValueString())
		}
	}
}

// readCluster reads what is about the cluster as a whole.
func (s *settings) readCluster(block providerModel, diags *diag.Diagnostics) {
	s.kafka.ClientID = cmp.Or(s.text(block.ClientID, kafka.EnvClientID, &s.kafkaUnknown), "terraform-provider-headwater")
	s.expectedClusterID = s.text(block.ExpectedClusterID, envExpectedCluster, &s.kafkaUnknown)
	s.deletionProtection = true
	protection := block.DeletionProtection
	if said := !protection.IsNull() || os.Getenv(envProtection) != ""; said && !protection.IsUnknown() { // unknown, it protects
		s.deletionProtection = readBool(protection, envProtection, diags)
	}
}

// readBool reads true or false, false when it is said nowhere.
func readBool(value types.Bool, variable string, diags *diag.Diagnostics) bool {
	if !value.IsNull() {
		return value.ValueBool()
	}
	on, err := kafka.BoolFromEnvironment(variable)
	if err != nil {
		diags.AddError("Read the provider's settings", sentence(err))
	}
	return on
}

func digits(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (s *settings) readTLS(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m tlsModel
	s.kafkaUnknown = readObject(ctx, object, &m, diags) || m.Enabled.IsUnknown() || m.InsecureSkipVerify.IsUnknown() || s.kafkaUnknown
	s.kafka.TLS = kafka.TLS{
		Enabled:            readBool(m.Enabled, kafka.EnvTLSEnabled, diags),
		CA:                 s.text(m.CA, kafka.EnvTLSCA, &s.kafkaUnknown),
		Cert:               s.text(m.Cert, kafka.EnvTLSCert, &s.kafkaUnknown),
		Key:                s.text(m.Key, kafka.EnvTLSKey, &s.kafkaUnknown),
		ServerName:         s.text(m.ServerName, kafka.EnvTLSServerName, &s.kafkaUnknown),
		InsecureSkipVerify: readBool(m.InsecureSkipVerify, kafka.EnvTLSInsecureSkipVerify, diags),
	}
}

func (s *settings) readRegistry(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m registryModel
	s.registryUnknown = readObject(ctx, object, &m, diags)
	s.registry = registrySettings{
		url:      s.text(m.URL, envRegistryURL, &s.registryUnknown),
		username: s.text(m.Username, envRegistryUsername, &s.registryUnknown),
		password: s.text(m.Password, envRegistryPassword, &s.registryUnknown),
		token:    s.text(m.Token, envRegistryToken, &s.registryUnknown),
		tls:      kafka.TLS{CA: s.text(m.CA, envRegistryCA, &s.registryUnknown)},
	}
	if s.registryUnknown {
		return
	}
	if s.registry.token != "" && s.registry.username != "" {
		diags.AddAttributeError(path.Root("schema_registry"), "Read the provider's schema registry settings",
			"There are both a bearer token and a user name: keep one of them, also among the HEADWATER_SCHEMA_REGISTRY_* variables.")
	}
	if _, err := s.registry.tls.Config(); err != nil {
		diags.AddAttributeError(path.Root("schema_registry").AtName("ca_pem"), "Read the provider's schema registry settings", sentence(err))
	}
}

func (s *settings) readSupervisor(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m supervisorModel
	s.supervisorUnknown = readObject(ctx, object, &m, diags)
	s.supervisor = supervisorSettings{
		url:   s.text(m.URL, envSupervisorURL, &s.supervisorUnknown),
		token: s.text(m.Token, envSupervisorToken, &s.supervisorUnknown),
	}
}

// readDuration reads a positive duration. An unknown one is as good as left out:
// it decides nothing that stays.
func (s *settings) readDuration(name string, value types.String, variable string, fallback time.Duration, diags *diag.Diagnostics) time.Duration {
	var unknown bool
	text := s.text(value, variable, &unknown)
	if text == "" {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		diags.AddAttributeError(path.Root(name), "Read the provider's "+strings.ReplaceAll(name, "_", " "),
			fmt.Sprintf("%q is not a positive duration: write one such as 30s.", text))
		return fallback
	}
	return d
}

func (s *settings) readInFlight(value types.Int64, diags *diag.Diagnostics) {
	s.kafka.MaxInFlight = int(value.ValueInt64())
	text := os.Getenv(envMaxInFlight)
	if !value.IsNull() || text == "" {
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		diags.AddAttributeError(path.Root("max_in_flight"), "Read the provider's max in flight",
			fmt.Sprintf("%s is %q: write a number of requests, 1 or more.", envMaxInFlight, text))
		return
	}
	s.kafka.MaxInFlight = n
}

func (s *settings) readThrottle(value types.String, diags *diag.Diagnostics) {
	var unknown bool
	text := cmp.Or(s.text(value, envThrottle, &unknown), defaultThrottle)
	if text == unlimited {
		return
	}
	rate, err := parseBytes(text)
	if err == nil && rate <= 0 {
		err = fmt.Errorf("%q would let nothing move", text)
	}
	if err != nil {
		diags.AddAttributeError(path.Root("reassignment_throttle"), "Read the provider's reassignment throttle",
			sentence(err)+" Write bytes per second such as 20MiB, or "+unlimited+".")
		return
	}
	s.reassignmentThrottle = rate
}

// text returns an attribute's value, or the variable's when it is null. It sets
// unknown when the value is known only after apply.
func (s *settings) text(value types.String, variable string, unknown *bool) string {
	if value.IsUnknown() {
		*unknown = true
		return ""
	}
	if value.IsNull() {
		return os.Getenv(variable)
	}
	return value.ValueString()
}

// readObject reads a nested attribute into the model and reports whether it is
// unknown as a whole. A null one leaves the model as it is.
func readObject(ctx context.Context, object types.Object, into any, diags *diag.Diagnostics) (unknown bool) {
	if object.IsUnknown() {
		return true
	}
	if !object.IsNull() {
		diags.Append(object.As(ctx, into, basetypes.ObjectAsOptions{})...)
	}
	return false
}
