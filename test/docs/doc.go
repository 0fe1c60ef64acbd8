// Package docs reads the documents as a newcomer does: it follows their links
// and types their commands, against a Redis and the Cognito twin.
//
// It promises that a command of the README and of the tutorial runs, that what
// they show is what the programs say, and that no document names a file, a
// heading, a command or a flag that does not exist. Its weak spot: whether a
// sentence beside them is true it cannot tell.
package docs
