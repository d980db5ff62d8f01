package phone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registration is the state of the phone's binding. All REGISTERs of one phone share a Call-ID and
// count their CSeq up (RFC 3261 §10.2).
type registration struct {
	mu     sync.Mutex // one REGISTER at a time (RFC 3261 §10.2)
	callID sip.CallIDHeader
	tag    string
	seq    uint32
	asked  time.Duration // lifetime asked for; grows when the registrar finds it too brief
	bound  bool
}

func (r *registration) init(p *Phone) {
	r.callID = sip.CallIDHeader(sip.GenerateTagN(20) + "@" + p.addr.Addr().String())
	r.tag = sip.GenerateTagN(12)
	r.asked = p.cfg.Expires
}

// Register makes or refreshes the phone's binding. It returns how long the registrar keeps it.
func (p *Phone) Register(ctx context.Context) (time.Duration, error) {
	r := &p.registration
	r.mu.Lock()
	defer r.mu.Unlock()
	res, err := p.sendRegister(ctx, r.asked)
	if err != nil {
		return 0, err
	}
	if res.StatusCode == sip.StatusIntervalToBrief {
		least, err := seconds(res, "Min-Expires")
		if err != nil || least <= r.asked {
			return 0, fmt.Errorf("register: 423 without a usable Min-Expires")
		}
		r.asked = least
		if res, err = p.sendRegister(ctx, r.asked); err != nil {
			return 0, err
		}
	}
	if !res.IsSuccess() {
		return 0, fmt.Errorf("register: %d %s", res.StatusCode, res.Reason)
	}
	granted := p.granted(res)
	if granted <= 0 {
		return 0, fmt.Errorf("register: %d, but our contact is not in it", res.StatusCode)
	}
	r.bound = true
	return granted, nil
}

// sendRegister sends one REGISTER and answers its challenge.
func (p *Phone) sendRegister(ctx context.Context, expires time.Duration) (*sip.Response, error) {
	var credentials sip.Header
	for attempt := 0; ; attempt++ {
		req := p.newRegister(expires, credentials)
		res, err := p.do(ctx, req)
		if err != nil || !challenged(res) || attempt == maxChallenges {
			return res, err
		}
		if credentials != nil && !stale(res) {
			return nil, fmt.Errorf("register: %d %s: the password is wrong", res.StatusCode, res.Reason)
		}
		if credentials, err = p.credentials(req, res); err != nil {
			return nil, fmt.Errorf("register: %w", err)
		}
	}
}

// newRegister builds a REGISTER (RFC 3261 §10.2); credentials may be nil.
func (p *Phone) newRegister(expires time.Duration, credentials sip.Header) *sip.Request {
	r := &p.registration
	r.seq++
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: p.cfg.Domain})
	from := &sip.FromHeader{DisplayName: p.cfg.Name, Address: p.aor()}
	from.Params.Add("tag", r.tag)
	contact := p.contact()
	contact.Params.Add("expires", strconv.Itoa(int(expires/time.Second)))
	callID := r.callID
	for _, h := range []sip.Header{
		from, &sip.ToHeader{Address: p.aor()}, &callID,
		&sip.CSeqHeader{SeqNo: r.seq, MethodName: sip.REGISTER},
		contact, sip.NewHeader("Allow", p.methods()),
	} {
		req.AppendHeader(h)
	}
	if credentials != nil {
		req.AppendHeader(credentials)
	}
	p.complete(req)
	req.SetDestination(p.cfg.Router.String())
	return req
}

// stale is true if a challenge only wants a fresh nonce (RFC 7616 §3.3).
func stale(res *sip.Response) bool {
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		for _, h := range res.GetHeaders(name) {
			if v, ok := authParam(h.Value(), "stale"); ok && v == "true" {
				return true
			}
		}
	}
	return false
}

// granted finds our own contact in a 200 to REGISTER and returns its lifetime, 0 if it is not there.
func (p *Phone) granted(res *sip.Response) time.Duration {
	own := p.contact().Address
	for _, h := range res.GetHeaders("Contact") {
		for _, value := range splitList(h.Value()) {
			var uri sip.Uri
			var params sip.HeaderParams
			if _, err := sip.ParseAddressValue(value, &uri, &params); err != nil {
				continue
			}
			// sipgo keeps the brackets of an IPv6 reference that it read.
			if uri.User != own.User || strings.Trim(uri.Host, "[]") != own.Host || uri.Port != own.Port {
				continue
			}
			if v, ok := params.Get("expires"); ok {
				n, err := strconv.Atoi(v)
				if err != nil {
					return 0
				}
				return time.Duration(n) * time.Second
			}
		}
	}
	d, err := seconds(res, "Expires")
	if err != nil {
		return 0
	}
	return d
}

// seconds reads a header that is a number of seconds.
func seconds(res *sip.Response, name string) (time.Duration, error) {
	h := res.GetHeader(name)
	if h == nil {
		return 0, errors.New("no " + name)
	}
	n, err := strconv.ParseUint(h.Value(), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return time.Duration(n) * time.Second, nil
}

// keepRegistered refreshes the binding at three quarters of its life until ctx ends, and tries
// again after a failure, at first soon and then every half minute.
func (p *Phone) keepRegistered(ctx context.Context) {
	const first, longest = time.Second, 30 * time.Second
	pause := first
	for {
		granted, err := p.Register(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("not registered", "error", err, "again_in", pause)
			if !wait(ctx, pause) {
				return
			}
			pause = min(2*pause, longest)
		default:
			p.log.Debug("registered", "for", granted)
			pause = first
			if !wait(ctx, max(granted*3/4, time.Second)) {
				return
			}
		}
	}
}

// unregister removes the binding, if there is one (RFC 3261 §10.2.2).
func (p *Phone) unregister() error {
	r := &p.registration
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.bound {
		return nil
	}
	r.bound = false
	ctx, cancel := closing()
	defer cancel()
	res, err := p.sendRegister(ctx, 0)
	if err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	if !res.IsSuccess() {
		return fmt.Errorf("unregister: %d %s", res.StatusCode, res.Reason)
	}
	return nil
}
