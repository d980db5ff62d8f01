// Package sip holds a SIP message as it was received (RFC 3261 §7, §25): the raw
// bytes, an index of its header lines made in one pass, and values parsed when
// somebody asks for them. A message is changed by edits that are applied when it
// is written, so that what nobody touches goes out byte for byte as it came.
//
// Nothing in this package allocates for a message of ordinary size, and every
// slice that it returns points into the message's buffer: it is valid as long as
// the message is, and whoever keeps it longer copies it.
package sip
