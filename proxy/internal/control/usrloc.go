package control

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
)

// Lengths of the columns contact, path, received, socket and ruid, in bytes.
const (
	maxContact  = 512
	maxPath     = 512
	maxReceived = 128
	maxSocket   = 64
	maxRUID     = 64
)

// allMethods is Kamailio's bit mask for "takes everything".
const allMethods = 1<<32 - 1

// maxExpires is the longest life that ul.add gives a contact; 0 is for longer.
const maxExpires = 10 * 365 * 24 * time.Hour

// envelopeRoom is more than what stands around a result on its line.
const envelopeRoom = 1024

// ulDump makes the reply by itself, so that its size is known while it grows
// and a large table is refused instead of held in memory thrice.
func (s *Server) ulDump(ctx context.Context, p *params) (any, error) {
	brief := p.brief()
	if err := p.err(); err != nil {
		return nil, err
	}
	select {
	case s.dumps <- struct{}{}:
	case <-ctx.Done():
		return nil, ctlproto.Errorf(ctlproto.CodeBusy, "%d large replies are being sent; try again later", maxDumps)
	}
	release := func() { <-s.dumps }
	raw, err := s.dump(ctx, brief)
	if err != nil {
		release()
		return nil, err
	}
	return &largeResult{raw: raw, release: release}, nil
}

// brief reads the word of that name; by name, true is a word for it too.
func (p *params) brief() bool {
	switch value := p.given("brief"); string(value) {
	case "true", `"brief"`:
		return true
	case "", "false", `""`:
		return false
	}
	p.wrong("brief", `want "brief" or nothing`)
	return false
}

func (s *Server) dump(ctx context.Context, brief bool) (json.RawMessage, error) {
	slots, fullest := s.cfg.Usrloc.Slots()
	out := fmt.Appendf(nil, `{"Domains":[{"Domain":{"Domain":%q,"Size":%d,"AoRs":[`, ctlproto.TableLocation, slots)
	records := 0
	var failure error
	add := func(item any) bool {
		var raw []byte
		if failure = ctx.Err(); failure == nil {
			raw, failure = json.Marshal(item)
		}
		if failure == nil && len(out)+len(raw) > s.cfg.Limits.Reply-envelopeRoom {
			failure = tooLarge()
		}
		if failure != nil {
			return false
		}
		if records > 0 {
			out = append(out, ',')
		}
		out = append(out, raw...)
		records++
		return true
	}
	if brief {
		s.cfg.Usrloc.AoRs(func(address string) bool { return add(ctlproto.UlBriefAoR{AoR: address}) })
	} else {
		s.cfg.Usrloc.Dump(func(address string, contacts []ctlproto.Contact) bool {
			hash := hashID(address)
			return add(ctlproto.UlAoRItem{Info: ctlproto.UlAoR{AoR: address, HashID: &hash, Contacts: contactItems(contacts)}})
		})
	}
	if failure != nil {
		return nil, failure
	}
	return fmt.Appendf(out, `],"Stats":{"Records":%d,"Max-Slots":%d}}}]}`, records, fullest), nil
}

// hashID is a number for an address, stable over time.
func hashID(address string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(address))
	return h.Sum32()
}

func contactItems(contacts []ctlproto.Contact) []ctlproto.UlContactItem {
	items := make([]ctlproto.UlContactItem, len(contacts))
	for i, contact := range contacts {
		items[i].Contact = contact
	}
	return items
}

// record reads table and aor, which most methods of ul begin with. The address
// is canonical.
func (p *params) record() string {
	table := p.line("table", maxText)
	if p.problem == nil && table != "" && table != ctlproto.TableLocation {
		p.problem = ctlproto.Errorf(ctlproto.CodeNotFound, "%s: %q; there is only %q",
			ctlproto.TextTableNotFound, shorten(table), ctlproto.TableLocation)
	}
	return p.address("aor").String()
}

// contact reads a required SIP URI of at most maxContact bytes, as it stands
// in a Contact between < and >.
func (p *params) contact(name string) string {
	uri := p.required(name, maxContact)
	if p.problem != nil {
		return ""
	}
	scheme, rest, _ := strings.Cut(uri, ":")
	switch {
	case !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips"):
		p.wrong(name, "want a URI that begins with sip: or sips:")
	case rest == "" || strings.HasSuffix(rest, "@"):
		p.wrong(name, "there is no host")
	case strings.ContainsAny(uri, " <>\""):
		p.wrong(name, "a URI has no space, quote or angle bracket")
	}
	return uri
}

func (s *Server) ulLookup(_ context.Context, p *params) (any, error) {
	address := p.record()
	if err := p.err(); err != nil {
		return nil, err
	}
	contacts := s.cfg.Usrloc.Lookup(address)
	if len(contacts) == 0 {
		return nil, aorNotFound()
	}
	return ctlproto.UlAoR{AoR: address, Contacts: contactItems(contacts)}, nil
}

func aorNotFound() *ctlproto.Error {
	return ctlproto.Errorf(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound)
}

func (s *Server) ulAdd(ctx context.Context, p *params) (any, error) {
	address := p.record()
	seconds := p.integer("expires", 0, 0, int64(maxExpires/time.Second))
	contact := ctlproto.Contact{
		Address:   p.contact("contact"),
		Expires:   time.Duration(seconds) * time.Second,
		Permanent: seconds == 0,
		Q:         p.number("q", 1, 0, 1),
		Path:      noneIfDot(p.line("path", maxPath)),
		Flags:     uint32(p.integer("flags", 0, 0, allMethods)),
		CFlags:    uint32(p.integer("cflags", 0, 0, allMethods)),
		Methods:   uint32(p.integer("methods", allMethods, 0, allMethods)),
		Received:  noneIfDot(p.line("received", maxReceived)),
		Socket:    noneIfDot(p.line("socket", maxSocket)),
	}
	if contact.Methods == 0 {
		contact.Methods = allMethods
	}
	s.checkAdded(p, address, &contact)
	if err := p.err(); err != nil {
		return nil, err
	}
	return ctlproto.Done{}, s.cfg.Usrloc.Add(ctx, address, contact)
}

// checkAdded finds what is wrong with the texts of a contact: whether they could be
// what a phone's REGISTER leaves behind.
func (s *Server) checkAdded(p *params, address string, c *ctlproto.Contact) {
	if domain := address[strings.LastIndexByte(address, '@')+1:]; s.cfg.Local != nil && address != "" && !s.cfg.Local(domain) {
		p.wrong("aor", "its domain is none of ours")
	}
	var u sip.URI
	if c.Received != "" && (sip.ParseURI([]byte(c.Received), &u) != nil || u.Scheme == sip.SchemeOther) {
		p.wrong("received", "want the URI of a source, such as sip:192.0.2.1:5060")
	}
	if c.Socket != "" {
		name, rest, _ := strings.Cut(c.Socket, ":")
		if _, err := netip.ParseAddrPort(rest); err != nil || name != "udp" && name != "tcp" {
			p.wrong("socket", "want a socket of the proxy, such as udp:192.0.2.1:5060")
		}
	}
	var a sip.NameAddr
	for path := []byte(c.Path); len(path) > 0; {
		n := sip.NextValue(path)
		if sip.ParseNameAddr(path[:n], &a) != nil || sip.ParseURI(a.URI, &u) != nil {
			p.wrong("path", "want a Path's value (RFC 3327), such as <sip:192.0.2.1;lr>")
			return
		}
		path = path[min(n+1, len(path)):]
	}
}

// noneIfDot is how Kamailio's tools leave out a parameter that stands before
// others.
func noneIfDot(value string) string {
	if value == "." || value == "0" {
		return ""
	}
	return value
}

func (s *Server) ulRm(ctx context.Context, p *params) (any, error) {
	address := p.record()
	if err := p.err(); err != nil {
		return nil, err
	}
	found, err := s.cfg.Usrloc.Remove(ctx, address)
	if err == nil && !found {
		err = aorNotFound()
	}
	return ctlproto.Done{}, err
}

func (s *Server) ulRmContact(ctx context.Context, p *params) (any, error) {
	address := p.record()
	contact := p.contact("contact")
	ruid := p.line("ruid", maxRUID)
	if err := p.err(); err != nil {
		return nil, err
	}
	var found bool
	var err error
	if ruid == "" {
		found, err = s.cfg.Usrloc.RemoveContact(ctx, address, contact)
	} else {
		found, err = s.cfg.Usrloc.RemoveBinding(ctx, address, contact, ruid)
	}
	if err == nil && !found {
		err = ctlproto.Errorf(ctlproto.CodeNotFound, ctlproto.TextContactNotFound)
	}
	return ctlproto.Done{}, err
}

func (s *Server) ulFlush(ctx context.Context, _ *params) (any, error) {
	return ctlproto.Done{}, s.cfg.Usrloc.Flush(ctx)
}
