package user

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// pathDial is the page of two addresses; attempts are below it.
const pathDial = "/user/dial"

// maxCalleeName is the longest name for the caller's phone, in bytes.
const maxCalleeName = 128

// dialPage is the data of dial.html.
type dialPage struct {
	Form *form.Form
	// Devices are the choices of the phone that rings first, none if there is one alone.
	Devices []view.Option
	// From is the caller's own address.
	From string
	// Fault is what is wrong apart from the field; its key is "" if nothing is.
	Fault view.Msg
	// Running is the page of the user's own attempt that keeps a new one from
	// being started, else "".
	Running string
	Last    []dialRow
	Away    bool
	People  []view.Option // of the phone book, to choose from
}

// dialRow is an address called before.
type dialRow struct {
	Name, Address, URI string
	AOR, Status        string
	HasName            bool
	Time               time.Time
}

// DialPage shows the form and the addresses called last (GET /user/dial); to=
// fills it in.
func (p *Portal) DialPage(w http.ResponseWriter, r *http.Request) {
	p.showDial(w, r, http.StatusOK, dialPage{Form: form.New("to", clip(r.URL.Query().Get("to"), maxEntryAddress))})
}

// Dial connects the user's phone with an address (POST /user/dial). The caller
// is always who is signed in, whatever the form says.
func (p *Portal) Dial(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	to := readAddress(f, "to", owner(r).Domain)
	if to == "sip:"+owner(r).String() || to == "sips:"+owner(r).String() {
		f.Fail("to", "dial.own")
	}
	device, err := p.readDevice(r, f)
	if err != nil {
		p.dialFault(w, r, f, err)
		return
	}
	if !f.OK() {
		p.showDial(w, r, http.StatusUnprocessableEntity, dialPage{Form: f})
		return
	}
	status, err := p.startCall(r.Context(), owner(r), to, device)
	if err != nil {
		p.dialFault(w, r, f, err)
		return
	}
	p.live.calls.rings(owner(r), status.ID, device)
	me := owner(r)
	p.aside.Do("dial "+me.String(), func(ctx context.Context) {
		if err := p.DB.Dials.Add(ctx, me, to); err != nil {
			p.Log.Warn("dialled address not remembered", "user", me.String(), "error", err)
		}
		p.live.BookChanged(me)
	})
	p.showAttempt(w, r, status)
}

// startCall asks the router to connect caller with callee; device is the contact or ruid of the
// caller's that rings, all if empty. The status holds
// what is known before the router has told more.
func (p *Portal) startCall(ctx context.Context, caller aor.AOR, callee, device string) (ctlproto.CtdStatus, error) {
	name := ""
	if e, err := p.DB.Phonebook.FindAddress(ctx, caller, callee); err == nil {
		name = cutBytes(e.Name(), maxCalleeName)
	} else if !errors.Is(err, store.ErrNotFound) {
		p.Log.Warn("name not looked up", "user", caller.String(), "error", err) // the call does not depend on it
	}
	id, err := p.acts.CtdDial(ctx, ctlproto.CtdDialParams{
		Caller: caller.String(), Callee: callee, CalleeName: name, Device: device, Actor: caller.String(),
	})
	if err != nil {
		return ctlproto.CtdStatus{}, err
	}
	return ctlproto.CtdStatus{ID: id, Caller: caller.String(), Callee: callee, CalleeName: name, State: ctlproto.CtdRingingYou}, nil
}

// dialFault shows why the router did not begin a call.
func (p *Portal) dialFault(w http.ResponseWriter, r *http.Request, f *form.Form, err error) {
	status, page := http.StatusUnprocessableEntity, dialPage{Form: f}
	switch code := ctlproto.CodeOf(err); {
	case code == ctlproto.CodeInvalidParams:
		f.Fail("to", "dial.to_refused")
	case code == ctlproto.CodeBusy:
		status, page.Fault = http.StatusTooManyRequests, view.M("dial.busy")
		if id := p.runningCall(r); id != "" {
			status, page.Fault, page.Running = http.StatusConflict, view.M("dial.running"), attemptPath(id)
		}
	case code == ctlproto.CodeRefused, code == ctlproto.CodeNotFound:
		page.Fault = view.M("dial.refused")
	case code == ctlproto.CodeMethodNotFound:
		status, page.Fault = http.StatusServiceUnavailable, view.M("dial.none")
	case code == ctlproto.CodeInternal, code == ctlproto.CodeTooLarge:
		status, page.Fault = http.StatusInternalServerError, view.M("dial.failed")
	case ctlproto.MayHaveBegun(err):
		status, page.Fault = http.StatusServiceUnavailable, view.M("dial.late")
	default:
		status, page.Fault = http.StatusServiceUnavailable, view.M("dial.away")
	}
	p.Log.Warn("call not started", "user", owner(r).String(), "error", err)
	p.showDial(w, r, status, page)
}

// runningCall is the user's own attempt that still runs, "" if there is none.
// Its card is put back on the pages.
func (p *Portal) runningCall(r *http.Request) string {
	status, _, ok := p.live.calls.last(owner(r))
	if !ok || status.Ended {
		return ""
	}
	err := p.router.Ask(r.Context(), func(ctx context.Context) (err error) {
		status, err = p.Ctl.CtdStatus(ctx, status.ID)
		return err
	})
	if err != nil || status.Ended {
		return ""
	}
	p.live.reopenCard(owner(r), status.ID)
	return status.ID
}

// DialAsk asks before the history is cleared (GET /user/dial/clear).
func (p *Portal) DialAsk(w http.ResponseWriter, r *http.Request) {
	p.View.Confirm(w, r, view.M("dial.clear.title"), tabPhoneBook, view.Question{
		Text: view.M("dial.clear.text"), Button: view.M("dial.clear.button"), Action: pathDial + "/clear", Back: pathDial,
	})
}

// DialClear forgets the addresses called last (POST /user/dial/clear).
func (p *Portal) DialClear(w http.ResponseWriter, r *http.Request) {
	if err := p.DB.Dials.Clear(r.Context(), owner(r)); err != nil {
		p.fail(w, r, err)
		return
	}
	p.done(w, r, pathDial, view.M("dial.cleared"))
}

func (p *Portal) showDial(w http.ResponseWriter, r *http.Request, status int, page dialPage) {
	page.From, page.Devices = owner(r).String(), p.devices(r, page.Form.Value(fieldDevice))
	page.People = p.choices(r)
	if key, args := page.Form.Error(fieldDevice); key != "" && page.Devices == nil {
		page.Fault = view.Msg{Key: key, Args: args} // there is no field to put it beside
	}
	last, err := p.DB.Dials.List(r.Context(), owner(r), store.MaxDials)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.addDials(r, &page, last)
	p.View.Page(w, r, status, "dial", view.Page{Title: view.M("dial.title"), Tab: tabPhoneBook, Data: page})
}

// addDials makes the rows of the addresses called last.
func (p *Portal) addDials(r *http.Request, page *dialPage, last []store.Dial) {
	addresses := make([]string, 0, len(last))
	for _, d := range last {
		addresses = append(addresses, presenceKey(d.Address))
	}
	statuses, err := p.presence(r, addresses)
	if err != nil {
		p.Log.Warn("presence unknown", "user", owner(r).String(), "error", err)
		page.Away = true
	}
	for i, d := range last {
		row := dialRow{
			Name: shortAddress(d.Address), Address: shortAddress(d.Address), URI: d.Address,
			AOR: addresses[i], Status: known(statuses[addresses[i]]), Time: d.Time,
		}
		if e, err := p.DB.Phonebook.FindAddress(r.Context(), owner(r), d.Address); err == nil {
			row.Name, row.HasName = e.Name(), e.FirstName != "" || e.LastName != ""
		}
		page.Last = append(page.Last, row)
	}
}

// cutBytes cuts text to at most most bytes, between two characters.
func cutBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// attemptPath is the address of an attempt's page.
func attemptPath(id string) string { return pathDial + "/" + url.PathEscape(id) }
