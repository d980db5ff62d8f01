package usrloc

import (
	"errors"
	"fmt"
	"math"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// op is the change of the database that a version asks for.
func (v *version) op() store.LocationOp {
	if v.gone {
		return remove(v.ruid())
	}
	return store.LocationOp{Binding: v.row()}
}

func remove(ruid string) store.LocationOp {
	return store.LocationOp{Delete: true, Binding: store.Binding{RUID: ruid}}
}

// row is the binding as table location holds it: times in whole seconds, rounded
// down: after a restart a phone is not told of more time than it was given.
func (v *version) row() store.Binding {
	a, _ := aor.Parse(v.entry.aor, "") // it is canonical: Save's caller made it so
	row := store.Binding{
		RUID: v.ruid(), AOR: a, Contact: string(v.Contact()), Received: string(v.Received()),
		Path: string(v.Path()), Q: quality(v.Q), CallID: string(v.CallID()), CSeq: v.CSeq,
		LastModified: v.Modified(), Flags: v.Flags, CFlags: v.CFlags, UserAgent: string(v.UserAgent()),
		Socket: string(v.Socket()), Methods: v.Methods, Instance: string(v.Instance()), RegID: v.RegID,
		ServerID: v.ServerID, ConnectionID: int32(v.Flow.Conn & math.MaxInt32),
	}
	if v.expires != 0 {
		row.Expires = time.Unix(v.expires/1000, 0).UTC()
	}
	return row
}

// fromRow makes v the binding that a row holds. A connection does not outlive
// the process: a binding over one is reached by its URI from then on.
func (t *Table) fromRow(v *version, row *store.Binding) {
	v.setTexts(&[numTexts][]byte{
		textContact: []byte(row.Contact), textReceived: []byte(row.Received), textPath: []byte(row.Path),
		textCallID: []byte(row.CallID), textUserAgent: cut([]byte(row.UserAgent)),
		textInstance: []byte(row.Instance), textSocket: []byte(row.Socket),
	})
	v.Q, v.CSeq, v.Methods = thousandths(row.Q), row.CSeq, row.Methods
	v.Flags, v.CFlags, v.RegID, v.ServerID = row.Flags, row.CFlags, row.RegID, row.ServerID
	v.modified = row.LastModified.UnixMilli()
	if !row.Expires.IsZero() {
		v.expires = row.Expires.UnixMilli()
	}
	v.id, _ = parseRUID(row.RUID)
	if row.Path == "" {
		v.Flow = t.flowOf(row.Socket, row.Received, row.Contact)
	}
}

// checkRow returns the address of a row, or what keeps the row out of the table.
func checkRow(row *store.Binding) (address string, err error) {
	a, err := aor.Parse(row.AOR.String(), "")
	if err != nil {
		return "", err
	}
	return a.String(), checkRowTexts(row)
}

func checkRowTexts(row *store.Binding) error {
	var uri sip.URI
	if sip.ParseURI([]byte(row.Contact), &uri) != nil {
		return errors.New("contact is no URI")
	}
	for _, text := range [...]struct {
		field, value string
		most         int
	}{
		{"contact", row.Contact, MaxContact}, {"received", row.Received, MaxReceived}, {"path", row.Path, MaxPath},
		{"callid", row.CallID, MaxCallID}, {"instance", row.Instance, MaxInstance},
	} {
		if len(text.value) > 4*text.most { // characters of UTF-8
			return fmt.Errorf("%s is too long", text.field)
		}
	}
	if len(row.Received) > 0 && sip.ParseURI([]byte(row.Received), &uri) != nil {
		return errors.New("received is no URI")
	}
	return nil
}

// flowOf finds the UDP flow of a binding again: from the socket that it came in
// on to its source, which is its contact where the row names no other. The zero
// Flow: there is none.
func (t *Table) flowOf(socket, received, contact string) transport.Flow {
	if t.cfg.Sockets == nil || socket == "" {
		return transport.Flow{}
	}
	source := received
	if source == "" {
		source = contact
	}
	var uri sip.URI
	if sip.ParseURI([]byte(source), &uri) != nil || uri.Scheme != sip.SchemeSIP {
		return transport.Flow{}
	}
	if p, ok := uri.Param("transport"); ok && !sip.EqualFold(p, "udp") {
		return transport.Flow{}
	}
	remote, ok := addrPort(&uri)
	if !ok {
		return transport.Flow{}
	}
	for i, s := range t.cfg.Sockets() {
		if s.Name == socket && s.Proto == transport.UDP && s.Addr.Addr().Is4() == remote.Addr().Is4() {
			return transport.Flow{Proto: transport.UDP, Socket: uint16(i), Local: s.Addr, Remote: remote}
		}
	}
	return transport.Flow{}
}
