package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A codec must read and write what the framework does: unknown, null, collections
// and slices of structs too. A difference would be a value that a state loses.
func TestCodec(t *testing.T) {
	t.Parallel()
	racks := types.SetValueMust(types.StringType, []attr.Value{types.StringValue("a"), types.StringUnknown()})
	topic := topicModel{
		Name: types.StringValue("raw.web.clicked"), Partitions: types.Int64Value(6), ReplicationFactor: types.Int64Unknown(),
		Placement: types.ObjectNull(placementTypes), AdoptExisting: types.BoolValue(true), Retention: types.StringValue("30d"),
		Config:  types.MapValueMust(types.StringType, map[string]attr.Value{"cleanup.policy": types.StringValue("compact")}),
		TopicID: types.StringUnknown(),
	}
	agree(t, topicCodec, newTopicResource, topic)
	agree(t, aclCodec, newACLResource, aclModel{Principal: types.StringValue("User:refine"), Operations: racks})
	agree(t, accessCodec, newAccessResource, accessModel{
		Reads: racks, Writes: types.SetUnknown(types.StringType), Groups: types.SetNull(types.StringType),
		TransactionalIDs: types.SetNull(types.StringType), ACLs: types.SetNull(aclObject),
	})
	reference := referenceModel{Name: types.StringValue("money"), Subject: types.StringValue("money-value"), Version: types.Int64Unknown()}
	agree(t, subjectCodec, newSubjectResource, subjectModel{Subject: types.StringValue("a"), References: []referenceModel{reference}})
	agree(t, subjectCodec, newSubjectResource, subjectModel{Subject: types.StringValue("b")})

	var unread topicModel
	if diags := topicCodec.get(t.Context(), tftypes.NewValue(tftypes.String, "no object"), &unread); !diags.HasError() {
		t.Error("a value that is no object was read")
	}
}

// agree writes and reads the model by the codec and by the framework.
func agree[M any](t *testing.T, c codec[M], of func() resource.Resource, model M) {
	t.Helper()
	var described resource.SchemaResponse
	of().Schema(t.Context(), resource.SchemaRequest{}, &described)
	state := tfsdk.State{Schema: described.Schema}
	var own tftypes.Value
	diags := state.Set(t.Context(), model)
	diags.Append(c.set(t.Context(), &own, model)...)
	if diags.HasError() || !own.Equal(state.Raw) {
		t.Fatalf("written as %s and by the framework as %s: %v", own, state.Raw, diags)
	}
	var read, framework M
	diags.Append(c.get(t.Context(), own, &read)...)
	diags.Append(state.Get(t.Context(), &framework)...)
	if difference := cmp.Diff(framework, read); diags.HasError() || difference != "" {
		t.Errorf("read otherwise than by the framework: %v\n%s", diags, difference)
	}
}
