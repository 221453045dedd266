package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// configKind is the type of a configuration value.
type configKind int

const (
	integer configKind = iota + 1
	decimal
	boolean
	list
	text
)

// configTable is what Kafka accepts as the settings of one kind of resource.
type configTable struct {
	keys map[string]configKey
	// other says why a key that Kafka has is not in keys; "" for one it lacks.
	other func(key string) string
	// plain strips what may stand before a key of the table; nil for nothing.
	plain func(key string) string
}

// configKey says what a Kafka setting accepts.
type configKey struct {
	kind      configKind
	low, high float64  // of an integer or decimal; both zero for no bounds
	unset     string   // accepted beside the bounds, with the meaning "not set"
	values    []string // of a text or list; nil for anything
}

// check reports what is wrong with a value, as a clause that continues
// "its value".
func (k configKey) check(value string) error {
	if k.unset != "" && value == k.unset {
		return nil
	}
	switch k.kind {
	case integer:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("must be a whole number, not %q", value)
		}
		return k.checkBounds(float64(n), value)
	case decimal:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("must be a number, not %q", value)
		}
		return k.checkBounds(n, value)
	case boolean:
		if value != "true" && value != "false" {
			return fmt.Errorf("must be true or false, not %q", value)
		}
	case list:
		for item := range strings.SplitSeq(value, ",") {
			if err := k.checkOneOf(strings.TrimSpace(item)); value != "" && err != nil {
				return err
			}
		}
	case text:
		return k.checkOneOf(value)
	}
	return nil
}

func (k configKey) checkBounds(n float64, value string) error {
	switch {
	case k.low == 0 && k.high == 0:
		return nil
	case n < k.low:
		return fmt.Errorf("must be at least %s, not %s", bound(k.low), value)
	case n > k.high:
		return fmt.Errorf("must be at most %s, not %s", bound(k.high), value)
	}
	return nil
}

func bound(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func (k configKey) checkOneOf(value string) error {
	if k.values == nil || slices.Contains(k.values, value) {
		return nil
	}
	return fmt.Errorf("must be one of %s, not %q%s", strings.Join(k.values, ", "), value, didYouMean(value, k.values))
}

// check holds a config map against the table and puts what is wrong at the key.
// Unknown values wait for apply.
func (t configTable) check(config types.Map, at path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	for key, element := range config.Elements() {
		name := key
		if t.plain != nil {
			name = t.plain(key)
		}
		spec, ok := t.keys[name]
		if !ok {
			diags.AddAttributeError(at.AtMapKey(key), "Unknown configuration key", t.explain(name))
			continue
		}
		value, ok := element.(types.String)
		if !ok || value.IsUnknown() {
			continue
		}
		if value.IsNull() {
			diags.AddAttributeError(at.AtMapKey(key), "Empty configuration value",
				fmt.Sprintf("%q is null. Leave the key out to take the broker's default.", key))
			continue
		}
		if err := spec.check(value.ValueString()); err != nil {
			diags.AddAttributeError(at.AtMapKey(key), "Invalid configuration value", fmt.Sprintf("The value of %q %s.", key, err))
		}
	}
	return diags
}

// explain says why a key is not in the table.
func (t configTable) explain(key string) string {
	if why := t.other(key); why != "" {
		return why
	}
	known := slices.Sorted(maps.Keys(t.keys))
	return fmt.Sprintf("Apache Kafka 4.3 has no such setting here: %q%s. Its keys are listed in Kafka's documentation; remove the key or correct it.",
		key, didYouMean(key, known))
}

// didYouMean offers the nearest candidate as a clause, or nothing when none is near.
func didYouMean(word string, candidates []string) string {
	best, distance := "", math.MaxInt
	for _, candidate := range candidates {
		if d := levenshtein.Distance(word, candidate, nil); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" || distance > max(2, len(word)/3) {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
