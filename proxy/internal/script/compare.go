package script

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// subject is a value of the message that a condition compares.
type subject struct {
	ops     []string
	address bool // the value is an address, which is no token
	routes  module.Routes
	build   func(k *compiler, c *compare) node
}

var (
	textOps   = []string{"==", "!=", "=~"}
	sameOps   = []string{"==", "!="}
	numberOps = []string{"==", "!=", "<", ">", "<=", ">="}
)

// subjects are the values that conditions compare.
var subjects = map[string]subject{
	"method":   {ops: textOps, routes: anyRoute, build: (*compiler).compareText},
	"uri":      {ops: textOps, routes: uriRoutes, build: (*compiler).compareText},
	"from_uri": {ops: textOps, routes: anyRoute, build: (*compiler).compareText},
	"to_uri":   {ops: textOps, routes: anyRoute, build: (*compiler).compareText},
	"status":   {ops: textOps, routes: anyRoute, build: (*compiler).compareStatus},
	"src_ip":   {ops: textOps, address: true, routes: anyRoute, build: (*compiler).compareAddress},
	"dst_ip":   {ops: textOps, address: true, routes: anyRoute, build: (*compiler).compareAddress},
	"src_port": {ops: numberOps, routes: anyRoute, build: (*compiler).compareNumber},
	"dst_port": {ops: numberOps, routes: anyRoute, build: (*compiler).compareNumber},
	"msg:len":  {ops: numberOps, routes: anyRoute, build: (*compiler).compareNumber},
	"retcode":  {ops: numberOps, routes: anyRoute, build: (*compiler).compareNumber},
	"proto":    {ops: sameOps, routes: anyRoute, build: (*compiler).compareProto},
	"af":       {ops: sameOps, routes: anyRoute, build: (*compiler).compareFamily},
}

func (k *compiler) compare(c *compare) node {
	s := subjects[c.subject]
	k.use(c.pos, c.subject, s.routes, false)
	return s.build(k, c)
}

// textOf returns the value of a subject that is a text. It is a function value
// made once, so that reading allocates nothing.
func textOf(subject string) func(*module.Ctx) []byte {
	switch subject {
	case "uri":
		return func(c *module.Ctx) []byte { return c.Main.URI }
	case "from_uri":
		return func(c *module.Ctx) []byte {
			if a, err := c.Msg.From(); err == nil {
				return a.URI
			}
			return nil
		}
	case "to_uri":
		return func(c *module.Ctx) []byte {
			if a, err := c.Msg.To(); err == nil {
				return a.URI
			}
			return nil
		}
	}
	return methodText
}

// methodText is the method of a request; of a response, that of its CSeq.
func methodText(c *module.Ctx) []byte {
	if c.Msg.IsRequest {
		return c.Msg.MethodText()
	}
	if s, err := c.Msg.CSeq(); err == nil {
		return s.MethodText
	}
	return nil
}

// compareText compares method, uri, from_uri and to_uri. Case does not count but
// in the method of the message.
func (k *compiler) compareText(c *compare) node {
	v := c.value
	if v.text == "myself" && !v.quoted {
		return k.compareMyself(c)
	}
	if c.subject != "method" && !v.quoted {
		return k.wrong(v.pos, "%s is compared with a text in quotes, or with myself", c.subject)
	}
	get := textOf(c.subject)
	if c.op == "=~" {
		re := k.regexp(v)
		if re == nil {
			return nil
		}
		return truth(func(c *module.Ctx) bool {
			text := get(c)
			c.Spend(len(text))
			return re.Match(text)
		})
	}
	want, equal := v.text, c.op == "=="
	if c.subject == "method" {
		return compareMethod(want, equal)
	}
	return truth(func(c *module.Ctx) bool { return sip.EqualFold(get(c), want) == equal })
}

// compareMethod compares the method with a name. "options" in a message is another method
// than OPTIONS (RFC 3261 §7.1); in a script it is a way to write it.
func compareMethod(want string, equal bool) node {
	if upper := strings.ToUpper(want); sip.ParseMethod([]byte(upper)) != sip.MethodOther {
		want = upper
	}
	return truth(func(c *module.Ctx) bool { return (string(methodText(c)) == want) == equal })
}

// compareMyself asks whether the host of a URI is ours.
func (k *compiler) compareMyself(c *compare) node {
	if c.op == "=~" || c.subject == "method" {
		return k.wrong(c.value.pos, "myself is compared with an address or a URI by == and !=")
	}
	equal := c.op == "=="
	if c.subject == "from_uri" {
		return truth(func(c *module.Ctx) bool { return fromMyself(c) == equal })
	}
	get := uriOf(c.subject)
	return truth(func(c *module.Ctx) bool {
		u, err := get(c)
		return (err == nil && c.Engine.Myself(u.Host, u.Port)) == equal
	})
}

// fromMyself reports whether the sender claims to be of a host of ours. The URI in From may be of a
// scheme that the router cannot send to, and who reads it sees a host there all the same.
func fromMyself(c *module.Ctx) bool {
	u, err := c.Msg.FromURI()
	if err != nil {
		return false
	}
	if u.Host != nil {
		return c.Engine.Myself(u.Host, u.Port)
	}
	host := aor.AppendCallerHost(nil, u.Raw)
	return len(host) > 0 && c.Engine.Myself(host, 0)
}

// uriOf returns the value of a subject that is a URI, parsed.
func uriOf(subject string) func(*module.Ctx) (*sip.URI, error) {
	if subject == "to_uri" {
		return func(c *module.Ctx) (*sip.URI, error) { return c.Msg.ToURI() }
	}
	return (*module.Ctx).URI
}

// maxRegexps bounds how many regular expressions a script may have: each takes
// memory that its length does not show.
const maxRegexps = 1000

// wholeText stands before each regular expression: case does not count, and a dot is a line
// end too, as SER and Kamailio compile those of conditions (without REG_NEWLINE).
const wholeText = "(?is)"

// regexp compiles a regular expression, which ignores case as SER's do.
func (k *compiler) regexp(v value) *regexp.Regexp {
	if !v.quoted {
		k.wrong(v.pos, "a regular expression stands in quotes")
		return nil
	}
	if k.tries++; k.tries > maxRegexps {
		k.wrong(v.pos, "a script has at most %d regular expressions", maxRegexps)
		return nil
	}
	re, err := module.Regexp(wholeText, v.text)
	if err != nil {
		reason := err.Error()
		var e *syntax.Error
		if errors.As(err, &e) {
			reason = e.Code.String() + ": " + quoted(strings.TrimPrefix(e.Expr, wholeText))
		}
		k.wrong(v.pos, "the regular expression is not well formed: %s", reason)
		return nil
	}
	return re
}

// compareStatus compares the status of a response; in a failure route, that of
// the best one; in a request route it is never equal to anything. All statuses
// are tried once, here.
func (k *compiler) compareStatus(c *compare) node {
	v := c.value
	if !v.number && !v.quoted {
		return k.wrong(v.pos, "status is compared with a number such as 200, or a text")
	}
	match := func(status string) bool { return (status == v.text) == (c.op == "==") }
	switch {
	case c.op == "=~":
		v.quoted = true // 4.. without quotes is a number or nothing
		re := k.regexp(v)
		if re == nil {
			return nil
		}
		match = re.MatchString
	case len(v.text) != 3 || v.text < "100" || v.text > "699":
		return k.wrong(v.pos, "a status is a number from 100 to 699; =~ compares with a pattern")
	}
	var table [700]bool
	for n := 100; n < len(table); n++ {
		table[n] = match(string(sip.AppendUint(nil, uint64(n))))
	}
	return truth(func(c *module.Ctx) bool { return c.Final > 0 && c.Final < len(table) && table[c.Final] })
}
