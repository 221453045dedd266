package main

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// codec reads values of a type's schema into its model and writes them back, as
// Get and Set of the framework do by the same tags. Those look at the tags anew for
// each value, and compile a regular expression for each: with thousands of resources
// that is most of what a plan allocates. A codec looks once.
type codec[M any] struct {
	// look finds the attributes that the model has a field for.
	look func() ([]codecField, tftypes.Object)
}

// codecField is one attribute and where its value is in the model.
type codecField struct {
	name  string
	index int // of the field
	kind  attr.Type
}

// newCodec makes the codec of a resource's type. It panics, when first used, on a
// model that does not fit the schema.
func newCodec[M any](of func() resource.Resource) codec[M] {
	return codec[M]{look: sync.OnceValues(func() ([]codecField, tftypes.Object) {
		var described resource.SchemaResponse
		of().Schema(context.Background(), resource.SchemaRequest{}, &described)
		attributes := described.Schema.Attributes
		model := reflect.TypeFor[M]()
		if model.NumField() != len(attributes) {
			panic(fmt.Sprintf("%s has %d fields for %d attributes", model, model.NumField(), len(attributes)))
		}
		fields := make([]codecField, model.NumField())
		object := tftypes.Object{AttributeTypes: make(map[string]tftypes.Type, len(fields))}
		for i := range fields {
			name := model.Field(i).Tag.Get("tfsdk")
			fields[i] = codecField{name: name, index: i, kind: attributes[name].GetType()}
			object.AttributeTypes[name] = fields[i].kind.TerraformType(context.Background())
		}
		return fields, object
	})}
}

// get reads a value that is neither null nor unknown into the model.
func (c codec[M]) get(ctx context.Context, raw tftypes.Value, model *M) (diags diag.Diagnostics) {
	fields, _ := c.look()
	var values map[string]tftypes.Value
	if err := raw.As(&values); err != nil {
		diags.AddError("Read the attributes", sentence(err))
		return diags
	}
	to := reflect.ValueOf(model).Elem()
	for _, f := range fields {
		value, err := f.kind.ValueFromTerraform(ctx, values[f.name])
		if err != nil {
			diags.AddAttributeError(path.Root(f.name), "Read an attribute", sentence(err))
			return diags
		}
		if field := to.Field(f.index); reflect.TypeOf(value) == field.Type() {
			field.Set(reflect.ValueOf(value))
		} else { // a slice or a struct
			diags.Append(tfsdk.ValueAs(ctx, value, field.Addr().Interface())...)
		}
	}
	return diags
}

// set writes the model into a state's or plan's value.
func (c codec[M]) set(ctx context.Context, raw *tftypes.Value, model M) (diags diag.Diagnostics) {
	fields, object := c.look()
	from := reflect.ValueOf(model)
	values := make(map[string]tftypes.Value, len(fields))
	for _, f := range fields {
		value, ok := from.Field(f.index).Interface().(attr.Value)
		if !ok {
			diags.Append(tfsdk.ValueFrom(ctx, from.Field(f.index).Interface(), f.kind, &value)...)
		}
		if diags.HasError() {
			return diags
		}
		var err error
		if values[f.name], err = value.ToTerraformValue(ctx); err != nil {
			diags.AddAttributeError(path.Root(f.name), "Write an attribute", sentence(err))
			return diags
		}
	}
	*raw = tftypes.NewValue(object, values)
	return diags
}

// attributeOf is one attribute of an object's value.
func attributeOf(raw tftypes.Value, name string) tftypes.Value {
	var values map[string]tftypes.Value
	if raw.As(&values) != nil {
		return tftypes.Value{}
	}
	return values[name]
}

// leftOut reports whether a configuration says nothing of an attribute.
func leftOut(config tftypes.Value, name string) bool { return attributeOf(config, name).IsNull() }
