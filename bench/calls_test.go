package main

import (
	"testing"
	"time"
)

func TestTheWorstSecondIsFoundWhereverItBegins(t *testing.T) {
	began := time.Now().Truncate(time.Second)
	var at []time.Time
	for _, ms := range []int{100, 600, 800, 1599, 1600, 1700, 1800, 3000} {
		at = append(at, began.Add(time.Duration(ms)*time.Millisecond))
	}
	// From 0.8 s: the call at 1.8 s is a second later, and in the next one.
	if n := most(at, time.Second); n != 4 {
		t.Errorf("%v in a second, want 4", n)
	}
	if n := within(at, began.Add(600*time.Millisecond), began.Add(1600*time.Millisecond)); n != 3 {
		t.Errorf("%v within, want 3", n)
	}
	if n := most(nil, time.Second); n != 0 {
		t.Errorf("%v of no calls", n)
	}
}
