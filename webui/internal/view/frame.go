package view

import (
	"context"
	"html/template"
	"net/http"
	"time"
)

// Frame is what every page shows around its content, and what its forms need.
// The server makes one for each request.
type Frame struct {
	// Name and Address of the user who is signed in; both empty if nobody is.
	Name, Address string
	// Admin says that the page is one of the administrators'.
	Admin bool
	// Domain stands beside the product's name.
	Domain string
	// CSRF is the token that every form carries.
	CSRF string
	// Theme is "light", "dark", or "" to follow the system.
	Theme string
	// Language is the reader's, one of Set.Languages; "" goes by what the
	// browser asks for.
	Language string
	// Zone is the reader's time zone; nil is UTC.
	Zone *time.Location
	// Path is where the page is, for forms that come back to it.
	Path string
	// TakeNote returns the note that the last change left for this page, nil if
	// it left none, and forgets it. It may be nil.
	TakeNote func(w http.ResponseWriter) *Note
	// Card makes the card of the user's click-to-dial attempt for the layout; it
	// may be nil.
	Card func() template.HTML
	// Badges counts what the tabs tell of; it may be nil.
	Badges func() Badges
}

// Badges are the numbers on the tabs: what is new to the user.
type Badges struct {
	Missed   int // missed calls that were not looked at
	Messages int // stored messages that were not read
}

// Note is what a change leaves for the page after it to say once.
type Note struct {
	Msg Msg
	// UndoPath, if not empty, is where a form with the fields Undo takes the
	// change back.
	UndoPath string
	Undo     map[string]string
}

// SignedIn reports whether somebody is.
func (f Frame) SignedIn() bool { return f.Address != "" }

// Base is the path of the portal that the page belongs to, without a slash at
// its end.
func (f Frame) Base() string {
	if f.Admin {
		return "/admin"
	}
	return "/user"
}

func (f Frame) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// frameKey is where a request carries its Frame.
type frameKey struct{}

// With returns r with its frame.
func With(r *http.Request, f Frame) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), frameKey{}, f))
}

// Of returns the frame of a request, an empty one if it has none.
func Of(r *http.Request) Frame {
	f, _ := r.Context().Value(frameKey{}).(Frame)
	return f
}
