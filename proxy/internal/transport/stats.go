package transport

import "sync/atomic"

// counters are written by all workers; UDP's once a batch.
type counters struct {
	udpReceived, udpSent, udpDropped          atomic.Uint64
	streamReceived, streamSent, streamDropped atomic.Uint64
	connsAccepted, connsOpened, connsRefused  atomic.Uint64
	connsReplaced                             atomic.Uint64
	handshakes, handshakesFailed              atomic.Uint64
	stunAnswered, stunDropped                 atomic.Uint64
}

// Stats are the numbers of a layer since it was made; Conns, Waiters are of this moment.
type Stats struct {
	UDPReceived      uint64 // datagrams, keep-alives included
	UDPSent          uint64
	UDPDropped       uint64 // refused by the kernel
	StreamReceived   uint64 // messages
	StreamSent       uint64 // messages and keep-alives queued
	StreamDropped    uint64 // refused because a queue was full
	ConnsAccepted    uint64
	ConnsOpened      uint64 // connections of our own making
	ConnsRefused     uint64 // beyond a limit
	ConnsReplaced    uint64 // of strangers, and our own, that gave their place to others
	Handshakes       uint64 // TLS and WebSocket, done
	HandshakesFailed uint64
	StunAnswered     uint64
	StunDropped      uint64 // beyond Config.StunRate or StunRatePerSource
	Conns            int    // connections open or being opened
	ConnsOwn         int    // of these, our own to places that are not trusted
	Waiters          int    // parked workers
}

// Stats reads the numbers.
func (l *Layer) Stats() Stats {
	s := &l.stats
	conns, own := l.conns.size()
	return Stats{
		UDPReceived:      s.udpReceived.Load(),
		UDPSent:          s.udpSent.Load(),
		UDPDropped:       s.udpDropped.Load(),
		StreamReceived:   s.streamReceived.Load(),
		StreamSent:       s.streamSent.Load(),
		StreamDropped:    s.streamDropped.Load(),
		ConnsAccepted:    s.connsAccepted.Load(),
		ConnsOpened:      s.connsOpened.Load(),
		ConnsRefused:     s.connsRefused.Load(),
		ConnsReplaced:    s.connsReplaced.Load(),
		Handshakes:       s.handshakes.Load(),
		HandshakesFailed: s.handshakesFailed.Load(),
		StunAnswered:     s.stunAnswered.Load(),
		StunDropped:      s.stunDropped.Load(),
		Conns:            conns,
		ConnsOwn:         own,
		Waiters:          int(l.waiters.Load()),
	}
}
