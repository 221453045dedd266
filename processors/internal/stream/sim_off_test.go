//go:build !synctests

package stream

const simulated = false
