package main

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"headwater.internal/platform/internal/kafka"
)

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
			"client_id": schema.StringAttribute{
				MarkdownDescription: "What the brokers call Terraform in their logs and quotas; `terraform-provider-headwater` when left out. " +
					"From the environment: `HEADWATER_CLIENT_ID`.",
				Optional: true,
			},
			"expected_cluster_id": schema.StringAttribute{
				MarkdownDescription: "Id of the only cluster that this configuration is for, as `data.headwater_cluster` shows it. It is compared before anything is read or " +
					"written: another cluster at the same address, such as staging behind a mistyped name, is refused. From the environment: `HEADWATER_EXPECTED_CLUSTER_ID`.",
				Optional: true,
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "What `deletion_protection` of topics and subjects is where they leave it out; `true` by default. " +
					"From the environment: `HEADWATER_DELETION_PROTECTION`.",
				Optional: true,
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
			"dial_timeout": schema.StringAttribute{
				MarkdownDescription: "How long one connection may take to open, as a Go duration; `5s` by default. From the environment: `HEADWATER_DIAL_TIMEOUT`.",
				Optional:            true,
			},
			"max_in_flight": schema.Int64Attribute{
				MarkdownDescription: "How many requests to the brokers may be out at a time; no limit when left out. Terraform's `-parallelism` bounds how many resources ask at once. " +
					"From the environment: `HEADWATER_MAX_IN_FLIGHT`.",
				Optional:   true,
				Validators: []validator.Int64{int64validator.AtLeast(1)},
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
	text := func(secret bool, description, variable string) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: description + " From the environment: `" + variable + "`.", Optional: true, Sensitive: secret,
		}
	}
	mechanism := text(false, "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` (the default), `OAUTHBEARER` or `AWS_MSK_IAM`.", kafka.EnvSASLMechanism)
	mechanism.Validators = []validator.String{stringvalidator.OneOf(kafka.SASLMechanisms()...)}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Who Terraform is towards the brokers. Leave it out for none. Each mechanism has attributes of its own: " +
			"`username` and `password` for `PLAIN` and SCRAM; `token`, or `token_url` with `client_id` and `client_secret`, for `OAUTHBEARER`; the `aws_` ones, " +
			"or nothing for what the AWS SDK finds, for `AWS_MSK_IAM`.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"mechanism":     mechanism,
			"username":      text(false, "User name.", kafka.EnvSASLUsername),
			"password":      text(true, "Password.", kafka.EnvSASLPassword),
			"token":         text(true, "A token as it is. It must outlive the apply: nobody renews it.", kafka.EnvSASLToken),
			"token_url":     text(false, "An OAuth 2 token endpoint that gives tokens for client credentials; they are renewed before they expire.", kafka.EnvSASLTokenURL),
			"token_ca_pem":  text(false, "Certificates to trust at `token_url` besides the system's: PEM text or the path of a PEM file.", kafka.EnvSASLTokenCA),
			"client_id":     text(false, "Id of the client at `token_url`.", kafka.EnvSASLClientID),
			"client_secret": text(true, "Secret of the client at `token_url`.", kafka.EnvSASLClientSecret),
			"scopes": schema.ListAttribute{
				MarkdownDescription: "Scopes to ask `token_url` for. From the environment: `" + kafka.EnvSASLScopes + "`, separated by spaces.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"extensions": schema.MapAttribute{
				MarkdownDescription: "SASL extensions that go with the token. From the environment: `" + kafka.EnvSASLExtensions + "`, as `name=value`, comma separated.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"aws_access_key": text(false, "AWS access key; what the AWS SDK finds (`AWS_*` variables, profile, web identity, role of the container or machine) when left out. "+
				"The region is the one in the brokers' names, else `AWS_REGION`.", kafka.EnvSASLAWSAccessKey),
			"aws_secret_key":    text(true, "AWS secret key.", kafka.EnvSASLAWSSecretKey),
			"aws_session_token": text(true, "Session token of temporary AWS keys.", kafka.EnvSASLAWSSessionToken),
			"aws_profile":       text(false, "Profile of the shared AWS files, instead of `AWS_PROFILE`.", kafka.EnvSASLAWSProfile),
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
				MarkdownDescription: "Accept any certificate. Only for a throwaway cluster. From the environment: `HEADWATER_TLS_INSECURE_SKIP_VERIFY`.",
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
			"bearer_token": schema.StringAttribute{
				MarkdownDescription: "Bearer token, instead of `username` and `password`. From the environment: `HEADWATER_SCHEMA_REGISTRY_BEARER_TOKEN`.",
				Optional:            true,
				Sensitive:           true,
			},
			"ca_pem": schema.StringAttribute{
				MarkdownDescription: "Certificates to trust at an https address, instead of the system's: PEM text or the path of a PEM file. " +
					"From the environment: `HEADWATER_SCHEMA_REGISTRY_CA_PEM`.",
				Optional: true,
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
