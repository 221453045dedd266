package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// guideBlock is a provider block of a guide.
var guideBlock = regexp.MustCompile("(?ms)^provider \"headwater\" \\{$.*?^\\}$")

// What the guide says to write must be a block that the provider takes. An id
// needs no cluster, so nothing is dialled.
func TestGuideBlocksConfigure(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("templates", "guides", "connect.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := t.TempDir()
	certificate, key := selfSigned(t)
	for name, text := range map[string]string{"ca.pem": certificate, "terraform.pem": certificate, "terraform.key": key} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TF_VAR_password", "secret")
	blocks := guideBlock.FindAllString(strings.ReplaceAll(string(guide), "/etc/headwater", files), -1)
	if len(blocks) != strings.Count(string(guide), "provider \"headwater\"") || len(blocks) < 6 {
		t.Fatalf("%d blocks found", len(blocks))
	}
	rest := "\nvariable \"password\" { type = string }\nresource \"headwater_uuid\" \"test\" {}\n"
	for _, block := range blocks {
		accept(t, resource.TestStep{Config: requireProvider + block + rest})
	}
}

// guideCode is an HCL example of a guide.
var guideCode = regexp.MustCompile("(?ms)^```terraform$\n(.*?)^```$")

// The lists and import blocks of the guide need a newer Terraform than tests run
// on, so they are held against the schemas: a name that does not exist fails.
func TestGuideNamesExist(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("templates", "guides", "existing-cluster.md"))
	if err != nil {
		t.Fatal(err)
	}
	p := protocolTo(t, nil, nil)
	seen := map[string]int{}
	for _, code := range guideCode.FindAllStringSubmatch(string(guide), -1) {
		file, diags := hclparse.NewParser().ParseHCL([]byte(code[1]), "guide.tf")
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, block := range file.Body.(*hclsyntax.Body).Blocks {
			seen[block.Type]++
			switch block.Type {
			case "list":
				for _, config := range block.Body.Blocks {
					allExist(t, slices.Collect(maps.Keys(config.Body.Attributes)), p.schemas.ListResourceSchemas[block.Labels[0]].ValueType())
				}
			case "import":
				to := block.Body.Attributes["to"].Expr.Variables()[0].RootName()
				identity, ok := block.Body.Attributes["identity"]
				if !ok {
					allExist(t, nil, p.schemas.ResourceSchemas[to].ValueType())
					continue
				}
				value, diags := identity.Expr.Value(nil)
				if diags.HasErrors() {
					t.Fatal(diags)
				}
				allExist(t, slices.Collect(maps.Keys(value.AsValueMap())), p.identities.IdentitySchemas[to].ValueType())
			}
		}
	}
	if seen["list"] != len(listedTypes()) || seen["import"] != len(listedTypes())+1 {
		t.Errorf("the guide has %v, want one of each type", seen)
	}
}

func allExist(t *testing.T, names []string, kind tftypes.Type) {
	t.Helper()
	for _, name := range names {
		if _, ok := kind.(tftypes.Object).AttributeTypes[name]; !ok {
			t.Errorf("there is no attribute %q in %s", name, kind)
		}
	}
}
