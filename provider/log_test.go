package main

import (
	"os"
	"strings"
	"testing"
)

// Logs that nobody asked for must cost nothing, and those that somebody asked for,
// in whichever way, must come.
func TestQuiet(t *testing.T) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TF_LOG") {
			t.Setenv(name, "")
		}
	}
	for _, asked := range []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_SDK_PROTO", ""} {
		want := ""
		if asked == "" {
			want = "off"
		}
		for _, level := range logLevels {
			t.Setenv(level, "")
		}
		if asked != "" {
			t.Setenv(asked, "trace")
		}
		quiet()
		if asked != "" {
			t.Setenv(asked, "")
		}
		for _, level := range logLevels {
			if got := os.Getenv(level); got != want {
				t.Errorf("with %q set, %s is %q and not %q", asked, level, got, want)
			}
		}
	}
}
