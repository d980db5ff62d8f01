package user_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// paperRouter answers presence and click-to-dial from what the test wrote on it.
type paperRouter struct {
	*ctltest.Server
	path string

	mu       sync.Mutex
	presence map[string]ctlproto.PresenceStatus // by viewer and address: "alice@example.org bob@example.org"
	attempts map[string]ctlproto.CtdStatus
	refuse   map[string]*ctlproto.Error // by method
	sent     ctlproto.ImSendResult      // what becomes of every message
	silo     *store.Silo                // from which it deletes, as the proxy does
	phones   bool                       // some are registered
	contacts map[string][]ctlproto.Contact
}

func newPaperRouter(t *testing.T) *paperRouter {
	folder, err := os.MkdirTemp("", "ctl")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	r := &paperRouter{
		path: filepath.Join(folder, "sock"), presence: map[string]ctlproto.PresenceStatus{},
		attempts: map[string]ctlproto.CtdStatus{}, refuse: map[string]*ctlproto.Error{},
	}
	r.listen(t)
	return r
}

// listen opens the socket, again after Close.
func (r *paperRouter) listen(t *testing.T) {
	r.Server = ctltest.ServeAt(t, r.path, ctlproto.Hello{Name: "paper", Version: "0", Protocol: ctlproto.ProtocolVersion}, map[string]ctltest.Handler{
		ctlproto.MethodPresenceGet: r.presenceGet, ctlproto.MethodCtdDial: r.dial,
		ctlproto.MethodCtdStatus: r.status, ctlproto.MethodCtdCancel: r.cancel,
		ctlproto.MethodImSend: r.imSend, ctlproto.MethodMsiloRm: r.msiloRm, ctlproto.MethodMsiloDump: r.msiloDump,
		ctlproto.MethodMsiloRead:       r.msiloRead,
		ctlproto.MethodUserblockReload: r.reload(ctlproto.MethodUserblockReload), ctlproto.MethodSpeeddialReload: r.reload(ctlproto.MethodSpeeddialReload),
		ctlproto.MethodAliasReload: r.aliasReload, ctlproto.MethodUlLookup: r.ulLookup,
	})
}

// see says what viewer may see of an address.
func (r *paperRouter) see(viewer aor.AOR, address string, status ctlproto.PresenceStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence[viewer.String()+" "+address] = status
}

func (r *paperRouter) presenceGet(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.PresenceParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal := r.refuse[ctlproto.MethodPresenceGet]; refusal != nil {
		return nil, refusal
	}
	result := ctlproto.PresenceResult{Presence: map[string]ctlproto.PresenceStatus{}}
	for _, address := range p.Addresses {
		status, ok := r.presence[p.Viewer+" "+address]
		if !ok {
			status = ctlproto.StatusOffline
		}
		result.Presence[address] = status
	}
	return result, nil
}

func (r *paperRouter) dial(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.CtdDialParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal := r.refuse[ctlproto.MethodCtdDial]; refusal != nil {
		return nil, refusal
	}
	id := fmt.Sprintf("call-%d", len(r.attempts)+1)
	r.attempts[id] = ctlproto.CtdStatus{
		ID: id, Caller: p.Caller, Callee: p.Callee, CalleeName: p.CalleeName, State: ctlproto.CtdRingingYou, Cancellable: true,
		Steps: []ctlproto.CtdStep{{State: ctlproto.CtdRingingYou, At: time.Now().UTC()}},
	}
	return ctlproto.CtdDialResult{ID: id}, nil
}

func (r *paperRouter) status(params json.RawMessage) (any, *ctlproto.Error) {
	var p struct{ ID string }
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	status, ok := r.attempts[p.ID]
	if !ok {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "no click-to-dial attempt")
	}
	return status, nil
}

func (r *paperRouter) cancel(params json.RawMessage) (any, *ctlproto.Error) {
	var p struct{ ID string }
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	status := r.attempts[p.ID]
	r.mu.Unlock()
	if !status.Cancellable {
		return nil, ctlproto.Errorf(ctlproto.CodeRefused, "it can no longer be cancelled")
	}
	r.step(p.ID, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0, "")
	return ctlproto.Done{}, nil
}

// step takes an attempt to a state and publishes that.
func (r *paperRouter) step(id string, state ctlproto.CtdState, outcome ctlproto.CtdOutcome, code int, reason string) {
	r.mu.Lock()
	s := r.attempts[id]
	s.State, s.Message, s.Code, s.Reason = state, outcome, code, reason
	s.Steps = append(append([]ctlproto.CtdStep{}, s.Steps...), ctlproto.CtdStep{
		State: state, At: time.Now().UTC(), ElapsedMS: 1200 * int64(len(s.Steps)),
	})
	s.Ended = state == ctlproto.CtdConnected || state == ctlproto.CtdFailed || state == ctlproto.CtdCancelled
	s.Cancellable = !s.Ended
	r.attempts[id] = s
	r.mu.Unlock()
	r.Publish(ctlproto.TopicCtd, s)
}

// called lists the parameters of every call of a method.
func called[T any](t *testing.T, r *paperRouter, method string) []T {
	t.Helper()
	var all []T
	for _, call := range r.Calls() {
		if call.Method != method {
			continue
		}
		var p T
		check(t, json.Unmarshal(call.Params, &p))
		all = append(all, p)
	}
	return all
}

// refusing is what the test has a method refuse with.
func (r *paperRouter) refusing(method string) *ctlproto.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refuse[method]
}

// refuses makes a method refuse, nil makes it work again.
func (r *paperRouter) refuses(method string, with *ctlproto.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse[method] = with
}

// answers says what becomes of every message from now on.
func (r *paperRouter) answers(result ctlproto.ImOutcome, code int, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = ctlproto.ImSendResult{Result: result, Code: code, Reason: reason}
}

func (r *paperRouter) imSend(json.RawMessage) (any, *ctlproto.Error) {
	if refusal := r.refusing(ctlproto.MethodImSend); refusal != nil {
		return nil, refusal
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent, nil
}

// msiloRm deletes from the database, whose only deleter the router is.
func (r *paperRouter) msiloRm(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.MsiloRmParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	if refusal := r.refusing(ctlproto.MethodMsiloRm); refusal != nil {
		return nil, refusal
	}
	who, err := aor.Parse(p.Owner, "")
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	n, err := r.silo.Delete(context.Background(), who, p.IDs...)
	switch {
	case err != nil:
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "%v", err)
	case n == 0:
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "no such message")
	}
	return ctlproto.MsiloRmResult{Removed: n}, nil
}

// msiloRead marks in the database and tells of it, as the proxy does.
func (r *paperRouter) msiloRead(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.MsiloReadParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	who, err := aor.Parse(p.Owner, "")
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	n, err := r.silo.MarkRead(context.Background(), who, p.IDs...)
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "%v", err)
	}
	if n > 0 {
		r.Publish(ctlproto.TopicMessage, ctlproto.MessageEvent{Owner: p.Owner})
	}
	return ctlproto.MsiloReadResult{Read: n}, nil
}

func (r *paperRouter) msiloDump(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.MsiloRmParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	registered := r.phones
	r.mu.Unlock()
	if !registered {
		return nil, ctlproto.Errorf(ctlproto.CodeRefused, "no phone is registered")
	}
	who, err := aor.Parse(p.Owner, "")
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	list, err := r.silo.Pending(context.Background(), who, 0, 0)
	if err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "%v", err)
	}
	return ctlproto.MsiloDumpResult{Pending: len(list)}, nil
}

// reload is a method that reads a table again.
func (r *paperRouter) reload(method string) ctltest.Handler {
	return func(json.RawMessage) (any, *ctlproto.Error) {
		if refusal := r.refusing(method); refusal != nil {
			return nil, refusal
		}
		return ctlproto.Done{}, nil
	}
}

func (r *paperRouter) aliasReload(json.RawMessage) (any, *ctlproto.Error) {
	if refusal := r.refusing(ctlproto.MethodAliasReload); refusal != nil {
		return nil, refusal
	}
	return ctlproto.Done{}, nil
}

// registers says where somebody's phones are.
func (r *paperRouter) registers(who aor.AOR, contacts ...ctlproto.Contact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contacts == nil {
		r.contacts = map[string][]ctlproto.Contact{}
	}
	r.contacts[who.String()] = contacts
}

func (r *paperRouter) ulLookup(params json.RawMessage) (any, *ctlproto.Error) {
	if refusal := r.refusing(ctlproto.MethodUlLookup); refusal != nil {
		return nil, refusal
	}
	var p struct{ AoR string }
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found := ctlproto.UlAoR{AoR: p.AoR}
	for _, c := range r.contacts[p.AoR] {
		found.Contacts = append(found.Contacts, ctlproto.UlContactItem{Contact: c})
	}
	if len(found.Contacts) == 0 {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "no contacts")
	}
	return found, nil
}
