// Package dns asks name servers for the records that RFC 3263 needs (NAPTR, SRV, A and
// AAAA) and keeps what they say. It knows nothing of SIP.
//
// A [Client] takes its servers from /etc/resolv.conf, or from its settings, and asks
// over UDP with a time-out for each try, over TCP where an answer is cut short. It
// believes an answer only if it comes from the server that was asked and repeats the
// question's number, name and type; of an answer it takes the records that the question
// leads to, along at most [maxAliases] CNAMEs, and no more than [MaxRecords] of them.
//
// Answers stay as long as their TTL says, within bounds; that a name or record does not
// exist stays too (RFC 2308), and that nobody could tell stays for a moment, so that a
// dead server is not asked for each message. While the servers are dead, or slow, an old
// answer serves on (RFC 8767), and the question stays under way. Everything that grows has
// a bound.
package dns
