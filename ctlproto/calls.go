package ctlproto

import "context"

// Caller calls a method by name. Params is nil, or anything that encoding/json
// makes an object or an array of; result is nil or a pointer. Client and
// Redialer are Callers, and so is a test's fake.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

// Methods are the typed methods on top of a Caller; Client and Redialer embed
// them. Every method returns *Error when the server refused, ErrUnreachable
// (wrapped) when it is away, and the context's error when that ended first.
type Methods struct {
	caller Caller
}

// NewMethods puts the typed methods on caller.
func NewMethods(caller Caller) Methods { return Methods{caller: caller} }

// result calls a method and returns its result as T.
func result[T any](ctx context.Context, m Methods, method string, params any) (T, error) {
	var r T
	err := m.caller.Call(ctx, method, params, &r)
	return r, err
}

// do calls a method whose result says nothing.
func (m Methods) do(ctx context.Context, method string, params any) error {
	return m.caller.Call(ctx, method, params, nil)
}

// CoreVersion is the proxy's name and version in one string.
func (m Methods) CoreVersion(ctx context.Context) (string, error) {
	return result[string](ctx, m, MethodCoreVersion, nil)
}

// CoreUptime says since when the proxy runs.
func (m Methods) CoreUptime(ctx context.Context) (CoreUptime, error) {
	return result[CoreUptime](ctx, m, MethodCoreUptime, nil)
}

// CorePsx lists the proxy's processes.
func (m Methods) CorePsx(ctx context.Context) ([]Process, error) {
	return result[[]Process](ctx, m, MethodCorePsx, nil)
}

// Statistics returns statistics, sorted by group and name. A name is "all",
// "group:" or "group:name"; no name means "all".
func (m Methods) Statistics(ctx context.Context, names ...string) ([]Statistic, error) {
	lines, err := result[[]string](ctx, m, MethodStatistics, orAll(names))
	if err != nil {
		return nil, err
	}
	stats := make([]Statistic, 0, len(lines))
	for _, line := range lines {
		s, err := ParseStatistic(line)
		if err != nil {
			return nil, err
		}
		stats = append(stats, s)
	}
	return stats, nil
}

func orAll(names []string) []string {
	if len(names) == 0 {
		return []string{"all"}
	}
	return names
}

// TmStats returns the transaction counters.
func (m Methods) TmStats(ctx context.Context) (TmStats, error) {
	return result[TmStats](ctx, m, MethodTmStats, nil)
}

// TmList lists the transactions that are in memory, the oldest first.
func (m Methods) TmList(ctx context.Context, p TmListParams) ([]TmTransaction, error) {
	return result[[]TmTransaction](ctx, m, MethodTmList, p)
}

// SlStats returns the counters of stateless replies.
func (m Methods) SlStats(ctx context.Context) (SlStats, error) {
	return result[SlStats](ctx, m, MethodSlStats, nil)
}

// AoRContacts is one address of record and its contacts.
type AoRContacts struct {
	AoR      string
	Contacts []Contact
}

// UlDump returns every binding, sorted by address. A location table whose reply
// would pass MaxReply is refused with CodeTooLarge: use UlDumpBrief and UlLookup.
func (m Methods) UlDump(ctx context.Context) ([]AoRContacts, error) {
	dump, err := result[UlDump](ctx, m, MethodUlDump, nil)
	if err != nil {
		return nil, err
	}
	var all []AoRContacts
	for _, table := range dump.Domains {
		for _, item := range table.Domain.AoRs {
			all = append(all, AoRContacts{item.Info.AoR, contactsOf(item.Info.Contacts)})
		}
	}
	return all, nil
}

// UlDumpBrief returns every address that has a binding, sorted.
func (m Methods) UlDumpBrief(ctx context.Context) ([]string, error) {
	dump, err := result[UlBrief](ctx, m, MethodUlDump, []string{"brief"})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, table := range dump.Domains {
		for _, item := range table.Domain.AoRs {
			all = append(all, item.AoR)
		}
	}
	return all, nil
}

// UlLookup returns the contacts of one address, best q first. An address
// without any is CodeNotFound.
func (m Methods) UlLookup(ctx context.Context, aor string) ([]Contact, error) {
	one, err := result[UlAoR](ctx, m, MethodUlLookup, ulParams{Table: TableLocation, AoR: aor})
	return contactsOf(one.Contacts), err
}

func contactsOf(items []UlContactItem) []Contact {
	var contacts []Contact
	for _, item := range items {
		contacts = append(contacts, item.Contact)
	}
	return contacts
}

// ulParams are the parameters of ul.lookup, ul.rm and ul.rm_contact.
type ulParams struct {
	Table   string `json:"table"`
	AoR     string `json:"aor"`
	Contact string `json:"contact,omitempty"`
	RUID    string `json:"ruid,omitempty"`
}

// UlAdd adds a contact, or changes the one with the same URI.
func (m Methods) UlAdd(ctx context.Context, p UlAddParams) error {
	if p.Table == "" {
		p.Table = TableLocation
	}
	return m.do(ctx, MethodUlAdd, p)
}

// UlRm removes every contact of an address; CodeNotFound if it has none.
func (m Methods) UlRm(ctx context.Context, aor string) error {
	return m.do(ctx, MethodUlRm, ulParams{Table: TableLocation, AoR: aor})
}

// UlRmContact removes one contact, named by its URI, from all phones that have it;
// CodeNotFound if the address does not have it.
func (m Methods) UlRmContact(ctx context.Context, aor, contact string) error {
	return m.do(ctx, MethodUlRmContact, ulParams{Table: TableLocation, AoR: aor, Contact: contact})
}

// UlRmBinding removes a contact from one phone, named by Contact.RUID of a binding;
// CodeNotFound if the address does not have that one.
func (m Methods) UlRmBinding(ctx context.Context, aor, contact, ruid string) error {
	return m.do(ctx, MethodUlRmContact, ulParams{Table: TableLocation, AoR: aor, Contact: contact, RUID: ruid})
}

// PresenceGet asks for the status of up to MaxAddresses addresses as viewer
// (user@domain, "" = not signed in) may see it.
func (m Methods) PresenceGet(ctx context.Context, viewer string, addresses []string) (map[string]PresenceStatus, error) {
	r, err := result[PresenceResult](ctx, m, MethodPresenceGet, PresenceParams{Addresses: addresses, Viewer: viewer})
	return r.Presence, err
}

// CtdDial starts a click-to-dial attempt and returns its id at once.
func (m Methods) CtdDial(ctx context.Context, p CtdDialParams) (string, error) {
	r, err := result[CtdDialResult](ctx, m, MethodCtdDial, p)
	return r.ID, err
}

// CtdList returns the attempts that are remembered, those that have not ended first, then the newest first.
func (m Methods) CtdList(ctx context.Context, p CtdListParams) ([]CtdStatus, error) {
	return result[[]CtdStatus](ctx, m, MethodCtdList, p)
}

// CtdStatus returns how an attempt stands; CodeNotFound once it is forgotten.
func (m Methods) CtdStatus(ctx context.Context, id string) (CtdStatus, error) {
	return result[CtdStatus](ctx, m, MethodCtdStatus, ctdParams{ID: id})
}

// CtdCancel ends an attempt; CodeRefused if it can no longer be cancelled.
func (m Methods) CtdCancel(ctx context.Context, id, actor string) error {
	return m.do(ctx, MethodCtdCancel, ctdParams{ID: id, Actor: actor})
}

// ctdParams are the parameters of ctd.status and ctd.cancel.
type ctdParams struct {
	ID    string `json:"id"`
	Actor string `json:"actor,omitempty"`
}

// ScriptCheck checks a routing script. That it has errors is a result, no error.
func (m Methods) ScriptCheck(ctx context.Context, p ScriptCheckParams) (ScriptCheckResult, error) {
	return result[ScriptCheckResult](ctx, m, MethodScriptCheck, p)
}

// ScriptReload makes the proxy read its script again. That it has errors, and the old
// one stays in force, is a result, no error.
func (m Methods) ScriptReload(ctx context.Context) (ScriptReloadResult, error) {
	return result[ScriptReloadResult](ctx, m, MethodScriptReload, nil)
}

// AuthForget makes the proxy read the credentials of one address again.
func (m Methods) AuthForget(ctx context.Context, aor string) error {
	return m.do(ctx, MethodAuthForget, map[string]string{"aor": aor})
}

// DomainReload makes the proxy read its domains again.
func (m Methods) DomainReload(ctx context.Context) error {
	return m.do(ctx, MethodDomainReload, nil)
}

// AliasReload makes the proxy read the aliases again.
func (m Methods) AliasReload(ctx context.Context) error {
	return m.do(ctx, MethodAliasReload, nil)
}

// GroupReload makes the proxy read the groups again.
func (m Methods) GroupReload(ctx context.Context) error {
	return m.do(ctx, MethodGroupReload, nil)
}

// PermAddressReload makes the proxy read the table address again.
func (m Methods) PermAddressReload(ctx context.Context) error {
	return m.do(ctx, MethodPermAddressReload, nil)
}
