package relay

import "time"

// course is what a branch goes by: where it leads, and what was asked of it there.
type course struct {
	fr, frInv time.Duration // how long it may be silent, and ring; 0 for the general ones
	uri       []byte        // the Request-URI that it was sent with
	hop       []byte        // the URI that it was sent to, empty where that is uri
	callee    []byte        // the call's, when it was sent
	names     *ownNames     // renamed headers and parameters of its own; nil for most branches
	group     uint32        // the phone's, where it has more flows
	flags     uint32        // Target.Flags, and what reply routes made of them
	phone     bool          // it leads to one: Target.Phone
	secured   bool          // it must not leave TLS: Target.Secured
	users     bool          // it leads to a phone, or where a user has said: its 3xx is a user's word
	senders   bool          // it leads where the sender has said: unless that is a gateway, its 3xx is the sender's word
}

// courseTo is that of a branch to a target, without names of its own. Its texts are the target's.
func (r *Request) courseTo(t *Target) course {
	users := t.Phone || !t.Flow.IsZero() || t.UsersWord()
	return course{
		fr: r.fr, frInv: r.frInv, uri: t.URI, hop: r.hopOf(t), callee: r.Call.callee,
		group: t.Group, flags: t.Flags, phone: t.Phone, secured: t.Secured,
		users: users, senders: !users && r.isSenders(t),
	}
}

// begin makes a branch follow a course, whose URI and hop are copied into what room the branch has.
func (b *Branch) begin(on *course) {
	uri, hop := append(b.uri[:0], on.uri...), append(b.hop[:0], on.hop...)
	b.course = *on
	b.uri, b.hop = uri, hop
}
