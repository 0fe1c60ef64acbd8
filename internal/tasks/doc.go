// Package tasks is the conductor: it feeds the rows that may be called within
// the next minute into asynq, takes each of them through one call of Cognito,
// and decides what its answer means for the row.
//
// It promises that a task may be delivered any number of times, late, or never:
// the ledger decides, the queue only proposes. A task that comes twice finds
// its row settled, and a row whose task is lost is fed again by the walk.
//
// Its weak spot is patience: a row whose task vanished without a trace waits
// for the second walk, twenty minutes at the worst.
package tasks
