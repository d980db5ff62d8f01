package txn

// State names the state of the transaction as RFC 3261 §17.2 and RFC 6026 §7.1 do. The
// cell is locked.
func (x *Server) State() string {
	return [...]string{"trying", "proceeding", "completed", "confirmed", "accepted", "terminated"}[x.state]
}

// LastReply is the last reply while it may have to be sent again, else nil. The cell is
// locked.
func (x *Server) LastReply() []byte {
	if x.last == nil {
		return nil
	}
	return x.last.B
}

// State names the state of the transaction as RFC 3261 §17.1 and RFC 6026 §7.2 do, or
// "given up" after Lapse. The cell is locked.
func (x *Client) State() string {
	return [...]string{"idle", "calling", "proceeding", "given up", "completed", "accepted", "terminated"}[x.state]
}
