package user

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// stranger is somebody as their own phone names them: nothing of it is checked.
type stranger struct {
	URI  string // "" if there is none
	Name string // display name
}

// person is somebody whom a list shows.
type person struct {
	Name    string // from the owner's phone book, else what they call themselves, else the address
	Address string // as people write it, "" if there is none
	URI     string // to be called, "" if that cannot be done
	// Known says that Name is from the phone book; Claimed that it is what they
	// call themselves.
	Known, Claimed bool
	EntryID        int64  // of the phone book, 0 if they are in none
	AOR, Status    string // marks of the row
	caller         string // the URI as it came, "" if there is none
	number         string // tel URI of whom the telephone network names by a number, "" for others
}

// WritePath is the address of the form for a message to them, "" if they take none.
func (p person) WritePath() string { return writePath(p.URI) }

// EntryPath is the address of their entry in the phone book, "" if they have none.
func (p person) EntryPath() string {
	if p.EntryID == 0 {
		return ""
	}
	return entryPath(p.EntryID)
}

// AddPath is the address of the form for a new entry of the phone book.
func (p person) AddPath() string {
	if p.Claimed {
		return newEntryPath(p.URI, p.Name)
	}
	return newEntryPath(p.URI, "")
}

// writePath is the address of the form for a message to a URI, "" if it takes none.
func writePath(uri string) string {
	if !takesMessages(uri) {
		return ""
	}
	return pathSend + "?" + url.Values{"to": {plainAddress(uri)}}.Encode()
}

// takesMessages reports whether a URI is one that a MESSAGE can be sent to.
func takesMessages(uri string) bool {
	return strings.HasPrefix(uri, "sip:") || strings.HasPrefix(uri, "sips:")
}

// HasName says that the address is worth a line of its own.
func (p person) HasName() bool { return p.Address != "" && (p.Known || p.Claimed) }

// maxName is how much is shown of what somebody calls themselves, in characters.
const maxName = 64

// people finds out who strangers are and how they stand, all of them in one
// question each to the phone book and to the router. Away says that the router
// could not be asked.
func (p *Portal) people(r *http.Request, strangers []stranger) (list []person, away bool, err error) {
	list = make([]person, len(strangers))
	var asked, keys []string
	for i, s := range strangers {
		list[i] = newPerson(s)
		if list[i].URI != "" {
			asked, keys = append(asked, list[i].URI, plainURI(list[i].URI)), append(keys, list[i].AOR)
		}
	}
	entries, err := p.DB.Phonebook.FindAddresses(r.Context(), owner(r), distinct(asked))
	if err != nil {
		return nil, false, err
	}
	if err := p.setNumbers(r, list); err != nil {
		return nil, false, err
	}
	statuses, err := p.presence(r, distinct(keys))
	if err != nil {
		p.Log.Warn("presence unknown", "user", owner(r).String(), "error", err)
		away = true
	}
	for i := range list {
		list[i].meet(entries)
		list[i].Status = known(statuses[list[i].AOR])
		if list[i].Name == "" {
			list[i].Name = p.View.TextsFor(r).Text(view.M("people.anonymous"))
		}
	}
	return list, away, nil
}

// newPerson is a stranger about whom nothing else is known.
func newPerson(s stranger) person {
	p := person{Name: clip(printable(s.Name), maxName), caller: s.URI}
	p.Claimed = p.Name != ""
	uri, err := aor.CanonicalURI(s.URI, "")
	switch {
	case len(aor.AppendCaller(nil, s.URI)) == 0: // they do not want to be known
		return p
	case err != nil: // a host alone, or worse: it can be read, not called
		p.Address = clip(printable(shortAddress(s.URI)), maxName)
		if !p.Claimed {
			p.Name, p.Address = p.Address, ""
		}
		return p
	}
	p.URI, p.Address, p.AOR = uri, shortAddress(uri), presenceKey(uri)
	if !p.Claimed || p.Name == p.Address {
		p.Name, p.Claimed = p.Address, false
	}
	return p
}

// meet takes the name from the phone book.
func (p *person) meet(entries map[string]store.Entry) {
	e, found := entries[p.URI]
	if !found {
		e, found = entries[plainURI(p.URI)]
	}
	if !found {
		return
	}
	p.EntryID = e.ID
	if e.FirstName != "" || e.LastName != "" {
		p.Name, p.Known, p.Claimed = e.Name(), true, false
	}
}

// plainURI is the URI of the address of record, without port and parameters.
func plainURI(uri string) string {
	if who, err := aor.Parse(uri, ""); err == nil {
		return who.URI()
	}
	return uri
}

// printable drops what a name must not bring along: control characters, and
// those that turn the direction of the text around it.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, text)
}

// distinct is the texts that are not empty, each one once, in their order.
func distinct(texts []string) []string {
	seen := make(map[string]struct{}, len(texts))
	var all []string
	for _, text := range texts {
		if _, twice := seen[text]; !twice && text != "" {
			seen[text] = struct{}{}
			all = append(all, text)
		}
	}
	return all
}

// strangerKeys are the presence keys of the last callers whom the owner missed
// and of the last senders of their messages. Whoever stands further back has the
// status that the page was made with.
func strangerKeys(ctx context.Context, missed *store.Calls, silo *store.Silo, owner aor.AOR) ([]string, error) {
	uris, err := missed.MissedCallers(ctx, owner)
	if err != nil {
		return nil, err
	}
	senders, err := silo.Senders(ctx, owner)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, uri := range append(uris, senders...) {
		keys = append(keys, newPerson(stranger{URI: uri}).AOR)
	}
	return distinct(keys), nil
}
