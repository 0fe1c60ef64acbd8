// Package archtest holds the repository to the arrows of its design: which
// package may import which, and who may speak to asynq, to Redis and to AWS.
//
// It has no code, only a test. Its weak spot: it sees imports, and not what is
// done with them.
package archtest
