// Package topology holds rekey to its promises on every kind of Redis that an
// address can name: a unix socket, a port with a password, TLS, a user of few
// rights, primaries that sentinels replace, a Cluster.
//
// It has no code, only tests: each starts redis-servers of its own, the twin
// and the built programs, runs a campaign through them, and holds the report
// against the twin's journal. Its weak spot is that all of them run on one
// machine: the network between the nodes never loses only a part of them.
package topology
