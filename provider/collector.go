package main

import (
	"github.com/twmb/franz-go/pkg/kadm"
)

// collector loads everything of a kind at once for the first reader.
type collector struct {
	admin func() (*kadm.Client, error)
}

func newCollector(admin func() (*kadm.Client, error)) *collector {
	return &collector{admin: admin}
}
