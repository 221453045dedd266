package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

var (
	_ function.Function = (*durationFunction)(nil)
	_ function.Function = (*bytesFunction)(nil)
)

// durationFunction is provider::headwater::duration_ms.
type durationFunction struct{}

func newDurationFunction() function.Function { return &durationFunction{} }

// Metadata names the function.
func (f *durationFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "duration_ms"
}

// Definition describes the function.
func (f *durationFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Milliseconds of a duration",
		MarkdownDescription: "Turns a duration such as `30d`, `12h` or `1d12h` into milliseconds, the unit of Kafka's settings. " +
			"Units: `w`, `d`, `h`, `m`, `s`, `ms`.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "duration",
			MarkdownDescription: "A duration with its unit.",
		}},
		Return: function.Int64Return{},
	}
}

// Run computes the function.
func (f *durationFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	run(ctx, req, resp, parseDuration)
}

// bytesFunction is provider::headwater::bytes.
type bytesFunction struct{}

func newBytesFunction() function.Function { return &bytesFunction{} }

// Metadata names the function.
func (f *bytesFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "bytes"
}

// Definition describes the function.
func (f *bytesFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Bytes of a size",
		MarkdownDescription: "Turns a size such as `1.5GiB` or `10MB` into bytes. Decimal units (`kB`, `MB`, `GB`, `TB`) count in thousands, " +
			"binary ones (`KiB`, `MiB`, `GiB`, `TiB`) in 1024s; a bare number is bytes.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "size",
			MarkdownDescription: "A size with its unit.",
		}},
		Return: function.Int64Return{},
	}
}

// Run computes the function.
func (f *bytesFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	run(ctx, req, resp, parseBytes)
}

// run calls a parser with the only argument and puts its error there.
func run(ctx context.Context, req function.RunRequest, resp *function.RunResponse, parse func(string) (int64, error)) {
	var argument string
	if resp.Error = req.Arguments.Get(ctx, &argument); resp.Error != nil {
		return
	}
	n, err := parse(argument)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, n)
}
