// Package mapping turns files into customer events. A mapping, written in YAML,
// says how the lines of a file fall into fields (CSV, NDJSON, a regular
// expression, columns) and how the fields become the attributes and the data of
// an event. docs/import.md is its reference.
//
// [Load] reads a mapping and refuses what it does not know, with line numbers.
// [Open] reads a file, decompressed. [Mapping.Reader] walks its records one at a
// time: each becomes an event, is refused with a reason, or is skipped because
// the mapping says so. No line vanishes.
package mapping
