package phone

import (
	"errors"
	"fmt"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// dialog is one end of a dialog (RFC 3261 §12): what every request within it is made of.
type dialog struct {
	callID string
	local  sip.FromHeader // we, with our tag

	mu        sync.Mutex
	remote    sip.ToHeader // the peer, with its tag once known
	target    sip.Uri
	routes    []string // Route header values, nearest first
	localSeq  uint32
	remoteSeq uint32
}

func (d *dialog) localTag() string { return d.local.Params.GetOr("tag", "") }

func (d *dialog) remoteTag() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remote.Params.GetOr("tag", "")
}

// dialogOfRequest makes our end of the dialog that an INVITE offers (RFC 3261 §12.1.1). It also puts
// our tag into the request's To, so that every response to it, sipgo's own 487 included, bears
// the same one.
func dialogOfRequest(req *sip.Request) (*dialog, error) {
	from, to, contact, callID, seq := req.From(), req.To(), req.Contact(), req.CallID(), req.CSeq()
	switch {
	case from == nil || to == nil || callID == nil || seq == nil:
		return nil, errors.New("From, To, Call-ID or CSeq missing")
	case from.Params.GetOr("tag", "") == "":
		return nil, errors.New("From without tag")
	case contact == nil || contact.Address.Host == "":
		return nil, errors.New("INVITE without a usable Contact")
	}
	to.Params.Add("tag", sip.GenerateTagN(12))
	return &dialog{
		callID:    callID.Value(),
		local:     to.AsFrom(),
		remote:    from.AsTo(),
		target:    *contact.Address.Clone(),
		routes:    recordRoutes(req.GetHeaders("Record-Route")),
		remoteSeq: seq.SeqNo,
	}, nil
}

// confirm completes a dialog of ours with the 2xx to its INVITE (RFC 3261 §12.1.2).
func (d *dialog) confirm(res *sip.Response) error {
	to, contact := res.To(), res.Contact()
	if to == nil || to.Params.GetOr("tag", "") == "" {
		return fmt.Errorf("%d without a To tag", res.StatusCode)
	}
	if contact == nil || contact.Address.Host == "" {
		return fmt.Errorf("%d without a usable Contact", res.StatusCode)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remote = *sip.HeaderClone(to).(*sip.ToHeader)
	d.target = *contact.Address.Clone()
	d.routes = nil
	for _, r := range recordRoutes(res.GetHeaders("Record-Route")) {
		d.routes = append([]string{r}, d.routes...)
	}
	return nil
}

// recordRoutes lists the elements of all Record-Route headers in order.
func recordRoutes(headers []sip.Header) []string {
	var all []string
	for _, h := range headers {
		all = append(all, splitList(h.Value())...)
	}
	return all
}

// nextSeq counts our CSeq up.
func (d *dialog) nextSeq() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq++
	return d.localSeq
}

// request builds a request within the dialog (RFC 3261 §12.2.1.1). An ACK takes the CSeq of its
// INVITE, everything else a new one.
func (d *dialog) request(method sip.RequestMethod, seq uint32) *sip.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	req := sip.NewRequest(method, *d.target.Clone())
	callID := sip.CallIDHeader(d.callID)
	for _, h := range []sip.Header{
		sip.HeaderClone(&d.local), sip.HeaderClone(&d.remote), &callID,
		&sip.CSeqHeader{SeqNo: seq, MethodName: method},
	} {
		req.AppendHeader(h)
	}
	for _, r := range d.routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	return req
}

// inOrder takes note of a request's CSeq; false if it is older than what came before (RFC 3261
// §12.2.2 asks for a 500 then).
func (d *dialog) inOrder(req *sip.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if seq := req.CSeq(); seq == nil || seq.SeqNo <= d.remoteSeq {
		return false
	}
	d.remoteSeq = req.CSeq().SeqNo
	return true
}

// retarget follows the peer to a new Contact (RFC 3261 §12.2.2).
func (d *dialog) retarget(req *sip.Request) {
	if c := req.Contact(); c != nil && c.Address.Host != "" {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.target = *c.Address.Clone()
	}
}
