// Package txn holds the transactions of the router (RFC 3261 §17 with the
// corrections of RFC 6026): one table in shards, one timer wheel a shard, no
// goroutine and no runtime timer for a transaction.
//
// Transactions that belong together, those of one forwarded request, share a
// Cell: one lock, one reference count, one shard. Their memory belongs to the
// user of this package, who gets it back by Owner.Release when nothing refers
// to it any more.
//
// The order of locks is: cell, then shard. No shard is locked while a cell is
// taken.
package txn
