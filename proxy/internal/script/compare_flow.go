package script

import (
	"net/netip"
	"strconv"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// addressOf returns where a message came from, or the address of ours that it came to.
func addressOf(subject string) func(*module.Ctx) netip.AddrPort {
	if strings.HasPrefix(subject, "src_") {
		return func(c *module.Ctx) netip.AddrPort { return c.From.Remote }
	}
	return func(c *module.Ctx) netip.AddrPort { return c.From.Local }
}

// compareAddress compares src_ip and dst_ip with an address, a network or
// myself, or their text with a pattern. What our own user agent sends comes from
// myself and from no address.
func (k *compiler) compareAddress(c *compare) node {
	v, get := c.value, addressOf(c.subject)
	equal := c.op != "!="
	switch {
	case c.op == "=~" && v.quoted:
		re := k.regexp(v)
		if re == nil {
			return nil
		}
		return truth(func(c *module.Ctx) bool {
			var room [64]byte
			return re.Match(c.Keep(get(c).Addr().AppendTo(room[:0])))
		})
	case v.text == "myself" && c.op != "=~":
		return truth(func(c *module.Ctx) bool {
			a := get(c).Addr()
			mine := c.From.Proto == transport.Local || a.IsValid() && c.Engine.Layer().IsLocal(a, 0)
			return mine == equal
		})
	}
	net, ok := parseNetwork(v.text)
	if !ok {
		return k.wrong(v.pos, "%s is compared with an address, a network such as 10.0.0.0/8, or myself; "+
			"host names are not looked up here", c.subject)
	}
	return truth(func(c *module.Ctx) bool { return net.Contains(get(c).Addr()) == equal })
}

// parseNetwork reads an address with an optional mask: bits, or for IPv4 an
// address such as 255.255.0.0.
func parseNetwork(s string) (netip.Prefix, bool) {
	addr, mask, masked := strings.Cut(s, "/")
	if n := len(addr); n > 2 && addr[0] == '[' && addr[n-1] == ']' {
		addr = addr[1 : n-1]
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	if !masked {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	bits, ok := atoi(mask)
	if !ok {
		if bits, ok = maskBits(mask); !ok || !a.Is4() {
			return netip.Prefix{}, false
		}
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

// maskBits returns how many ones a mask written as an address begins with; after
// them only zeros may stand.
func maskBits(s string) (int, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, false
	}
	bits := ""
	for _, b := range a.As4() {
		t := strconv.FormatUint(uint64(b), 2)
		bits += strings.Repeat("0", 8-len(t)) + t
	}
	ones := strings.TrimRight(bits, "0")
	return len(ones), !strings.Contains(ones, "0")
}

// compareNumber compares a port, the length of the message or the last return code.
func (k *compiler) compareNumber(c *compare) node {
	want, ok := c.value.num, c.value.number
	var get func(*module.Ctx) int
	switch c.subject {
	case "msg:len":
		want, ok = k.length(c.value)
		if !ok {
			return nil
		}
		get = func(c *module.Ctx) int { return len(c.Msg.Buf) }
	case "retcode":
		get = func(c *module.Ctx) int { return c.ReturnCode }
	default:
		address := addressOf(c.subject)
		get = func(c *module.Ctx) int { return int(address(c).Port()) }
	}
	if !ok {
		return k.wrong(c.value.pos, "%s is compared with a number", c.subject)
	}
	switch c.op {
	case "==":
		return truth(func(c *module.Ctx) bool { return get(c) == want })
	case "!=":
		return truth(func(c *module.Ctx) bool { return get(c) != want })
	case "<":
		return truth(func(c *module.Ctx) bool { return get(c) < want })
	case ">":
		return truth(func(c *module.Ctx) bool { return get(c) > want })
	case "<=":
		return truth(func(c *module.Ctx) bool { return get(c) <= want })
	}
	return truth(func(c *module.Ctx) bool { return get(c) >= want })
}

// length reads a number of bytes: a number, or max_len, the largest message.
func (k *compiler) length(v value) (int, bool) {
	if v.text == "max_len" && !v.quoted {
		return sip.MaxSize, true
	}
	if !v.number {
		k.wrong(v.pos, "a length is a number of bytes, or max_len (%d)", sip.MaxSize)
	}
	return v.num, v.number
}

// compareProto compares proto with UDP, TCP, TLS, WS, WSS or local, which is our
// own user agent.
func (k *compiler) compareProto(c *compare) node {
	want, ok := transport.ParseProto(c.value.text)
	if strings.EqualFold(c.value.text, "local") {
		want, ok = transport.Local, true
	}
	if !ok {
		return k.wrong(c.value.pos, "proto is UDP, TCP, TLS, WS, WSS or local, not %s", quoted(c.value.text))
	}
	equal := c.op == "=="
	return truth(func(c *module.Ctx) bool { return (c.From.Proto == want) == equal })
}

// compareFamily compares af with INET or INET6.
func (k *compiler) compareFamily(c *compare) node {
	var six bool
	switch strings.ToUpper(c.value.text) {
	case "INET", "IPV4":
	case "INET6", "IPV6":
		six = true
	default:
		return k.wrong(c.value.pos, "af is INET or INET6, not %s", quoted(c.value.text))
	}
	equal := c.op == "=="
	return truth(func(c *module.Ctx) bool {
		a := c.From.Remote.Addr()
		return (a.IsValid() && a.Is6() == six) == equal
	})
}
