package msilo

import (
	"errors"
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// owner says whose store is meant: an address of the request, or a text that may hold
// pseudo-variables.
type owner struct {
	from  ownerFrom
	words words
}

type ownerFrom uint8

const (
	ownerRequest  ownerFrom = iota // the address in the present Request-URI
	ownerCalled                    // whom lookup found a phone of, else as ownerReceived
	ownerReceived                  // in the Request-URI as received
	ownerTo                        // in To
	ownerWords                     // what words comes to
)

// compileStore compiles m_store([whom]).
func (m *Module) compileStore(args []module.Arg) (module.Call, error) {
	var whom owner
	if len(args) > 0 {
		from, ok := whomOf[args[0].Str]
		if whom.from = from; !ok {
			var err error
			if whom, err = parseOwner(args[0]); err != nil {
				return nil, fmt.Errorf(`m_store is for the address in the Request-URI ("0" or "$ru"), in the one received ("1", "$ou"), in To ("2", "$tu"), or for one that is given: %w`, err)
			}
		}
	}
	return func(c *module.Ctx) int { return m.store(c, whom) }, nil
}

// whomOf are the words of m_store for an address of the request.
var whomOf = map[string]ownerFrom{
	"": ownerRequest, "0": ownerRequest, "$ru": ownerRequest, "1": ownerCalled, "$ou": ownerReceived, "2": ownerTo, "$tu": ownerTo,
}

// parseOwner reads an address; one without variables must be right.
func parseOwner(arg module.Arg) (whom owner, err error) {
	whom.from = ownerWords
	if whom.words.format, whom.words.text, err = arg.Format(); err != nil {
		return whom, err
	}
	if whom.words.format != nil {
		return whom, nil
	}
	_, err = addressOf([]byte(whom.words.text))
	return whom, err
}

// addressOf is the canonical address in a SIP URI with a user.
func addressOf(text []byte) (aor.AOR, error) {
	var u sip.URI
	if sip.ParseURI(text, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || !u.HasUser {
		return aor.AOR{}, fmt.Errorf("%q is no SIP address of a user", clip(text))
	}
	return aor.New(string(u.User), string(u.Host))
}

// clip shortens what an error shows.
func clip(text []byte) []byte { return text[:min(len(text), 80)] }

// uri is the address that is meant.
func (o owner) uri(c *module.Ctx) ([]byte, error) {
	switch o.from {
	case ownerRequest:
		if c.Route == module.FailureRoute && c.AsSent() {
			return c.Msg.RequestURI(), nil // there it is the contact of the phone that did not take it
		}
		return c.Main.URI, nil
	case ownerCalled, ownerReceived:
		return c.Msg.RequestURI(), nil
	case ownerWords:
		return []byte(o.words.body(c)), nil
	}
	to, err := c.Msg.To()
	return to.URI, err
}

// called is whom lookup found a phone of, where that is meant and the Request-URI is that
// phone's: what came may be another's name for him (a speed-dial number, a GRUU), and the script may have looked for
// somebody else in vain before.
func (o owner) called(c *module.Ctx) (aor.AOR, bool) {
	switch {
	case len(c.FoundCallee) == 0:
	case o.from == ownerRequest && c.Route == module.FailureRoute && c.AsSent(), o.from == ownerCalled && c.Main.Phone:
		a, err := aor.Parse(string(c.FoundCallee), "")
		return a, err == nil
	}
	return aor.AOR{}, false
}

// owner finds whose message it is, an alias's subscriber, and the URI that it was written
// to. Whether there is such a one the database says when it stores.
func (m *Module) owner(c *module.Ctx, whom owner) (aor.AOR, string, error) {
	text, err := whom.uri(c)
	if err != nil {
		return aor.AOR{}, "", errOwner
	}
	a, err := m.subscriber(text)
	known := err == nil
	if called, ok := whom.called(c); ok && !(known && a == called) {
		return called, called.URI(), nil
	}
	if !known {
		return aor.AOR{}, "", errOwner
	}
	return a, string(text), nil
}

// subscriber is the address in a SIP URI, or what it is an alias of.
func (m *Module) subscriber(text []byte) (aor.AOR, error) {
	a, err := addressOf(text)
	if err != nil {
		return a, err
	}
	if m.cfg.Alias != nil {
		if name, ok := m.cfg.Alias(nil, []byte(a.String())); ok {
			if target, err := aor.Parse(string(name), ""); err == nil {
				a = target
			}
		}
	}
	return a, nil
}

// compileDump compiles m_dump([owner]); without an owner, or with SER's "0", it is who
// registers.
func (m *Module) compileDump(args []module.Arg) (module.Call, error) {
	whom := owner{from: ownerTo}
	if len(args) > 0 && args[0].Str != "0" && args[0].Str != "" && args[0].Str != "$tu" {
		var err error
		if whom, err = parseOwner(args[0]); err != nil {
			return nil, errors.Join(errors.New(`m_dump is for who registers, without an argument or with SER's "0", or for an address that is given`), err)
		}
	}
	return func(c *module.Ctx) int { return m.dump(c, whom) }, nil
}
