package main

import (
	"math/rand/v2"
	"sort"
	"testing"
)

// Defends the distribution of customers: the table finds whom a search through
// all of them finds.
func TestGuideFindsTheSameCustomers(t *testing.T) {
	g := generator{random: rand.New(rand.NewPCG(1, 1)), zipf: make([]float64, customers)}
	sum := 0.0
	for i := range g.zipf {
		sum += 1 / float64(i+1)
		g.zipf[i] = sum
	}
	g.guide = guide(g.zipf)
	for range 100_000 {
		part := g.random.Float64()
		if got, want := g.drawCustomer(part), sort.SearchFloat64s(g.zipf, part*sum); got != want {
			t.Fatalf("at %g stands customer %d, want %d", part, got, want)
		}
	}
}
