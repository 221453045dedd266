package main

import (
	"os"
	"strings"
)

// logLevels are the variables by which the plugin libraries take the level of
// their logs.
var logLevels = []string{"TF_LOG_PROVIDER_HEADWATER", "TF_LOG_SDK", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_SDK_PROTO"}

// quiet turns the libraries' logs off when nobody asked for any, and says whether. They would say
// all they can, about a hundred lines for each resource in a plan, which Terraform
// reads and drops unless TF_LOG or one of its siblings is set: a quarter of what a plan
// costs the provider. What the provider says in a panic goes out as ever.
func quiet() bool {
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TF_LOG") && value != "" {
			return false
		}
	}
	for _, level := range logLevels {
		os.Setenv(level, "off") //nolint:errcheck // fails on a malformed name only
	}
	return true
}
