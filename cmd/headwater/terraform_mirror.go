package main

import (
	"os"
	"path/filepath"
)

// mirrorVariable names a folder that providers were unpacked or mirrored into, as
// terraform providers mirror does, when it is in none of the usual places.
const mirrorVariable = "HEADWATER_PROVIDER_MIRROR"

// awsProvider is where a mirror holds the AWS provider, by Terraform's own layout.
var awsProvider = filepath.Join("registry.terraform.io", "hashicorp", "aws")

// findAWSMirror returns the folder of a mirror on this machine that holds the AWS
// provider, or nothing: then Terraform downloads its 700 MB from the registry.
func findAWSMirror() string {
	for _, pattern := range mirrorPatterns() {
		found, err := filepath.Glob(filepath.Join(pattern, awsProvider, "*"))
		if err == nil && len(found) > 0 {
			return filepath.Clean(filepath.Join(found[0], "..", "..", "..", ".."))
		}
	}
	return ""
}

// mirrorPatterns lists the places, the most deliberate first: the variable, those
// that Terraform itself looks in, and what stands at the top of a machine.
func mirrorPatterns() []string {
	var patterns []string
	if dir := os.Getenv(mirrorVariable); dir != "" {
		patterns = append(patterns, dir)
	}
	if home, err := os.UserHomeDir(); err == nil {
		patterns = append(patterns, filepath.Join(home, ".terraform.d", "plugins"),
			filepath.Join(home, ".local", "share", "terraform", "plugins"))
	}
	for _, dir := range []string{"/usr/local/share", "/usr/share", "/opt", "/srv", "/usr/local", "/usr/lib", "/usr/local/lib", "/var/lib"} {
		patterns = append(patterns, filepath.Join(dir, "terraform", "plugins"), dir, filepath.Join(dir, "*"), filepath.Join(dir, "*", "*"))
	}
	return patterns
}
