package script

import (
	"strings"
	"sync"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// maxStrip is the largest number of characters that strip takes.
const maxStrip = 255

// uriCommand compiles what changes the Request-URI.
func (k *compiler) uriCommand(c *call) node {
	name, v := c.name, c.args[0]
	if of, ok := aliases[name]; ok {
		name = of
	}
	switch name {
	case "strip", "strip_tail":
		n, ok := k.number(c, v, 0, maxStrip)
		if !ok {
			return nil
		}
		return stripping(n, name == "strip_tail")
	case "rewriteport":
		if _, f, ok := k.dynamic(c, value{pos: v.pos, text: v.text, quoted: true}); !ok || f != nil {
			if !ok {
				return nil
			}
			return rewritingFormat(name, f)
		}
		text := v.text
		if n, ok := k.number(c, v, 1, 65535); !ok {
			return nil
		} else if v.number {
			text = string(sip.AppendUint(nil, uint64(n)))
		}
		return rewriting(func(p *uriParts) { p.port = text; p.moved = true })
	}
	text, f, ok := k.dynamic(c, v)
	if !ok {
		return nil
	}
	if f != nil {
		return rewritingFormat(name, f)
	}
	if example := uriExamples[name]; !wellFormed(name, text) {
		return k.wrong(v.pos, "%s takes %s", c.name, example)
	}
	return rewritingText(name, text, false)
}

// uriExamples say what each command takes.
var uriExamples = map[string]string{
	"rewriteuri":      `a SIP URI such as "sip:bob@example.org"`,
	"rewritehost":     `a host such as "example.org"`,
	"rewritehostport": `a host, and possibly a port, such as "example.org:5060"`,
	"rewriteuser":     `the user part of a URI, such as "bob"`,
	"rewriteuserpass": `a user and a password, such as "bob:secret"`,
	"prefix":          `the beginning of a user part, such as "+49"`,
}

// wellFormed tries a text in the place where it will stand.
func wellFormed(name, text string) bool {
	if text == "" || strings.ContainsAny(text, "@;?") && name != "rewriteuri" {
		return false
	}
	var u sip.URI
	switch name {
	case "rewriteuri":
		return sip.ParseURI([]byte(text), &u) == nil && u.Scheme != sip.SchemeOther
	case "rewritehost":
		return sip.ParseURI([]byte("sip:"+text), &u) == nil && string(u.Host) == text
	case "rewritehostport":
		return sip.ParseURI([]byte("sip:"+text), &u) == nil
	}
	if strings.Contains(text, ":") && name != "rewriteuserpass" {
		return false
	}
	return sip.ParseURI([]byte("sip:"+text+"@host"), &u) == nil
}

// dynamic reads a text that may hold variables; then f is not nil.
func (k *compiler) dynamic(c *call, v value) (text string, f *module.Format, ok bool) {
	if !v.quoted && !v.variable {
		_, ok = k.text(c, v)
		return "", nil, ok
	}
	f, text, err := module.ParseFormat(v.text, k.prog.scope)
	if err != nil {
		k.wrongCall(v.pos, c, err)
		return "", nil, false
	}
	return text, f, true
}

// rewritingFormat compiles a command whose text is known in the run only. What is not
// well formed there changes nothing and is false.
func rewritingFormat(name string, f *module.Format) node {
	return func(c *module.Ctx) result {
		x := f.Value(c)
		text := string(x.Str)
		if name == "rewriteuri" {
			if !wellFormed(name, text) || c.WriteURI(x, false) != nil {
				return failed(c)
			}
			return done(c)
		}
		if name == "rewriteport" {
			if n, ok := atoi(text); !ok || n < 1 || n > 65535 {
				return failed(c)
			}
		} else if !wellFormed(name, text) {
			return failed(c)
		}
		return rewritingText(name, text, x.Users)(c)
	}
}

// rewritingText compiles a command whose text is well formed; users says that it is made of a
// user's word (module.Value.Users).
func rewritingText(name, text string, users bool) node {
	user, pass, _ := strings.Cut(text, ":")
	switch name {
	case "rewriteuri":
		uri := module.Text([]byte(text))
		return func(c *module.Ctx) result {
			if c.WriteURI(uri, true) != nil {
				return failed(c)
			}
			return done(c)
		}
	case "rewritehost":
		return rewriting(func(p *uriParts) { p.host, p.users, p.moved = text, users, true })
	case "rewritehostport":
		return rewriting(func(p *uriParts) { p.host, p.users, p.port, p.moved = text, users, "", true; p.noPort = true })
	case "rewriteport":
		return rewriting(func(p *uriParts) { p.port = text; p.moved = true })
	case "rewriteuserpass":
		return rewriting(func(p *uriParts) { p.prefix, p.user, p.password = user, nil, pass; p.noPassword = true })
	case "rewriteuser":
		return rewriting(func(p *uriParts) { p.prefix, p.user = text, nil })
	}
	return rewriting(func(p *uriParts) { p.prefix = text })
}

func stripping(n int, tail bool) node {
	return rewriting(func(p *uriParts) {
		cut := min(n, len(p.user))
		if tail {
			p.user = p.user[:len(p.user)-cut]
		} else {
			p.user = p.user[cut:]
		}
	})
}

// uriParts is a Request-URI that is put together anew. A text that the script
// gives stands beside the old part: no bytes need to be copied for it.
type uriParts struct {
	uri  *sip.URI
	buf  []byte
	user []byte // of the old user part, what is left

	prefix     string // stands before user
	password   string
	noPassword bool   // the old password goes
	host       string // in place of the old host
	port       string
	noPort     bool // the old port goes
	users      bool // host is made of a user's word
	moved      bool // the URI leads elsewhere, so a flow that was found for it does not count
}

// uriRooms are buffers to write a Request-URI in.
var uriRooms = sync.Pool{New: func() any { return new(uriParts) }}

// rewriting changes the parts of a SIP URI. A Request-URI of another scheme, or
// a result that is no URI, leaves everything as it was and is false.
func rewriting(change func(*uriParts)) node {
	return func(c *module.Ctx) result {
		u, err := c.URI()
		if err != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
			return failed(c)
		}
		p := uriRooms.Get().(*uriParts)
		defer uriRooms.Put(p)
		*p = uriParts{uri: u, buf: p.buf[:0], user: u.User}
		change(p)
		p.write()
		c.Spend(len(p.buf))
		err = c.SetURI(p.buf)
		moved, newHost, users := p.moved, p.host != "", p.users
		p.uri, p.user = nil, nil
		if err != nil {
			return failed(c)
		}
		switch {
		case newHost:
			c.NamedBy(users)
		case moved:
			c.MovedPort()
		}
		return done(c)
	}
}

func (p *uriParts) write() {
	u := p.uri
	b := append(p.buf, "sip:"...)
	if u.Scheme == sip.SchemeSIPS {
		b = append(p.buf, "sips:"...)
	}
	if len(p.prefix)+len(p.user) > 0 {
		b = append(append(b, p.prefix...), p.user...)
		switch {
		case p.password != "":
			b = append(append(b, ':'), p.password...)
		case u.Password != nil && !p.noPassword:
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = p.writeHost(b)
	if u.Params != nil {
		b = append(append(b, ';'), u.Params...)
	}
	if u.Headers != nil {
		b = append(append(b, '?'), u.Headers...)
	}
	p.buf = b
}

func (p *uriParts) writeHost(b []byte) []byte {
	if p.host != "" {
		b = append(b, p.host...)
	} else {
		b = append(b, p.uri.Host...)
	}
	switch {
	case p.port != "":
		b = append(append(b, ':'), p.port...)
	case p.uri.Port != 0 && !p.noPort:
		b = sip.AppendUint(append(b, ':'), uint64(p.uri.Port))
	}
	return b
}
