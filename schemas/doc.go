// Package schemas is the catalogue: every event of the company, as a Terraform
// module and as Avro files. The Go types under it are generated from the Avro
// files; its tests hold declarations, files, samples and types together.
package schemas

//go:generate go run generate.go
