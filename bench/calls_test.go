package main

import (
	"math"
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

func TestARecoveryIsOverWithTheLastSecondThatIsTooEmpty(t *testing.T) {
	then := time.Now().Truncate(time.Second)
	var at []time.Time
	for ms := 0; ms < 5000; ms += 2 { // 500 a second, but for 1.2 s of 100 a second
		if ms >= 500 && ms < 1700 && ms%10 != 0 {
			continue
		}
		at = append(at, then.Add(time.Duration(ms)*time.Millisecond))
	}
	low, full := recovery(at, then, 5*time.Second)
	// From 1.2 s on a second has 0.5 s of the little and 0.5 s of the much: 300, and more later.
	if low != 100 || full < 1.1 || full > 1.3 {
		t.Errorf("lowest second %v, full after %v", low, full)
	}
}

func TestARecoveryThatDidNotComeHasNoEnd(t *testing.T) {
	then := time.Now().Truncate(time.Second)
	var at []time.Time
	for ms := 0; ms < 5000; ms += 10 { // 100 a second
		at = append(at, then.Add(time.Duration(ms)*time.Millisecond))
	}
	if _, full := recovery(at, then, 5*time.Second); !math.IsInf(full, 1) {
		t.Errorf("full after %v", full)
	}
}
