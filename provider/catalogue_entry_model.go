package main

import (
	"reflect"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	schemas "headwater.internal/platform/internal/schema"
)

type catalogueEntryModel struct {
	CatalogueTopic types.String `tfsdk:"catalogue_topic"`
	Type           types.String `tfsdk:"type"`
	Tier           types.String `tfsdk:"tier"`
	Domain         types.String `tfsdk:"domain"`
	Name           types.String `tfsdk:"name"`
	Description    types.String `tfsdk:"description"`
	Owner          types.String `tfsdk:"owner"`
	Topic          types.String `tfsdk:"topic"`
	Subject        types.String `tfsdk:"subject"`
	SchemaType     types.String `tfsdk:"schema_type"`
	SchemaID       types.Int64  `tfsdk:"schema_id"`
	SchemaVersion  types.Int64  `tfsdk:"schema_version"`
	Schema         types.String `tfsdk:"schema"`
	Compatibility  types.String `tfsdk:"compatibility"`
	RetentionMS    types.Int64  `tfsdk:"retention_ms"`
	PII            types.Set    `tfsdk:"pii"`
	Producers      types.Set    `tfsdk:"producers"`
	Consumers      types.Set    `tfsdk:"consumers"`
	RevenueField   types.String `tfsdk:"revenue_field"`
	SegmentCall    types.String `tfsdk:"segment_call"`
	Retired        types.Bool   `tfsdk:"retired"`
}

// record is the model as it is written to the topic.
func (m catalogueEntryModel) record() catalogueRecord {
	return catalogueRecord{
		Version:       catalogueVersion,
		Type:          m.Type.ValueString(),
		Tier:          m.Tier.ValueString(),
		Domain:        m.Domain.ValueString(),
		Name:          m.Name.ValueString(),
		Description:   m.Description.ValueString(),
		Owner:         m.Owner.ValueString(),
		Topic:         m.Topic.ValueString(),
		Subject:       m.Subject.ValueString(),
		SchemaType:    m.SchemaType.ValueString(),
		SchemaID:      m.SchemaID.ValueInt64(),
		SchemaVersion: m.SchemaVersion.ValueInt64(),
		Schema:        m.Schema.ValueString(),
		Compatibility: m.Compatibility.ValueString(),
		RetentionMS:   m.RetentionMS.ValueInt64(),
		PII:           setNames(m.PII),
		Producers:     setNames(m.Producers),
		Consumers:     setNames(m.Consumers),
		RevenueField:  m.RevenueField.ValueString(),
		SegmentCall:   m.SegmentCall.ValueString(),
		Retired:       m.Retired.ValueBool(),
	}
}

// taking is the model with the record's values. Where the record has nothing, an
// attribute stays as it was left out or written empty.
func (m catalogueEntryModel) taking(r catalogueRecord) catalogueEntryModel {
	text := types.StringValue
	m.Type, m.Tier, m.Domain, m.Name = text(r.Type), text(r.Tier), text(r.Domain), text(r.Name)
	m.Description, m.Owner, m.Topic, m.Subject = text(r.Description), text(r.Owner), text(r.Topic), text(r.Subject)
	m.SchemaType, m.SchemaID, m.SchemaVersion = text(r.SchemaType), types.Int64Value(r.SchemaID), types.Int64Value(r.SchemaVersion)
	if !schemas.SameText(schemaType(m.SchemaType), r.Schema, m.Schema.ValueString()) {
		m.Schema = text(r.Schema)
	}
	if r.RetentionMS != m.RetentionMS.ValueInt64() {
		m.RetentionMS = types.Int64Value(r.RetentionMS)
	}
	m.Compatibility, m.RevenueField, m.SegmentCall = optionalString(r.Compatibility), optionalString(r.RevenueField), optionalString(r.SegmentCall)
	m.PII, m.Producers, m.Consumers = takeNames(m.PII, r.PII), takeNames(m.Producers, r.Producers), takeNames(m.Consumers, r.Consumers)
	m.Retired = types.BoolValue(r.Retired)
	return m
}

// equal reports whether two records declare the same.
func (r catalogueRecord) equal(other catalogueRecord) bool {
	for _, names := range []*[]string{&r.PII, &r.Producers, &r.Consumers, &other.PII, &other.Producers, &other.Consumers} {
		*names = append([]string{}, slices.Sorted(slices.Values(*names))...)
	}
	return reflect.DeepEqual(r, other)
}

// setNames lists a set's elements, sorted, so that equal sets are equal bytes.
func setNames(set types.Set) []string {
	names := []string{}
	for _, v := range set.Elements() {
		if s, ok := v.(types.String); ok {
			names = append(names, s.ValueString())
		}
	}
	slices.Sort(names)
	return names
}

func takeNames(set types.Set, names []string) types.Set {
	if len(names) == 0 && len(set.Elements()) == 0 && !set.IsNull() {
		return set
	}
	if len(names) == 0 {
		return types.SetNull(types.StringType)
	}
	values := make([]attr.Value, len(names))
	for i, name := range names {
		values[i] = types.StringValue(name)
	}
	return types.SetValueMust(types.StringType, values)
}
