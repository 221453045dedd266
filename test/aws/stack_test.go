package aws

import "testing"

// What is declared must also run: the platform root applied to the real cluster,
// the task definitions that were stored started as they are, and an event that
// goes into the collector come out as a session.
func TestStack(t *testing.T) {
	p := openPlace(t, openAccount(t), "staging")
	p.apply("cluster")
	s := startStack(t, p)
	fatal(t, s.send("checkout.order_placed", "stack-ada", "o-1", `{"order_id":"o-1","total":12.5,"currency":"EUR"}`))
	s.session("stack-ada", 1)
}
