package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ ephemeral.EphemeralResource = (*scramSecret)(nil)

// secretAlphabet needs no quoting in HCL, JSON, YAML, URLs, shells and JAAS files.
const secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// secretLength characters of it hold 190 bits.
const secretLength = 32

type scramSecret struct{}

type scramSecretModel struct {
	Length   types.Int64  `tfsdk:"length"`
	Password types.String `tfsdk:"password"`
}

func newSCRAMSecret() ephemeral.EphemeralResource { return &scramSecret{} }

// Metadata names the type.
func (e *scramSecret) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_scram_secret"
}

// Schema describes the type.
func (e *scramSecret) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A new strong password, for a secret store and a `headwater_scram_credential`. It stands in no plan and no state.\n\n" +
			"Terraform makes another one in every run, and write-only attributes take it only when their version number changes. " +
			"So write it to a secret store once, and let the credential, like all others that need the password, read it back from there: " +
			"then one number turns all of them together, as the example shows.",
		Attributes: map[string]schema.Attribute{
			"length": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("Number of characters, letters and digits; %d (190 bits) when left out.", secretLength),
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(16, 256)},
			},
			"password": schema.StringAttribute{
				MarkdownDescription: "The password.",
				Computed:            true,
				Sensitive:           true,
			},
		},
	}
}

// Open makes a password.
func (e *scramSecret) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model scramSecretModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	length := secretLength
	if !model.Length.IsNull() {
		length = int(model.Length.ValueInt64())
	}
	password, err := randomSecret(length)
	if err != nil {
		resp.Diagnostics.AddError("Make a password", sentence(err))
		return
	}
	model.Password = types.StringValue(password)
	resp.Diagnostics.Append(resp.Result.Set(ctx, model)...)
}

// randomSecret draws characters that are all equally likely.
func randomSecret(length int) (string, error) {
	secret := make([]byte, length)
	for i := range secret {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(secretAlphabet))))
		if err != nil {
			return "", err
		}
		secret[i] = secretAlphabet[n.Int64()]
	}
	return string(secret), nil
}
