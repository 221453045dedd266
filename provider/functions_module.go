package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"

	schemas "headwater.internal/platform/internal/schema"
)

var (
	_ function.Function = (*principalFunction)(nil)
	_ function.Function = (*violationsFunction)(nil)
)

// principalFunction is provider::headwater::principal_from_certificate.
type principalFunction struct{}

func newPrincipalFunction() function.Function { return &principalFunction{} }

// Metadata names the function.
func (f *principalFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "principal_from_certificate"
}

// Definition describes the function.
func (f *principalFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The principal of a certificate",
		MarkdownDescription: "The principal that brokers make of a client's certificate, such as `User:refine`. An ACL for a principal that nobody has is taken " +
			"in silence, so take the principal from the certificate instead of writing it out.\n\n" +
			"The subject is written as Java writes it, and the rules are applied as Kafka 4.3 applies them. A rule whose pattern only Java can evaluate is refused.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "certificate_pem", MarkdownDescription: "The certificate as PEM text; the first, when there are several."},
			function.StringParameter{
				Name: "mapping_rules",
				MarkdownDescription: "`ssl.principal.mapping.rules` of the brokers' listener: `DEFAULT`, or `RULE:pattern/replacement/` with `L` or `U` after it, comma separated, " +
					"such as `RULE:^CN=(.*?),.*$/$1/L, DEFAULT`.",
			},
		},
		Return: function.StringReturn{},
	}
}

// Run computes the function.
func (f *principalFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var certificate, rules string
	if resp.Error = req.Arguments.Get(ctx, &certificate, &rules); resp.Error != nil {
		return
	}
	if _, err := parsePrincipalRules(rules); err != nil {
		resp.Error = function.NewArgumentFuncError(1, err.Error())
		return
	}
	principal, err := principalOf(certificate, rules)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, principal)
}

// violationsFunction is provider::headwater::schema_violations.
type violationsFunction struct{}

func newViolationsFunction() function.Function { return &violationsFunction{} }

// Metadata names the function.
func (f *violationsFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "schema_violations"
}

// Definition describes the function.
func (f *violationsFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The rules that a new schema breaks",
		MarkdownDescription: "The rules of compatibility that a schema breaks against earlier versions, one sentence each; empty when it may follow them. " +
			"It is what `headwater_schema_subject` decides in a plan, without a registry: for preconditions and for the tests of a module. " +
			"Schemas with references are not taken.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "schema_type", MarkdownDescription: "`AVRO`, `PROTOBUF` or `JSON`."},
			function.StringParameter{Name: "schema", MarkdownDescription: "The new schema's text."},
			function.ListParameter{Name: "earlier", ElementType: types.StringType, MarkdownDescription: "Texts of the earlier versions, oldest first."},
			function.StringParameter{Name: "compatibility_level", MarkdownDescription: "One of the seven levels, such as `FULL_TRANSITIVE`."},
		},
		Return: function.ListReturn{ElementType: types.StringType},
	}
}

// Run computes the function.
func (f *violationsFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var kindText, text, levelText string
	var earlierTexts []string
	if resp.Error = req.Arguments.Get(ctx, &kindText, &text, &earlierTexts, &levelText); resp.Error != nil {
		return
	}
	var kind sr.SchemaType
	if err := kind.UnmarshalText([]byte(kindText)); err != nil {
		resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("%q is not a schema type: write AVRO, PROTOBUF or JSON", kindText))
		return
	}
	next, err := schemas.Parse(kind, text, nil)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(1, err.Error())
		return
	}
	earlier := make([]schemas.Earlier, len(earlierTexts))
	for i, old := range earlierTexts {
		parsed, err := schemas.Parse(kind, old, nil)
		if err != nil {
			resp.Error = function.NewArgumentFuncError(2, fmt.Sprintf("version %d: %s", i+1, err))
			return
		}
		earlier[i] = schemas.Earlier{Version: i + 1, Schema: parsed}
	}
	level := slices.IndexFunc(schemas.Levels(), func(l sr.CompatibilityLevel) bool { return l.String() == levelText })
	if level < 0 {
		resp.Error = function.NewArgumentFuncError(3, fmt.Sprintf("%q is not a compatibility level: write one of %v", levelText, levelNames()))
		return
	}
	violations := []string{}
	for _, v := range schemas.Check(schemas.Levels()[level], next, earlier) {
		violations = append(violations, v.String())
	}
	resp.Error = resp.Result.Set(ctx, violations)
}
