// Package usrloc is the user location: which contacts an address of record has
// (RFC 3261 §10), in memory and, where there is a database, in its table
// location before anybody is promised anything.
//
// A Table is sharded by address. Every change of a binding is a version of it:
// it counts at once, and stands in front of the version before it until the
// database has taken it or has failed to, so that a change can be undone without
// harm to those made since. One goroutine writes all changes, in groups.
package usrloc
