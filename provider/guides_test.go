package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
