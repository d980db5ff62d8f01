package user

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// pathSend is the page to write a message.
const pathSend = pathMessages + "/new"

// maxTyped bounds what is shown again of a text that is too long, in bytes. It
// is many times what can be sent.
const maxTyped = 16_000

// sendPage is the data of send.html and of its part "room".
type sendPage struct {
	Form *form.Form
	// From is whose name it is sent in.
	From string
	Room room
	// Fault is what is wrong apart from the fields, Detail what SIP said; their
	// keys are "" if nothing is.
	Fault, Detail view.Msg
	People        []view.Option // of the phone book, to choose from
}

// SendPage shows the form for a message (GET /user/messages/new); to= fills it
// in.
func (p *Portal) SendPage(w http.ResponseWriter, r *http.Request) {
	to := plainAddress(clip(r.URL.Query().Get("to"), maxEntryAddress))
	p.showSend(w, r, http.StatusOK, sendPage{Form: form.New("to", to)})
}

// SendRoom says how many bytes are left of the text (POST
// /user/messages/new/room), for the page's script while somebody types.
func (p *Portal) SendRoom(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	p.View.Fragment(w, r, http.StatusOK, "room", sendPage{Room: roomFor(owner(r), f)})
}

// Send sends a message (POST /user/messages/new) and says what became of it.
// The sender is always who is signed in, whatever the form says.
func (p *Portal) Send(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	to := readRecipient(f, owner(r).Domain)
	text := readMessage(f, roomFor(owner(r), f))
	if !f.OK() {
		p.showSend(w, r, http.StatusUnprocessableEntity, sendPage{Form: f})
		return
	}
	me := owner(r).String()
	result, err := p.acts.ImSend(r.Context(), ctlproto.ImSendParams{From: me, To: to, Text: text, Actor: me})
	if err != nil {
		p.sendFault(w, r, f, err)
		return
	}
	name := p.nameOf(r.Context(), owner(r), to)
	switch result.Result {
	case ctlproto.ImDelivered:
		p.done(w, r, pathMessages, view.M("send.delivered", name))
	case ctlproto.ImStored:
		p.done(w, r, pathMessages, p.storedText(r, to, name))
	default:
		page := sendPage{Form: f, Fault: sendFailed(result.Code, name)}
		if result.Code == http.StatusServiceUnavailable && p.isOurs(r.Context(), to) {
			page.Fault = view.M("send.failed.not_here", name)
			if !p.writable(r.Context()) {
				page.Fault = view.M("send.failed.not_kept", name)
			}
		}
		if detail := sipDetail(result.Code, result.Reason); detail != "" {
			page.Detail = view.M("send.detail", detail)
		}
		p.showSend(w, r, http.StatusUnprocessableEntity, page)
	}
}

// storedText says of a message that is kept why: whoever is on line all the same has a phone
// that has not taken it, or gets others first.
func (p *Portal) storedText(r *http.Request, to, name string) view.Msg {
	key := presenceKey(to)
	statuses, err := p.presence(r, []string{key})
	if err == nil && statuses[key] == statusOffline {
		return view.M("send.stored", name)
	}
	return view.M("send.stored_later", name)
}

// readRecipient reads an address that takes messages.
func readRecipient(f *form.Form, domain string) string {
	to := readAddress(f, "to", domain)
	if to != "" && !takesMessages(to) {
		f.Fail("to", "send.no_tel")
	}
	return to
}

// readMessage reads the text: what was typed, with the line ends of the network
// made plain, as far as it fits.
func readMessage(f *form.Form, left room) string {
	text := messageText(f)
	switch {
	case text == "":
		f.Fail("text", "send.empty")
	case !utf8.ValidString(text), strings.ContainsFunc(text, forbiddenInText):
		f.Fail("text", "form.characters")
	case left.Over > 0:
		f.Fail("text", countKey("send.too_long", left.Over), strconv.Itoa(left.Over))
	}
	return text
}

// messageText is the text as it is sent.
func messageText(f *form.Form) string {
	return strings.TrimRight(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(f.Value("text")), " \t\n")
}

// forbiddenInText is true for characters that no message holds.
func forbiddenInText(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }

// sendFailed says why a message was not delivered, by the final SIP status.
func sendFailed(code int, name string) view.Msg {
	switch code {
	case 404, 410, 604:
		return view.M("send.failed.nobody", name)
	case 408, 504:
		return view.M("send.failed.no_answer", name)
	case 480:
		return view.M("send.failed.away", name)
	case 486, 600:
		return view.M("send.failed.busy", name)
	case 405, 415, 488, 501, 606:
		return view.M("send.failed.no_messages", name)
	case 413, 513:
		return view.M("send.failed.too_large")
	case 503:
		return view.M("send.failed.not_now", name)
	}
	if code == 403 || code >= 600 {
		return view.M("send.failed.refused", name)
	}
	return view.M("send.failed.other", name)
}

// isOurs reports whether an address is in a domain of ours. There the router's
// 503 has two causes: nobody has the address, or nothing can be kept for them. It
// tells the two apart to nobody who sends a message, and so do we not here.
func (p *Portal) isOurs(ctx context.Context, uri string) bool {
	who, err := aor.Parse(uri, "")
	if err != nil {
		return false
	}
	domains, err := p.DB.Domains.List(ctx)
	if err != nil {
		p.Log.Warn("domains not known", "error", err) // the general words do as well
	}
	return slices.ContainsFunc(domains, func(d store.Domain) bool { return d.Name == who.Domain })
}

// writable reports whether the database takes changes at the moment, as far as that is
// known soon.
func (p *Portal) writable(ctx context.Context) bool {
	taken := make(chan error, 1)
	go func() { taken <- p.DB.Writable(ctx) }()
	timer := time.NewTimer(writableTime)
	defer timer.Stop()
	select {
	case err := <-taken:
		return !store.IsUnavailable(err)
	case <-timer.C:
		return false
	}
}

// writableTime is how long a lock may last before it is one that matters.
const writableTime = time.Second

// sendFault shows why the router did not send a message.
func (p *Portal) sendFault(w http.ResponseWriter, r *http.Request, f *form.Form, err error) {
	status, page := http.StatusUnprocessableEntity, sendPage{Form: f}
	switch code := ctlproto.CodeOf(err); {
	case code == ctlproto.CodeTooLarge, code == ctlproto.CodeInvalidParams && faultyParam(err) == "text":
		f.Fail("text", "send.too_large")
	case code == ctlproto.CodeInvalidParams:
		f.Fail("to", "send.to_refused")
	case code == ctlproto.CodeRefused, code == ctlproto.CodeNotFound:
		page.Fault = view.M("send.not_allowed")
	case code == ctlproto.CodeBusy:
		status, page.Fault = http.StatusTooManyRequests, view.M("send.busy")
	case code == ctlproto.CodeMethodNotFound:
		status, page.Fault = http.StatusServiceUnavailable, view.M("send.none")
	case code == ctlproto.CodeInternal:
		status, page.Fault = http.StatusInternalServerError, view.M("send.broken")
	case ctlproto.MayHaveBegun(err):
		status, page.Fault = http.StatusServiceUnavailable, view.M("send.late")
	default:
		status, page.Fault = http.StatusServiceUnavailable, view.M("send.away")
	}
	p.Log.Warn("message not sent", "user", owner(r).String(), "error", err)
	p.showSend(w, r, status, page)
}

// faultyParam is the parameter that the router did not take, "" if it names none.
func faultyParam(err error) string {
	var refusal *ctlproto.Error
	if !errors.As(err, &refusal) {
		return ""
	}
	problem, ok := refusal.Data.(*ctlproto.ParamProblem)
	if !ok {
		return ""
	}
	return problem.Field
}

func (p *Portal) showSend(w http.ResponseWriter, r *http.Request, status int, page sendPage) {
	page.From, page.Room = owner(r).String(), roomFor(owner(r), page.Form)
	page.People = p.choices(r)
	if typed := page.Form.Value("text"); len(typed) > maxTyped {
		page.Form.Set("text", cutBytes(typed, maxTyped))
	}
	p.View.Page(w, r, status, "send", view.Page{Title: view.M("send.title"), Tab: tabMessages, Data: page})
}

// nameOf is what the owner calls an address: as in the phone book, else the
// address.
func (p *Portal) nameOf(ctx context.Context, who aor.AOR, uri string) string {
	one := newPerson(stranger{URI: uri})
	entries, err := p.DB.Phonebook.FindAddresses(ctx, who, []string{one.URI, plainURI(one.URI)})
	if err != nil {
		p.Log.Warn("name not looked up", "user", who.String(), "error", err) // the address does as well
	}
	one.meet(entries)
	return one.Name
}
