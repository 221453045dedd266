// Package review says what a change to the repository means before it is
// merged: what each event gains or loses and who reads it, whether every
// changed schema may follow its earlier versions, and what a plan would do. It
// reads git and files only: no registry, no broker, no cloud, no credentials.
//
// A schema's earlier versions are those that its file had on the main line, for
// every merge is applied; the rules are [schema.Check], which the provider's
// plan and the registry apply too.
package review
