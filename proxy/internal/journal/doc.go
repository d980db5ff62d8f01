// Package journal keeps records on disk until they are no longer needed: what was
// appended is there after a crash, in order.
//
// A journal is a folder of segments, files that are written from the beginning to
// the end and deleted whole, the oldest first. Every record bears a checksum and a
// number that only rises. A record that a crash cut off is cut away; one that is
// damaged in the middle is skipped, and reading goes on at the next that is whole. A
// record whose append failed is taken back as soon as the disk lets it (see Append).
package journal
