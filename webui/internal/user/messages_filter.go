package user

import (
	"net/http"
	"net/url"

	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// Kinds of messages, as the address of their list has them in kind=.
const (
	messagesUnread  = "unread"
	messagesRefused = "refused"
)

// messageFilter is what narrows the list of messages, as its address has it: kind= unread
// or refused, q= searches.
type messageFilter struct{ Kind, Search string }

// readMessageFilter reads a filter from an address or a form.
func readMessageFilter(values url.Values) messageFilter {
	f := messageFilter{Search: clip(values.Get(paramSearch), maxSearch)}
	if kind := values.Get(paramKind); kind == messagesUnread || kind == messagesRefused {
		f.Kind = kind
	}
	return f
}

// Narrows reports whether the filter leaves out anything.
func (f messageFilter) Narrows() bool { return f != messageFilter{} }

// fields are the filter as the fields of a form or the parameters of an address.
func (f messageFilter) fields() map[string]string {
	fields := make(map[string]string)
	if f.Kind != "" {
		fields[paramKind] = f.Kind
	}
	if f.Search != "" {
		fields[paramSearch] = f.Search
	}
	return fields
}

// address is a path with the filter, and more parameters in pairs.
func (f messageFilter) address(path string, more ...string) string {
	return filtered(path, f.fields(), more)
}

// kinds are the links to the list of each kind.
func (f messageFilter) kinds(l view.List) (links []kindLink) {
	for _, k := range []struct {
		kind  string
		label view.Msg
	}{
		{"", view.M("messages.kind.all")}, {messagesUnread, view.M("messages.kind.unread")}, {messagesRefused, view.M("messages.kind.refused")},
	} {
		links = append(links, kindLink{k.label, l.With(paramKind, k.kind), f.Kind == k.kind})
	}
	return links
}

// siloQuery is the filter as the store takes it. Whoever the phone book knows by the name
// that is searched for is found, too.
func (p *Portal) siloQuery(r *http.Request, f messageFilter) (store.SiloQuery, error) {
	q := store.SiloQuery{Unread: f.Kind == messagesUnread, Refused: f.Kind == messagesRefused, Search: f.Search}
	if q.Search == "" {
		return q, nil
	}
	entries, _, err := p.DB.Phonebook.List(r.Context(), owner(r), store.EntryQuery{Search: q.Search, Limit: store.MaxPeople})
	for _, e := range entries {
		q.People = append(q.People, e.Address)
	}
	return q, err
}
