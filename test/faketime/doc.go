// Package faketime holds rekey to its promises over days: throttles for hours,
// a spent quota until nine o'clock, six hours without Cognito, an hour without
// Redis, users who must wait for four hours.
//
// It has no code, only tests. Each runs whole workers with their queue, a Redis
// in memory and the twin in one synctest bubble, where an hour takes a second;
// and while it runs, and at its end, the ledger is held against the twin's
// journal. Nothing hangs on how quick the machine is, but waits have their
// jitter and tokens their random names: two runs are alike, not equal.
//
// Its weak spots: all clocks are the same one, so a worker whose clock is off
// cannot be seen here; what a polling worker asks of Redis when there is
// nothing to do is slowed down (see line), or an hour would take a minute; and
// Redis is miniredis, in which nothing is ever lost.
package faketime
