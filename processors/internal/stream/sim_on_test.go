//go:build synctests

package stream

// simulated: franz-go was built with mutexes that synctest's clock waits for.
const simulated = true
