package review

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// folder is where the catalogue is declared.
const folder = "schemas"

// eventModule ends the source of the calls that declare events.
const eventModule = "modules/event"

// defaultLevel is the compatibility that modules/event gives an event which
// names none. A test holds it equal to the module's.
const defaultLevel = "FULL_TRANSITIVE"

// Declaration is one event as its module call declares it.
type Declaration struct {
	Where     string // file and line
	Domain    string
	Name      string
	Owner     string
	Schema    string // path of the schema's file from the repository's top
	Level     string // compatibility
	Retention string
	Size      string
	Revenue   string
	PII       []string
	Producers []string
	Consumers []string
	Retired   bool
}

// Type is the event's name from end to end, like checkout.order_placed.
func (d Declaration) Type() string { return d.Domain + "." + d.Name }

// Subject is where the registry keeps the schema, as modules/event names it.
func (d Declaration) Subject() string {
	topic := d.Domain + "." + strings.ReplaceAll(d.Name, "_", "-")
	if !slices.Contains([]string{"processed", "aggregates", "repartition"}, d.Domain) {
		topic = "raw." + topic
	}
	return topic + "-value"
}

// Team is an entry of the catalogue's teams.
type Team struct {
	Contact string // where people of the team read
	GitHub  string // the team's handle, like @example/checkout
}

// Catalogue is what schemas/*.tf declare, by event type and by team.
type Catalogue struct {
	Events map[string]Declaration
	Teams  map[string]Team
}

// ReadCatalogue reads the declarations without Terraform: what it needs of them
// must be plain values, as they are in every example. The error names the file
// and line of each value that is not.
func ReadCatalogue(files Files) (Catalogue, error) {
	c := Catalogue{Events: map[string]Declaration{}, Teams: map[string]Team{}}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Dir(name) != folder || !strings.HasSuffix(name, ".tf") {
			continue
		}
		parsed, diags := hclparse.NewParser().ParseHCL([]byte(files[name]), name)
		if diags.HasErrors() {
			faults = append(faults, fmt.Errorf("read the declarations: %w", diags.Errs()[0]))
			continue
		}
		body, ok := parsed.Body.(*hclsyntax.Body)
		if !ok {
			continue
		}
		for _, b := range body.Blocks {
			faults = append(faults, c.read(b))
		}
	}
	return c, errors.Join(faults...)
}

// read takes what one block declares.
func (c Catalogue) read(b *hclsyntax.Block) error {
	switch {
	case b.Type == "module" && strings.HasSuffix(plain(b, "source").text, eventModule):
		d, err := readDeclaration(b)
		if err != nil {
			return err
		}
		if other, twice := c.Events[d.Type()]; twice {
			return fmt.Errorf("%s: %s is declared at %s too: remove one of the calls", d.Where, d.Type(), other.Where)
		}
		c.Events[d.Type()] = d
	case b.Type == "locals" && b.Body.Attributes["teams"] != nil:
		return c.readTeams(b.Body.Attributes["teams"])
	}
	return nil
}

func readDeclaration(b *hclsyntax.Block) (Declaration, error) {
	d := Declaration{Where: fmt.Sprintf("%s:%d", b.TypeRange.Filename, b.TypeRange.Start.Line), Level: defaultLevel, Size: "standard"}
	for _, repeated := range []string{"count", "for_each"} {
		if b.Body.Attributes[repeated] != nil {
			return d, fmt.Errorf("%s: module %q has %s: declare each event by a call of its own", d.Where, b.Labels[0], repeated)
		}
	}
	var faults []error
	take := func(name string, required bool) value {
		v := plain(b, name)
		if v.fault == "" && required && v.text == "" {
			v.fault = "is missing"
		}
		if v.fault != "" {
			faults = append(faults, fmt.Errorf("%s: %s of module %q %s: write it as a plain value, so that it can be reviewed without Terraform", d.Where, name, b.Labels[0], v.fault))
		}
		return v
	}
	d.Domain, d.Name = take("domain", true).text, take("name", true).text
	d.Owner, d.Schema = take("owner", false).text, take("schema", true).text
	d.Retention, d.Revenue = take("retention", false).text, take("revenue", false).text
	d.PII, d.Producers, d.Consumers = take("pii", false).list, take("producers", false).list, take("consumers", false).list
	d.Retired = take("retired", false).flag
	if level := take("compatibility", false).text; level != "" {
		d.Level = level
	}
	if size := take("size", false).text; size != "" {
		d.Size = size
	}
	return d, errors.Join(faults...)
}

// value is an argument of a module call.
type value struct {
	text  string
	list  []string
	flag  bool
	fault string // why it cannot be read
}

// scope lets file("${path.module}/x") evaluate to the path that it reads.
var scope = &hcl.EvalContext{
	Variables: map[string]cty.Value{"path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(folder)})},
	Functions: map[string]function.Function{"file": function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(path.Clean(args[0].AsString())), nil
		},
	})},
}

// plain reads an argument of a block that refers to nothing.
func plain(b *hclsyntax.Block, name string) value {
	attribute := b.Body.Attributes[name]
	if attribute == nil {
		return value{}
	}
	v, diags := attribute.Expr.Value(scope)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return value{fault: "refers to something"}
	}
	return readValue(v)
}

func readValue(v cty.Value) value {
	switch {
	case v.IsNull():
		return value{}
	case v.Type() == cty.String:
		return value{text: v.AsString()}
	case v.Type() == cty.Bool:
		return value{flag: v.True()}
	case !v.CanIterateElements() || v.Type().IsObjectType():
		return value{fault: "is neither text, a list of texts nor a truth value"}
	}
	list := value{list: []string{}}
	for _, item := range v.AsValueSlice() {
		if item.IsNull() || item.Type() != cty.String {
			return value{fault: "holds something that is no text"}
		}
		list.list = append(list.list, item.AsString())
	}
	return list
}

func (c Catalogue) readTeams(attribute *hclsyntax.Attribute) error {
	where := fmt.Sprintf("%s:%d", attribute.NameRange.Filename, attribute.NameRange.Start.Line)
	v, diags := attribute.Expr.Value(nil)
	if diags.HasErrors() || !v.IsWhollyKnown() || !v.Type().IsObjectType() {
		return fmt.Errorf("%s: teams refers to something: write it as plain values, so that it can be reviewed without Terraform", where)
	}
	for name, team := range v.AsValueMap() {
		c.Teams[name] = Team{Contact: member(team, "contact"), GitHub: member(team, "github")}
	}
	return nil
}

// member is the text of an object's attribute, or empty.
func member(object cty.Value, name string) string {
	if object.IsNull() || !object.Type().IsObjectType() || !object.Type().HasAttribute(name) {
		return ""
	}
	return readValue(object.GetAttr(name)).text
}
