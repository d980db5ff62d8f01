package script

import (
	"maps"
	"slices"
	"strings"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// settingKind is the type of a setting's value.
type settingKind uint8

const (
	aNumber settingKind = iota
	aSwitch             // yes, no, on, off, 1, 0 …
	aName               // a word or a text: a host, a user, a path
	aText               // a text in quotes
	aNumberOrName
	aList // hosts and addresses
)

// setting is one that a script can make.
type setting struct {
	kind settingKind
	set  func(k *compiler, v value) // nil where it has no effect here
	// note is told where the setting has no effect and its author may count on one.
	note string
}

// What an operator should know of settings that do nothing.
const (
	asRoot   = "start the proxy as that user, in that folder: it never changes either"
	oneTable = "tcp_max_connections is the limit on connections of every kind, TLS too"
	noServe  = "the router adds no Server or User-Agent header"
)

// settings are SER 0.9's, and those of Kamailio and ours beside them.
var settings = func() map[string]setting {
	t := map[string]setting{
		"listen":             {kind: aList, set: (*compiler).setListen},
		"port":               {kind: aNumber, set: (*compiler).setPort},
		"alias":              {kind: aList, set: (*compiler).setAlias},
		"advertised_address": {kind: aName, set: (*compiler).setAdvertisedAddress},
		"advertised_port":    {kind: aNumber, set: (*compiler).setAdvertisedPort},
		"unix_sock":          {kind: aText, set: func(k *compiler, v value) { k.prog.globals.UnixSock = v.text }},
		"fifo":               {kind: aText, set: func(k *compiler, v value) { k.prog.globals.FIFO = v.text }},
		"fifo_dir":           {kind: aName, set: func(k *compiler, v value) { k.prog.globals.FIFODir = v.text }},
		"fifo_group":         {kind: aNumberOrName, set: func(k *compiler, v value) { k.prog.globals.FIFOGroup = v.text }},
		"fifo_mode":          {kind: aNumber, set: (*compiler).setFIFOMode},
		"disable_tcp":        {kind: aSwitch, set: func(k *compiler, v value) { k.prog.globals.DisableTCP = v.num != 0 }},
		"udp_workers":        {kind: aNumber, set: (*compiler).setUDPWorkers},
		"max_while_loops":    {kind: aNumber, set: (*compiler).setWhileLoops},
		"shm_mem_size":       {kind: aNumber, set: (*compiler).setMemory},
		"debug":              {kind: aNumber, set: (*compiler).setDebug},
		"enable_tls":         {kind: aSwitch, set: (*compiler).setEnableTLS},
		"disable_tls":        {kind: aSwitch, set: (*compiler).setDisableTLS},
		"tls_method":         {kind: aName, set: setTLS("tls_method")},
		"tls_certificate":    {kind: aName, set: setTLS("certificate")},
		"tls_private_key":    {kind: aName, set: setTLS("private_key")},
		"tls_ca_list":        {kind: aName, set: setTLS("ca_list")},

		"tcp_max_connections":     {kind: aNumber, set: (*compiler).setMaxConns},
		"open_files_limit":        {kind: aNumber, set: (*compiler).setOpenFiles},
		"tcp_connect_timeout":     {kind: aNumber, set: setSeconds("tcp_connect_timeout", 1, 120, func(s *Streams) *time.Duration { return &s.ConnectTimeout })},
		"tcp_send_timeout":        {kind: aNumber, set: setSeconds("tcp_send_timeout", 1, 120, func(s *Streams) *time.Duration { return &s.SendTimeout })},
		"tcp_connection_lifetime": {kind: aNumber, set: setSeconds("tcp_connection_lifetime", 5, 7*24*3600, func(s *Streams) *time.Duration { return &s.Lifetime })},
		"tcp_accept_iplimit":      {kind: aNumber, set: (*compiler).setMaxPerSource},
		"tcp_user_connections":    {kind: aNumber, set: (*compiler).setMaxPerUser},
		"tcp_stranger_lifetime":   {kind: aNumber, set: setSeconds("tcp_stranger_lifetime", 5, 7*24*3600, func(s *Streams) *time.Duration { return &s.StrangerLifetime })},
		"tcp_accept_aliases":      {kind: aSwitch, set: func(k *compiler, v value) { k.prog.globals.Streams.AcceptAliases = v.num != 0 }},
	}
	for kind, names := range map[settingKind]string{
		aNumber: `children check_via_level maxbuffer tcp_children
			tcp_poll_method_nr memlog memdbg mem_log mcast_ttl
			unix_sock_children udp_mtu log_prefix_mode latency_limit_action latency_limit_db latency_log latency_cfg_log`,
		aSwitch: `fork log_stderror dns rev_dns check_via statistics enable_sctp sip_warning syn_branch mhomed
			reply_to_via mcast_loopback loop_checks disable_core_dump auto_aliases
			dns_cache_init server_signature tcp_accept_no_cl`,
		aName: `log_facility log_name log_prefix mpath loadpath fifo_user fifo_db_url
			tcp_poll_method avp_aliases`,
	} {
		for name := range strings.FieldsSeq(names) {
			t[name] = setting{kind: kind}
		}
	}
	t["tos"] = setting{kind: aNumberOrName}
	for _, name := range []string{"user", "uid", "group", "gid"} {
		t[name] = setting{kind: aNumberOrName, note: asRoot}
	}
	t["chroot"] = setting{kind: aName, note: asRoot}
	t["wdir"], t["workdir"] = t["chroot"], t["chroot"]
	t["tls_max_connections"] = setting{kind: aNumber, note: oneTable}
	t["server_header"] = setting{kind: aText, note: noServe}
	t["user_agent_header"] = t["server_header"]
	addDNS(t)
	addTuning(t)
	return t
}()

func globalNames() []string { return slices.Sorted(maps.Keys(settings)) }

// isList reports whether a setting takes several values in one line.
func isList(name string) bool { return settings[name].kind == aList }

// global takes one setting.
func (k *compiler) global(g global) {
	s, ok := settings[g.name]
	if !ok && isCustom(g.name) {
		k.setCustom(g)
		return
	}
	if !ok {
		k.wrong(g.pos, "there is no setting %s%s", quoted(g.name), k.report.didYouMean(g.name, globalNames()))
		return
	}
	for _, v := range g.values {
		if !k.typed(g.name, s.kind, &v) {
			continue
		}
		switch {
		case s.set != nil:
			s.set(k, v)
		case s.note != "":
			k.warn(g.pos, "%s has no effect: %s", g.name, s.note)
		default:
			k.note(g.pos, "%s has no effect here", g.name)
		}
	}
	if list := k.prog.globals.Listen; len(list) > 0 {
		if address, open := strings.CutSuffix(list[len(list)-1], " advertise"); open {
			k.wrong(g.pos, "advertise is followed by a host or an address")
			list[len(list)-1] = address // what comes next is another setting
		}
	}
}

// switches are the words for 1 and 0.
var switches = map[string]int{
	"yes": 1, "true": 1, "on": 1, "enable": 1, "enabled": 1, "1": 1,
	"no": 0, "false": 0, "off": 0, "disable": 0, "disabled": 0, "0": 0,
}

// typed checks the type of a value, and gives a switch its number.
func (k *compiler) typed(name string, kind settingKind, v *value) bool {
	switch kind {
	case aNumber:
		if v.quoted {
			v.num, v.number = atoi(v.text)
		}
		if !v.number {
			k.wrong(v.pos, "%s is a number", name)
		}
		return v.number
	case aSwitch:
		n, ok := switches[strings.ToLower(v.text)]
		if v.number {
			n, ok = v.num, true // memlog=5 and the like
		}
		if v.num = n; !ok {
			k.wrong(v.pos, "%s is yes or no", name)
		}
		return ok
	case aText:
		if !v.quoted {
			k.wrong(v.pos, "%s is a text: write it in quotes", name)
		}
		return v.quoted
	case aName:
		if v.number {
			k.wrong(v.pos, "%s is a name, not a number", name)
		}
		return !v.number
	}
	return true
}

// inRange demands a number from least to most.
func (k *compiler) inRange(v value, name string, least, most int) bool {
	if v.num < least || v.num > most {
		k.wrong(v.pos, "%s is a number from %d to %d", name, least, most)
		return false
	}
	return true
}

func (k *compiler) setListen(v value) {
	g := &k.prog.globals
	if len(g.Listen) > 0 && k.socketWord(v) {
		return
	}
	if n := len(g.Listen); n > 0 && k.advertising(v) {
		g.Listen[n-1] += " " + v.text
		if v.text != "advertise" {
			k.parseListen(g.Listen[n-1], v.pos)
		}
		return
	}
	if v.text == "advertise" {
		k.wrong(v.pos, "advertise stands after an address")
		return
	}
	if k.parseListen(v.text, v.pos) {
		g.Listen = append(g.Listen, v.text)
	}
}

// socketWord takes what Kamailio may say of a socket after its address and the router has not: a
// name, and that the address is virtual.
func (k *compiler) socketWord(v value) bool {
	naming := k.naming
	k.naming = false
	switch {
	case naming:
	case v.text == "name" && !v.quoted:
		k.naming = true
		k.wrong(v.pos, "names of sockets are not supported")
	case v.text == "virtual" && !v.quoted:
		k.wrong(v.pos, "virtual addresses are not supported: the address must be the machine's when the router starts")
	default:
		return false
	}
	return true
}

// advertising reports whether v is the word advertise after an address, or what
// comes after that word.
func (k *compiler) advertising(v value) bool {
	last := k.prog.globals.Listen[len(k.prog.globals.Listen)-1]
	return v.text == "advertise" && !strings.Contains(last, " ") || strings.HasSuffix(last, " advertise")
}

func (k *compiler) parseListen(s string, at Pos) bool {
	if _, err := transport.ParseListen(s); err != nil {
		k.wrong(at, "%s", strings.TrimPrefix(err.Error(), "transport: "))
		return false
	}
	return true
}

func (k *compiler) setPort(v value) {
	if k.inRange(v, "port", 1, 65535) {
		k.prog.globals.Port = v.num
	}
}

// setAlias takes a host, host:port, or SER's proto:host:port.
func (k *compiler) setAlias(v value) {
	text := v.text
	if proto, rest, ok := strings.Cut(text, ":"); ok {
		if _, known := transport.ParseProto(proto); known {
			text = rest
		}
	}
	if forwardHost(text) != "" {
		text = forwardHost(text)
	}
	var u sip.URI
	if sip.ParseURI([]byte("sip:"+text), &u) != nil || u.HasUser || u.Params != nil || u.Headers != nil {
		k.wrong(v.pos, "alias takes a host, or host:port, not %s", quoted(v.text))
		return
	}
	k.prog.globals.Alias = append(k.prog.globals.Alias, text)
}

func (k *compiler) setAdvertisedAddress(v value) {
	if forwardHost(v.text) == "" {
		k.wrong(v.pos, "advertised_address is a host or an address, not %s", quoted(v.text))
		return
	}
	k.prog.globals.AdvertisedAddress = v.text
}

func (k *compiler) setAdvertisedPort(v value) {
	if k.inRange(v, "advertised_port", 1, 65535) {
		k.prog.globals.AdvertisedPort = v.num
	}
}

func (k *compiler) setUDPWorkers(v value) {
	if k.inRange(v, "udp_workers", 1, 64) {
		k.prog.globals.UDPWorkers = v.num
	}
}

func (k *compiler) setWhileLoops(v value) {
	if k.inRange(v, "max_while_loops", 1, mostWhileLoops) {
		k.prog.globals.MaxWhileLoops = v.num
	}
}

func (k *compiler) setMemory(v value) {
	if k.inRange(v, "shm_mem_size", 1, MostMemory>>20) {
		k.prog.globals.Memory = int64(v.num) << 20
	}
}

func (k *compiler) setDebug(v value) {
	level := slogLevel(v.num)
	k.prog.globals.LogLevel = &level
}

func (k *compiler) setEnableTLS(v value) { k.prog.globals.EnableTLS = v.num != 0 }

func (k *compiler) setDisableTLS(v value) { k.prog.globals.EnableTLS = v.num == 0 }

// setTLS notes a setting of SER's under the name that module tls has for it, which
// checks it.
func setTLS(key string) func(k *compiler, v value) {
	return func(k *compiler, v value) {
		g := &k.prog.globals
		if g.TLS == nil {
			g.TLS = map[string]string{}
		}
		g.TLS[key] = v.text
	}
}

// maxConns is the most that a limit on connections may be.
const maxConns = 1 << 20

func (k *compiler) setMaxConns(v value) {
	if k.inRange(v, "tcp_max_connections", 1, maxConns) {
		k.prog.globals.Streams.MaxConns = v.num
	}
}

func (k *compiler) setOpenFiles(v value) {
	if k.inRange(v, "open_files_limit", 1, 2*maxConns) {
		k.prog.globals.OpenFiles = v.num
	}
}

// setMaxPerSource takes 0, as Kamailio does, for no limit: then that on all connections is the
// only one.
func (k *compiler) setMaxPerSource(v value) {
	if k.inRange(v, "tcp_accept_iplimit", 0, maxConns) {
		k.prog.globals.Streams.MaxPerSource = v.num
		if v.num == 0 {
			k.prog.globals.Streams.MaxPerSource = maxConns
		}
	}
}

func (k *compiler) setMaxPerUser(v value) {
	if k.inRange(v, "tcp_user_connections", 1, maxConns) {
		k.prog.globals.Streams.MaxPerUser = v.num
	}
}

// setSeconds takes a time of the connections, from least to most seconds.
func setSeconds(name string, least, most int, of func(*Streams) *time.Duration) func(k *compiler, v value) {
	return func(k *compiler, v value) {
		if k.inRange(v, name, least, most) {
			*of(&k.prog.globals.Streams) = time.Duration(v.num) * time.Second
		}
	}
}

// finishGlobals gives the addresses without a port the one of port=.
func (k *compiler) finishGlobals() {
	g := &k.prog.globals
	if g.Port == 0 {
		return
	}
	for i, s := range g.Listen {
		addr, advertise, _ := strings.Cut(s, " ")
		if hasPort(addr) || ownPort(addr) {
			continue
		}
		addr = withPort(addr, g.Port)
		g.Listen[i] = strings.TrimSuffix(addr+" "+advertise, " ")
	}
}
