// Package faketime holds rekey to its promises over days: throttles for hours,
// a spent quota until nine o'clock, six hours without Cognito, an hour without
// Redis, users who must wait for four hours.
//
// It has no code, only tests. Each runs whole workers with their queue, a Redis
// in memory and the twin in one synctest bubble, where an hour takes a second;
// and while it runs, and at its end, the ledger is held against the twin's
// journal. Nothing hangs on how quick the machine is: no time passes while
// anything works.
//
// Equal in every run is how each campaign ends: each counter to the row. Where
// an outcome goes by a script, so are the calls and their answers. Not equal is
// what hangs on chance: the instants, since workers' first look and all waits
// have their jitter (a user's wait of hours ends up to half of it sooner or
// later, a call on the rate some tenths of a second); which of two goroutines
// that are due at the same instant goes first; and so, where a throttle or an
// outage meets whoever is under way, how many calls it meets: of 3,700 some
// five more or fewer in the throttled day, one in the six hours. Jitter is the
// libraries' own, and the order the runtime's: neither takes a seed. So the tests
// assert what must hold in all of these runs, and no instant of one.
//
// Its weak spots: all clocks are the same one, so a worker whose clock is off
// cannot be seen here; what a polling worker asks of Redis when there is
// nothing to do is slowed down (see line), or an hour would take a minute; and
// Redis is miniredis, in which nothing is ever lost.
package faketime
