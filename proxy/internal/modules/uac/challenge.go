package uac

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// nextChallenge reads the first header line of a challenge; ok is false for one that
// cannot be answered.
func nextChallenge(lines []byte) (c challenge, rest []byte, ok bool) {
	line, rest := cutLine(lines)
	name, value, colon := bytes.Cut(line, []byte(":"))
	if !colon {
		return c, rest, false
	}
	switch id := sip.ParseHeaderID(bytes.TrimSpace(name)); id {
	case sip.HdrProxyAuthenticate:
		c.proxy = true
	case sip.HdrWWWAuthenticate:
	default:
		return c, rest, false
	}
	return c, rest, c.read(bytes.TrimSpace(value))
}

// cutLine takes the first header line, with the lines that it is folded over.
func cutLine(lines []byte) (line, rest []byte) {
	for i := 0; i < len(lines); i++ {
		if lines[i] == '\n' && (i+1 == len(lines) || lines[i+1] != ' ' && lines[i+1] != '\t') {
			return lines[:i], lines[i+1:]
		}
	}
	return lines, nil
}

const scheme = "Digest"

// read reads the value of a challenge; false if it is none that can be answered. What
// stands in it goes into a header of ours: a control character is refused.
func (c *challenge) read(value []byte) bool {
	if len(value) <= len(scheme) || !sip.EqualFold(value[:len(scheme)], scheme) || value[len(scheme)] != ' ' && value[len(scheme)] != '\t' {
		return false
	}
	good := true
	offered, rest := false, value[len(scheme):]
	for len(rest) > 0 {
		n := sip.NextValue(rest)
		item := bytes.TrimSpace(rest[:n])
		rest = rest[min(n+1, len(rest)):]
		name, text, _ := sip.NextParam(item)
		if bytes.ContainsAny(text, "\r\n\x00") || bytes.IndexByte(text, '"') >= 0 {
			return false
		}
		switch {
		case sip.EqualFold(name, "realm"):
			c.realm = text
		case sip.EqualFold(name, "nonce"):
			c.nonce = text
		case sip.EqualFold(name, "opaque"):
			c.opaque, c.hasOpaque = text, true
		case sip.EqualFold(name, "stale"):
			c.stale = sip.EqualFold(text, "true")
		case sip.EqualFold(name, "algorithm"):
			c.algorithm = text
			c.sha256 = sip.EqualFold(text, "SHA-256")
			good = good && (c.sha256 || sip.EqualFold(text, "MD5"))
		case sip.EqualFold(name, "qop"):
			offered = true
			for q := range bytes.SplitSeq(text, []byte(",")) {
				c.qop = c.qop || sip.EqualFold(bytes.TrimSpace(q), "auth")
			}
		}
	}
	return good && len(c.realm) > 0 && len(c.nonce) > 0 && (c.qop || !offered)
}
