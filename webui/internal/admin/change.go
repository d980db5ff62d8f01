package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// change is a change that was made, and what has to follow it.
type change struct {
	who aor.AOR
	// action, before and after are for the audit.
	action, before, after string
	// tell tells the router; nil if that need not know.
	tell func(ctx context.Context, who aor.AOR) error
	// late is what it means that the router could not be told.
	late view.Msg
	// note is said on the next page.
	note view.Msg
	// undoPath and undo take the change back; see session.Flash.
	undoPath string
	undo     map[string]string
}

// follow records a change in the audit and tells the router. What could not
// be done is said on the next page: the change stands in any case.
func (p *Portal) follow(r *http.Request, c change) session.Flash {
	notes := []string{p.text(r, c.note)}
	if err := p.audit(r, c); err != nil {
		p.Log.Error("change not recorded", "action", c.action, "user", c.who.String(), "actor", actor(r).String(), "error", err)
		notes = append(notes, p.text(r, view.M("admin.not_recorded")))
	}
	p.Log.Info("user changed", "action", c.action, "user", c.who.String(), "actor", actor(r).String(), "source", session.Of(r).Client.Addr)
	if c.tell != nil {
		ctx, cancel := afterwards(r)
		defer cancel()
		if err := c.tell(ctx, c.who); err != nil {
			p.Log.Warn("router not told of a change", "action", c.action, "user", c.who.String(), "error", ctlproto.OneLine(err))
			notes = append(notes, p.text(r, c.late))
		}
	}
	return session.Flash{Key: "admin.notes", Args: []string{strings.Join(notes, " ")}, UndoPath: c.undoPath, Undo: c.undo}
}

// finish is follow, and leads to a page.
func (p *Portal) finish(w http.ResponseWriter, r *http.Request, path string, c change) {
	p.done(w, r, path, p.follow(r, c))
}

// audit writes down who changed what, from where.
func (p *Portal) audit(r *http.Request, c change) error {
	ctx, cancel := afterwards(r)
	defer cancel()
	return p.DB.Audit.Append(ctx, store.Record{
		Actor: actor(r).String(), Source: session.Of(r).Client.Addr.String(),
		Action: c.action, Object: c.who.String(), Before: c.before, After: c.after,
	})
}

// text is a text in the language of the reader of r's page.
func (p *Portal) text(r *http.Request, m view.Msg) string { return p.View.TextsFor(r).Text(m) }

// describe is a profile's state for the audit.
func describe(me store.Profile) string {
	var parts []string
	for _, f := range [][2]string{
		{"first name", me.FirstName}, {"last name", me.LastName}, {"e-mail", me.Email}, {"phone", me.Phone},
		{"time zone", me.TimeZone}, {"presence", string(me.Presence)},
	} {
		if f[1] != "" {
			parts = append(parts, fmt.Sprintf("%s %q", f[0], f[1]))
		}
	}
	if me.Findable {
		parts = append(parts, "findable")
	}
	if me.Disabled {
		parts = append(parts, "disabled")
	}
	return strings.Join(parts, ", ")
}
