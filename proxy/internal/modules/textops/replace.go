package textops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// routers are the fields that the router itself lives by. No substitution changes them: matches
// that touch them are passed over.
var routers = [...]sip.HeaderID{
	sip.HdrVia, sip.HdrRoute, sip.HdrRecordRoute, sip.HdrCallID, sip.HdrCSeq, sip.HdrMaxForwards, sip.HdrContentLength,
}

// renames are the routes in which From and To may be changed: the replies get the received ones back.
const renames = module.RequestRoute | module.FailureRoute | module.BranchRoute

// compileSubst compiles subst(expression).
func (m *Module) compileSubst(args []module.Arg) (module.Call, error) {
	s, err := parseSubst(args[0])
	if err != nil {
		return nil, err
	}
	return m.everywhere(s), nil
}

// compileReplace compiles replace(regex, text), replace_all and search_append. Case does not
// matter.
func (m *Module) compileReplace(all bool, with ...piece) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		re, err := compilePOSIX(args[0].Str, true, false)
		if err != nil {
			return nil, err
		}
		text, err := textPieces(args[1].Str, args[1].Scope)
		if err != nil {
			return nil, err
		}
		return m.everywhere(&substitution{re: re, crlf: beginsCRLF(args[0].Str), all: all, with: append(slices.Clone(with), text...)}), nil
	}
}

// everywhere substitutes in all header lines. What begins with the end of the line before finds the first one,
// too, or the sender, who chooses the order, would keep his from being found.
func (m *Module) everywhere(s *substitution) module.Call {
	return func(c *module.Ctx) int {
		from := c.Msg.HeadersStart()
		if s.crlf {
			from -= 2
		}
		return m.substitute(c, s, []area{{from, c.Msg.HeadersEnd()}})
	}
}

// compileSubstHF compiles subst_hf(field, expression, which).
func (m *Module) compileSubstHF(args []module.Arg) (module.Call, error) {
	name := args[0].Str
	if err := fieldName(name); err != nil {
		return nil, err
	}
	if id := sip.ParseHeaderID([]byte(name)); slices.Contains(routers[:], id) {
		return nil, fmt.Errorf("%s is the router's own and is not changed", id)
	}
	s, err := parseSubst(args[1])
	if err != nil {
		return nil, err
	}
	which, err := whichLines(args[2].Str)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		var list []area
		for h := c.Msg.Named(name); h != nil; h = nextNamed(c.Msg, h, name) {
			list = append(list, area{h.ValStart, h.ValEnd})
		}
		switch {
		case len(list) == 0:
			return module.False
		case which == 'f':
			list = list[:1]
		case which == 'l':
			list = list[len(list)-1:]
		}
		return m.substitute(c, s, list)
	}, nil
}

// area is a part of a message.
type area struct{ start, end uint32 }

// Why a message stays as it was.
var (
	errGrown   = errors.New("the replacement is too long")
	errRouters = errors.New("it would change a field that is the router's own, or a tag")
	errEnd     = errors.New("the headers would end elsewhere")
	errName    = errors.New("what stood in a value would be the name of a field")
	errJoined  = errors.New("a line would be part of another one")
)

// substitute edits parts of the headers. The message that comes of it has to be one: if not,
// everything stays as it was, and the log says why.
func (m *Module) substitute(c *module.Ctx, s *substitution, list []area) int {
	mark := c.Msg.Mark()
	w := m.takeWork()
	defer m.giveWork(w)
	w.before = appendMessage(w.before[:0], c.Msg)
	changed := false
	var err error
	for _, a := range list {
		var some bool
		some, err = m.replaceIn(c, s, a, len(w.before))
		if changed = changed || some; err != nil {
			break
		}
	}
	if err == nil && changed {
		w.after = appendMessage(w.after[:0], c.Msg)
		c.Spend(len(w.before) + len(w.after))
		err = w.accept(c)
	}
	if err != nil {
		c.Msg.Rollback(mark)
		m.refused(c, err)
		return module.False
	}
	return module.Truth(changed)
}

// replaceIn makes the edits in one part.
func (m *Module) replaceIn(c *module.Ctx, s *substitution, a area, size int) (changed bool, err error) {
	src := newSource(c.Msg, a)
	// Who wants one seldom has to pass over others: each is looked for only when it is needed.
	for _, most := range [...]int{1, 16, maxMatches + 1} {
		if s.all && most <= maxMatches {
			continue
		}
		found, err := s.find(c, src.b, most)
		if err != nil {
			return false, err
		}
		if changed, err = replaceFound(c, s, &src, size+module.MaxText, found); changed || err != nil || len(found) < most {
			return changed, err
		}
	}
	return false, nil
}

func replaceFound(c *module.Ctx, s *substitution, src *source, most int, found [][]int) (changed bool, err error) {
	r := rewriting{c: c, m: c.Msg, most: most}
	for _, loc := range found {
		some, err := r.take(s, src, loc)
		if err != nil {
			return changed, err
		}
		if changed = changed || some; changed && !s.all {
			break
		}
	}
	return changed, r.make()
}

// mayChange reports whether the bytes from from up to to, which stand in these lines, may be replaced: no line is
// the router's own, and no edit has removed any of the bytes or put text between.
func mayChange(c *module.Ctx, lines []sip.Header, from, to uint32) bool {
	if c.Msg.Removed(from, max(to, from+1)) || c.Msg.Inserted(from+1, to) {
		return false
	}
	for i := range lines {
		switch id := lines[i].ID; {
		case slices.Contains(routers[:], id):
			return false
		case id == sip.HdrFrom && !mayRename(c, relay.From), id == sip.HdrTo && !mayRename(c, relay.To):
			return false
		}
	}
	return true
}

// mayRename reports whether From or To may be changed: nobody has done it yet, and its old
// text can be put back into the replies.
func mayRename(c *module.Ctx, h relay.Header) bool {
	return c.Route&renames != 0 && c.Msg.IsRequest && !c.Renamed(h)
}

// work is the memory of one substitution.
type work struct {
	before, after []byte
	msg, old      sip.Message
}

// maxWork is the most that is kept for the next one, in bytes.
const maxWork = 16 << 10

func (m *Module) takeWork() *work {
	if w, ok := m.works.Get().(*work); ok {
		return w
	}
	return new(work)
}

func (m *Module) giveWork(w *work) {
	w.msg.Reset()
	w.old.Reset()
	if cap(w.before)+cap(w.after) <= maxWork {
		m.works.Put(w)
	}
}

// appendMessage writes the message with its edits.
func appendMessage(dst []byte, m *sip.Message) []byte {
	dst = m.AppendRange(dst, 0, m.HeadersStart())
	dst = m.AppendHeaders(dst)
	return append(dst, m.Buf[m.HeadersEnd():]...)
}

// accept reads the message as it was before and as it would be now. It must be whole, and what
// is the router's own as it was. Other addresses in From and To are as uac_replace_from's.
func (w *work) accept(c *module.Ctx) error {
	if len(w.after) > len(w.before)+module.MaxText {
		return errGrown
	}
	if err := w.old.ParseOwn(w.before); err != nil {
		return err
	}
	if err := w.msg.ParseOwn(w.after); err != nil {
		return err
	}
	// Of the whole texts: an empty line further up would make a body of headers, which
	// Content-Length may cut to the old length.
	if uint32(len(w.after))-w.msg.HeadersEnd() != uint32(len(w.before))-w.old.HeadersEnd() {
		return errEnd
	}
	for _, id := range routers {
		a, b := w.old.Header(id), w.msg.Header(id)
		for ; a != nil && b != nil && bytes.Equal(w.old.Value(a), w.msg.Value(b)); a, b = w.old.Next(a), w.msg.Next(b) {
		}
		if a != nil || b != nil {
			return errRouters
		}
	}
	return w.acceptNames(c)
}

// acceptNames is accept of From and To.
func (w *work) acceptNames(c *module.Ctx) error {
	var was, is [2][]byte
	for side, id := range [...]sip.HeaderID{relay.From: sip.HdrFrom, relay.To: sip.HdrTo} {
		var old, now sip.NameAddr
		if err := sip.ParseNameAddr(w.old.HeaderValue(id), &old); err != nil {
			return err
		}
		if err := sip.ParseNameAddr(w.msg.HeaderValue(id), &now); err != nil {
			return err
		}
		if !bytes.Equal(old.Tag, now.Tag) {
			return errRouters
		}
		a, b := relay.AppendNameAddr(nil, &old), relay.AppendNameAddr(nil, &now)
		if bytes.Equal(a, b) {
			continue
		}
		var u sip.URI
		if err := sip.ParseURI(now.URI, &u); err != nil {
			return err
		}
		if err := relay.NameFits(a, b); err != nil {
			return err
		}
		was[side], is[side] = a, b
	}
	for side := range was {
		if was[side] != nil {
			_ = c.Rename(relay.Header(side), was[side], is[side]) // both fit
		}
	}
	return nil
}

// The log has this many lines of refused substitutions in a period: strangers' messages
// can cause them.
const (
	logPeriod = time.Minute
	logMost   = 10
)

// refused says in the log why a message was left as it was.
func (m *Module) refused(c *module.Ctx, err error) {
	if m.gate.Pass(m.now(), logPeriod, logMost) {
		m.log.LogAttrs(context.Background(), slog.LevelWarn, "a substitution of the script would spoil the message, which is left as it was",
			slog.Any("error", err), slog.Any("source", c.From.Remote), slog.String("call_id", string(c.Msg.CallID())))
	}
}
