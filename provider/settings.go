package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"headwater.internal/platform/internal/kafka"
)

// Environment variables that stand in for attributes of the provider block, next
// to those of [kafka.FromEnvironment]. An attribute wins over its variable.
const (
	envRegistryURL      = "HEADWATER_SCHEMA_REGISTRY_URL"
	envRegistryUsername = "HEADWATER_SCHEMA_REGISTRY_USERNAME"
	envRegistryPassword = "HEADWATER_SCHEMA_REGISTRY_PASSWORD" //nolint:gosec // the name of a variable, not a secret
	envSupervisorURL    = "HEADWATER_SUPERVISOR_URL"
	envSupervisorToken  = "HEADWATER_SUPERVISOR_TOKEN" //nolint:gosec // the name of a variable, not a secret
	envRequestTimeout   = "HEADWATER_REQUEST_TIMEOUT"
	envThrottle         = "HEADWATER_REASSIGNMENT_THROTTLE"
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

	reassignmentThrottle int64 // bytes per second that each broker may send and receive for moves; 0 for no limit

	kafkaUnknown      bool // a Kafka attribute is known only after apply
	registryUnknown   bool // likewise of the registry
	supervisorUnknown bool // likewise of the supervisor
}

// registrySettings says where the schema registry is. Empty when not configured.
type registrySettings struct {
	url, username, password string
}

// supervisorSettings says where the local platform's process supervisor is.
// Empty when not configured.
type supervisorSettings struct {
	url, token string
}

// providerModel is the provider block.
type providerModel struct {
	BootstrapServers types.List   `tfsdk:"bootstrap_servers"`
	SASL             types.Object `tfsdk:"sasl"`
	TLS              types.Object `tfsdk:"tls"`
	SchemaRegistry   types.Object `tfsdk:"schema_registry"`
	Supervisor       types.Object `tfsdk:"supervisor"`
	RequestTimeout   types.String `tfsdk:"request_timeout"`
	Throttle         types.String `tfsdk:"reassignment_throttle"`
}

type saslModel struct {
	Mechanism types.String `tfsdk:"mechanism"`
	Username  types.String `tfsdk:"username"`
	Password  types.String `tfsdk:"password"`
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
}

type supervisorModel struct {
	URL   types.String `tfsdk:"url"`
	Token types.String `tfsdk:"token"`
}

func providerSchema() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Declares a Kafka cluster's topics, access and quotas, its schemas and the processors that run on it. " +
			"Configuring the provider never opens a connection: addresses may be unknown until apply.",
		Attributes: map[string]schema.Attribute{
			"bootstrap_servers": schema.ListAttribute{
				MarkdownDescription: "Brokers to ask first, each as `host:port`. From the environment: `HEADWATER_BOOTSTRAP_SERVERS`, comma separated.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"sasl":            saslAttribute(),
			"tls":             tlsAttribute(),
			"schema_registry": registryAttribute(),
			"supervisor":      supervisorAttribute(),
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: "How long one administrative request may take with its retries, as a Go duration such as `30s` (the default). " +
					"From the environment: `HEADWATER_REQUEST_TIMEOUT`.",
				Optional: true,
			},
			"reassignment_throttle": schema.StringAttribute{
				MarkdownDescription: "What each broker may send and receive a second while replicas move, such as `20MiB`; `unlimited` for no bound. " +
					"Default: `" + defaultThrottle + "`. From the environment: `HEADWATER_REASSIGNMENT_THROTTLE`.",
				Optional: true,
			},
		},
	}
}

func saslAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Who Terraform is towards the brokers. Leave it out for none.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"mechanism": schema.StringAttribute{
				MarkdownDescription: "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512` (the default). From the environment: `HEADWATER_SASL_MECHANISM`.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.OneOf(kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512)},
			},
			"username": schema.StringAttribute{
				MarkdownDescription: "User name. From the environment: `HEADWATER_SASL_USERNAME`.",
				Optional:            true,
			},
			"password": schema.StringAttribute{
				MarkdownDescription: "Password. From the environment: `HEADWATER_SASL_PASSWORD`.",
				Optional:            true,
				Sensitive:           true,
			},
		},
	}
}

func tlsAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "How the connection to the brokers is encrypted; `cert_pem` and `key_pem` make it mutual TLS. Leave it out for plain text.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"enabled": schema.BoolAttribute{
				MarkdownDescription: "Turn TLS on with the system's roots; implied by any other attribute here. From the environment: `HEADWATER_TLS_ENABLED`.",
				Optional:            true,
			},
			"ca_pem": schema.StringAttribute{
				MarkdownDescription: "Certificates to trust: PEM text or the path of a PEM file. From the environment: `HEADWATER_TLS_CA_PEM`.",
				Optional:            true,
			},
			"cert_pem": schema.StringAttribute{
				MarkdownDescription: "The client's certificate: PEM text or the path of a PEM file. From the environment: `HEADWATER_TLS_CERT_PEM`.",
				Optional:            true,
			},
			"key_pem": schema.StringAttribute{
				MarkdownDescription: "The client's private key: PEM text or the path of a PEM file. From the environment: `HEADWATER_TLS_KEY_PEM`.",
				Optional:            true,
				Sensitive:           true,
			},
			"server_name": schema.StringAttribute{
				MarkdownDescription: "Name expected in the brokers' certificates when it differs from their address. From the environment: `HEADWATER_TLS_SERVER_NAME`.",
				Optional:            true,
			},
			"insecure_skip_verify": schema.BoolAttribute{
				MarkdownDescription: "Accept any certificate. Only for a throwaway cluster.",
				Optional:            true,
			},
		},
	}
}

func registryAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The schema registry, one that speaks the Confluent API. Needed by the schema types only.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				MarkdownDescription: "Its address, such as `http://127.0.0.1:8081`. From the environment: `HEADWATER_SCHEMA_REGISTRY_URL`.",
				Optional:            true,
			},
			"username": schema.StringAttribute{
				MarkdownDescription: "User name for basic authentication. From the environment: `HEADWATER_SCHEMA_REGISTRY_USERNAME`.",
				Optional:            true,
			},
			"password": schema.StringAttribute{
				MarkdownDescription: "Password for basic authentication. From the environment: `HEADWATER_SCHEMA_REGISTRY_PASSWORD`.",
				Optional:            true,
				Sensitive:           true,
			},
		},
	}
}

func supervisorAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The local platform's process supervisor. Needed by `headwater_deployment` only.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				MarkdownDescription: "Its address, such as `http://127.0.0.1:19082`. From the environment: `HEADWATER_SUPERVISOR_URL`.",
				Optional:            true,
			},
			"token": schema.StringAttribute{
				MarkdownDescription: "Its bearer token. From the environment: `HEADWATER_SUPERVISOR_TOKEN`.",
				Optional:            true,
				Sensitive:           true,
			},
		},
	}
}

// readSettings fills the block's gaps from the environment and checks what can
// be checked without dialling.
func readSettings(ctx context.Context, block providerModel) (settings, diag.Diagnostics) {
	var diags diag.Diagnostics
	set := settings{requestTimeout: defaultRequestTimeout}
	set.readServers(ctx, block.BootstrapServers, &diags)
	set.readSASL(ctx, block.SASL, &diags)
	set.readTLS(ctx, block.TLS, &diags)
	set.readRegistry(ctx, block.SchemaRegistry, &diags)
	set.readSupervisor(ctx, block.Supervisor, &diags)
	set.readTimeout(block.RequestTimeout, &diags)
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
	s.kafka.ClientID = "terraform-provider-headwater"
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

func digits(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (s *settings) readSASL(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m saslModel
	s.kafkaUnknown = readObject(ctx, object, &m, diags) || s.kafkaUnknown
	s.kafka.SASL = kafka.SASL{
		Mechanism: s.text(m.Mechanism, kafka.EnvSASLMechanism, &s.kafkaUnknown),
		Username:  s.text(m.Username, kafka.EnvSASLUsername, &s.kafkaUnknown),
		Password:  s.text(m.Password, kafka.EnvSASLPassword, &s.kafkaUnknown),
	}
}

func (s *settings) readTLS(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m tlsModel
	s.kafkaUnknown = readObject(ctx, object, &m, diags) || m.Enabled.IsUnknown() || m.InsecureSkipVerify.IsUnknown() || s.kafkaUnknown
	s.kafka.TLS = kafka.TLS{
		Enabled:            m.Enabled.ValueBool(),
		CA:                 s.text(m.CA, kafka.EnvTLSCA, &s.kafkaUnknown),
		Cert:               s.text(m.Cert, kafka.EnvTLSCert, &s.kafkaUnknown),
		Key:                s.text(m.Key, kafka.EnvTLSKey, &s.kafkaUnknown),
		ServerName:         s.text(m.ServerName, kafka.EnvTLSServerName, &s.kafkaUnknown),
		InsecureSkipVerify: m.InsecureSkipVerify.ValueBool(),
	}
	if v := os.Getenv(kafka.EnvTLSEnabled); m.Enabled.IsNull() && v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			diags.AddError("Read the provider's TLS settings", fmt.Sprintf("%s is %q: write true or false.", kafka.EnvTLSEnabled, v))
		}
		s.kafka.TLS.Enabled = on
	}
}

func (s *settings) readRegistry(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m registryModel
	s.registryUnknown = readObject(ctx, object, &m, diags)
	s.registry = registrySettings{
		url:      s.text(m.URL, envRegistryURL, &s.registryUnknown),
		username: s.text(m.Username, envRegistryUsername, &s.registryUnknown),
		password: s.text(m.Password, envRegistryPassword, &s.registryUnknown),
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

func (s *settings) readTimeout(value types.String, diags *diag.Diagnostics) {
	var unknown bool
	text := s.text(value, envRequestTimeout, &unknown)
	if text == "" {
		return
	}
	timeout, err := time.ParseDuration(text)
	if err != nil || timeout <= 0 {
		diags.AddAttributeError(path.Root("request_timeout"), "Read the provider's request timeout",
			fmt.Sprintf("%q is not a positive duration: write one such as 30s.", text))
		return
	}
	s.requestTimeout = timeout
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
