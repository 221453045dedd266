package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"headwater.internal/platform/internal/kafka"
)

type saslModel struct {
	Mechanism       types.String `tfsdk:"mechanism"`
	Username        types.String `tfsdk:"username"`
	Password        types.String `tfsdk:"password"`
	Token           types.String `tfsdk:"token"`
	TokenURL        types.String `tfsdk:"token_url"`
	TokenCA         types.String `tfsdk:"token_ca_pem"`
	ClientID        types.String `tfsdk:"client_id"`
	ClientSecret    types.String `tfsdk:"client_secret"`
	Scopes          types.List   `tfsdk:"scopes"`
	Extensions      types.Map    `tfsdk:"extensions"`
	AWSAccessKey    types.String `tfsdk:"aws_access_key"`
	AWSSecretKey    types.String `tfsdk:"aws_secret_key"`
	AWSSessionToken types.String `tfsdk:"aws_session_token"`
	AWSProfile      types.String `tfsdk:"aws_profile"`
}

// saslOwners are the mechanisms that look at an attribute.
var saslOwners = map[string][]string{
	"username": {kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512},
	"password": {kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512},

	"token": {kafka.OAuthBearer}, "token_url": {kafka.OAuthBearer}, "token_ca_pem": {kafka.OAuthBearer}, "client_id": {kafka.OAuthBearer},
	"client_secret": {kafka.OAuthBearer}, "scopes": {kafka.OAuthBearer}, "extensions": {kafka.OAuthBearer},

	"aws_access_key": {kafka.AWSMSKIAM}, "aws_secret_key": {kafka.AWSMSKIAM}, "aws_session_token": {kafka.AWSMSKIAM}, "aws_profile": {kafka.AWSMSKIAM},
}

func (s *settings) readSASL(ctx context.Context, object types.Object, diags *diag.Diagnostics) {
	var m saslModel
	s.kafkaUnknown = readObject(ctx, object, &m, diags) || s.kafkaUnknown
	text := func(value types.String, variable string) string { return s.text(value, variable, &s.kafkaUnknown) }
	s.kafka.SASL = kafka.SASL{
		Mechanism: text(m.Mechanism, kafka.EnvSASLMechanism),
		Username:  text(m.Username, kafka.EnvSASLUsername),
		Password:  text(m.Password, kafka.EnvSASLPassword),
		OAuth: kafka.OAuth{
			Token:        text(m.Token, kafka.EnvSASLToken),
			TokenURL:     text(m.TokenURL, kafka.EnvSASLTokenURL),
			CA:           text(m.TokenCA, kafka.EnvSASLTokenCA),
			ClientID:     text(m.ClientID, kafka.EnvSASLClientID),
			ClientSecret: text(m.ClientSecret, kafka.EnvSASLClientSecret),
		},
		AWS: kafka.AWS{
			AccessKey:    text(m.AWSAccessKey, kafka.EnvSASLAWSAccessKey),
			SecretKey:    text(m.AWSSecretKey, kafka.EnvSASLAWSSecretKey),
			SessionToken: text(m.AWSSessionToken, kafka.EnvSASLAWSSessionToken),
			Profile:      text(m.AWSProfile, kafka.EnvSASLAWSProfile),
		},
	}
	s.readScopes(ctx, m.Scopes, diags)
	s.readExtensions(ctx, m.Extensions, diags)
	s.refuseForeign(object, diags)
}

func (s *settings) readScopes(ctx context.Context, list types.List, diags *diag.Diagnostics) {
	if list.IsNull() {
		s.kafka.SASL.OAuth.Scopes = strings.Fields(os.Getenv(kafka.EnvSASLScopes))
		return
	}
	var scopes []types.String
	if list.IsUnknown() {
		s.kafkaUnknown = true
		return
	}
	diags.Append(list.ElementsAs(ctx, &scopes, false)...)
	for _, scope := range scopes {
		s.kafka.SASL.OAuth.Scopes = append(s.kafka.SASL.OAuth.Scopes, s.text(scope, "", &s.kafkaUnknown))
	}
}

func (s *settings) readExtensions(ctx context.Context, values types.Map, diags *diag.Diagnostics) {
	var err error
	if values.IsNull() {
		if s.kafka.SASL.OAuth.Extensions, err = kafka.ParseExtensions(os.Getenv(kafka.EnvSASLExtensions)); err != nil {
			diags.AddError("Read the provider's Kafka settings", sentence(err))
		}
		return
	}
	var extensions map[string]types.String
	if values.IsUnknown() {
		s.kafkaUnknown = true
		return
	}
	diags.Append(values.ElementsAs(ctx, &extensions, false)...)
	s.kafka.SASL.OAuth.Extensions = map[string]string{}
	for name, value := range extensions {
		s.kafka.SASL.OAuth.Extensions[name] = s.text(value, "", &s.kafkaUnknown)
	}
}

// refuseForeign refuses an attribute that the mechanism would pass over in
// silence. Variables may stand around for others, so only the block is looked at.
func (s *settings) refuseForeign(object types.Object, diags *diag.Diagnostics) {
	mechanism := s.kafka.SASL.Mechanism
	if object.IsNull() || object.IsUnknown() || object.Attributes()["mechanism"].IsUnknown() {
		return
	}
	whence := ""
	if mechanism == "" {
		mechanism, whence = kafka.ScramSHA512, ", the default"
	}
	for name, owners := range saslOwners {
		if value, ok := object.Attributes()[name]; ok && !value.IsNull() && !slices.Contains(owners, mechanism) {
			diags.AddAttributeError(path.Root("sasl").AtName(name), "Attribute of another SASL mechanism", fmt.Sprintf(
				"%s goes with %s, and the mechanism is %s%s, which would not look at it. Set mechanism, or remove %s.",
				name, strings.Join(owners, ", "), mechanism, whence, name))
		}
	}
}
