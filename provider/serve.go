package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// protocolServer is all that Terraform asks of the provider.
type protocolServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
}

// lightServer has the calls that come once or more for each resource forget
// everything when they end. The framework keeps the context of each call until the
// provider is stopped, and with it the call's stream, messages and loggers: more
// than 100 MiB in a plan of 4,000 resources.
type lightServer struct {
	protocolServer
}

// serve serves the provider until Terraform ends it. Contexts carry the loggers,
// so they are kept when logs are wanted.
func serve(logs, debugger bool) error {
	var options []tf6server.ServeOpt
	if debugger {
		options = append(options, tf6server.WithManagedDebug())
	}
	return tf6server.Serve(address, func() tfprotov6.ProviderServer {
		server := providerserver.NewProtocol6(newProvider())()
		if whole, ok := server.(protocolServer); ok && !logs {
			return lightServer{whole}
		}
		return server
	}, options...)
}

// light returns a context that ends when ctx does, and nothing else of it. The
// caller calls done at the end.
func light(ctx context.Context) (own context.Context, done func()) {
	own, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, cancel)
	return own, func() {
		stop()
		cancel()
	}
}

// ValidateResourceConfig checks one resource's configuration.
func (s lightServer) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	ctx, done := light(ctx)
	defer done()
	return s.protocolServer.ValidateResourceConfig(ctx, req)
}

// UpgradeResourceState reads one resource out of the state.
func (s lightServer) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	ctx, done := light(ctx)
	defer done()
	return s.protocolServer.UpgradeResourceState(ctx, req)
}

// ReadResource refreshes one resource.
func (s lightServer) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	ctx, done := light(ctx)
	defer done()
	return s.protocolServer.ReadResource(ctx, req)
}

// PlanResourceChange plans one resource.
func (s lightServer) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	ctx, done := light(ctx)
	defer done()
	return s.protocolServer.PlanResourceChange(ctx, req)
}

// ApplyResourceChange creates, changes or destroys one resource.
func (s lightServer) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	ctx, done := light(ctx)
	defer done()
	return s.protocolServer.ApplyResourceChange(ctx, req)
}
