// Package outage takes things away from workers in the middle of a campaign:
// Redis, Cognito, the network, the time, the queue, the workers themselves. The
// workers are processes and the Redis is a redis-server.
//
// Each test promises that nobody gets a second code while the first is alive,
// that no row is lost, that nothing goes out while it cannot be recorded, and
// that what was held goes on without a hand. The twin runs in the test, which
// so knows of every call that reached it. Its weak spot: it breaks what somebody
// thought of; test/chaos is for the rest.
package outage
