package main

import (
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestTheRestIsWhatTheOthersLeaveOfEachSecond(t *testing.T) {
	second := func(n int64, calls, throttled int) cognitosim.OthersInSecond {
		return cognitosim.OthersInSecond{Second: n, Count: cognitosim.Count{Calls: calls, Throttled: throttled}}
	}
	// 1 and 4 are not whole; in 2 nothing is left, in 3 ten calls are.
	others := []cognitosim.OthersInSecond{second(1, 30, 30), second(2, 40, 10), second(3, 20, 2), second(4, 30, 30)}
	var calls []cognitosim.Entry
	call := func(ms int64, answer string) {
		calls = append(calls, cognitosim.Entry{At: time.UnixMilli(ms), Answer: answer})
	}
	call(1900, cognitosim.OK)
	for i := range int64(9) {
		call(3000+i, cognitosim.OK)
	}
	call(3500, "TooManyRequestsException")
	call(4000, cognitosim.OK)
	figures := shareFigures(others, calls, time.UnixMilli(1500), time.UnixMilli(4500))
	for head, want := range map[string]float64{
		usersOthers: 30, usersThrottled: 0.2, usersCalls: 4.5, usersUsed: 0.9, usersOwn: 0.1,
	} {
		if v := figures[head]; v != want {
			t.Errorf("%s: %v, want %v", head, v, want)
		}
	}
}

func TestTheDefaultHasAGoalBesideUsersWhoFit(t *testing.T) {
	var fit []string
	for _, c := range crowds() {
		if c.fits() {
			fit = append(fit, c.name)
		}
	}
	if want := []string{"nobody else", "10/s"}; !slices.Equal(fit, want) {
		t.Errorf("%v, want %v", fit, want)
	}
}

func TestACrowdIsSaidAsTheTwinHasIt(t *testing.T) {
	for _, c := range crowds() {
		if _, err := cognitosim.ParseOthers(c.flag(time.Second)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
