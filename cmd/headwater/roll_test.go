package main

import (
	"path/filepath"
	"slices"
	"testing"
)

// A roll that was interrupted leaves out what it has done, one that ended or is
// begun anew does not.
func TestRollIsTakenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "roll.json")
	all := []int32{0, 3, 1}
	first := rollNote{path: path}
	if order, err := first.takeUp(slices.Clone(all), false); err != nil || !slices.Equal(order, all) {
		t.Fatalf("the first roll has %v, %v", order, err)
	}
	for _, id := range all[:2] {
		if err := first.done(id); err != nil {
			t.Fatal(err)
		}
	}
	again := rollNote{path: path}
	if order, err := again.takeUp(slices.Clone(all), false); err != nil || !slices.Equal(order, all[2:]) {
		t.Errorf("taken up it has %v, %v; want %v", order, err, all[2:])
	}
	anew := rollNote{path: path}
	if order, err := anew.takeUp(slices.Clone(all), true); err != nil || !slices.Equal(order, all) {
		t.Errorf("begun anew it has %v, %v", order, err)
	}
	if err := again.end(); err != nil {
		t.Fatal(err)
	}
	if order, err := (&rollNote{path: path}).takeUp(slices.Clone(all), false); err != nil || !slices.Equal(order, all) {
		t.Errorf("after the end it has %v, %v", order, err)
	}
}
