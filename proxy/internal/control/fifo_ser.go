package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"seraph/ctlproto"
)

// serCommand is a command of SER's FIFO: its parameters' names, of which the last
// optional ones may be missing, and what it does. The reply's text follows "200 …".
type serCommand struct {
	names    []string
	optional int
	run      func(f *FIFO, ctx context.Context, args []string) (serReply, error)
}

// serReply is a reply in SER's form.
type serReply struct {
	code   int    // 0 = 200
	reason string // "" = ok
	text   string // whole lines
	hangUp func() // what to do if it cannot be delivered, nil = nothing
}

var errDump = errors.New("the dump is larger than a reply may be")

// serDialogCommand is the one whose parameters have a form of their own.
const serDialogCommand = "t_uac_dlg"

// serCommands are SER 0.8's and 0.9's, by name.
func serCommands() map[string]serCommand {
	record := []string{"table", "aor"}
	return map[string]serCommand{
		"uptime":          {run: (*FIFO).serUptime},
		"version":         {run: (*FIFO).serVersion},
		"which":           {run: (*FIFO).serWhich},
		"ps":              {run: (*FIFO).serPs},
		"arg":             {run: (*FIFO).serArg},
		"pwd":             {run: (*FIFO).serPwd},
		"print":           {names: []string{"text"}, run: (*FIFO).serPrint},
		"domain_reload":   {run: (*FIFO).serDomainReload},
		"domain_dump":     {run: (*FIFO).serDomainDump},
		"t_stats":         {run: (*FIFO).serTmStats},
		"sl_stats":        {run: (*FIFO).serSlStats},
		"ul_stats":        {run: (*FIFO).serUlStats},
		"ul_add":          {names: []string{"table", "aor", "contact", "expires", "q", "replicate", "flags"}, optional: 2, run: (*FIFO).serUlAdd},
		"ul_rm":           {names: record, run: (*FIFO).serUlRm},
		"ul_rm_contact":   {names: append(record, "contact"), run: (*FIFO).serUlRmContact},
		"ul_show_contact": {names: record, run: (*FIFO).serUlShow},
		"ul_dump":         {run: (*FIFO).serUlDump},
		"ul_flush":        {run: (*FIFO).serUlFlush},
		"t_uac_cancel":    {names: []string{"callid", "cseq"}, run: (*FIFO).serCancel},
	}
}

// serCall runs a command.
func (f *FIFO) serCall(ctx context.Context, from caller, q fifoRequest) fifoReply {
	reply, err := f.serRun(ctx, from, q)
	if err != nil {
		reply = f.serRefusal(err)
	}
	if reply.code == 0 {
		reply.code = 200
	}
	if reply.reason == "" {
		reply.reason = "ok"
	}
	return fifoReply{fmt.Appendf(nil, "%d %s\n%s", reply.code, reply.reason, reply.text), reply.hangUp}
}

func (f *FIFO) serRun(ctx context.Context, from caller, q fifoRequest) (serReply, error) {
	if q.command == serDialogCommand {
		return f.serDialog(ctx, from, q)
	}
	command, ok := serCommands()[q.command]
	if !ok {
		return serReply{code: 500, reason: fmt.Sprintf("command '%s' not available", shorten(printable(q.command)))}, nil
	}
	if n := len(q.args); n < len(command.names)-command.optional || n > len(command.names) {
		return serReply{code: 400, reason: fmt.Sprintf("%s: %d parameters, want %s", q.command, n, strings.Join(command.names, ", "))}, nil
	}
	return command.run(f, ctx, q.args)
}

// serRefusal words an error.
func (f *FIFO) serRefusal(err error) serReply {
	if e, ok := errors.AsType[*ctlproto.Error](err); ok {
		code, message := kamailioError("", e)
		return serReply{code: code, reason: printable(message)}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return serReply{code: fifoUnavailable, reason: "given up before there was an answer"}
	}
	f.cfg.Log.Error("FIFO: command failed", "error", err)
	return serReply{code: 500, reason: "the proxy's log has the reason"}
}

// printable makes one line of a text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func (f *FIFO) serUptime(context.Context, []string) (serReply, error) {
	now, up := f.server.cfg.Now(), f.server.started
	return serReply{text: fmt.Sprintf("Now: %s\nUp Since: %s\nUp time: %d [sec]\n", now.UTC().Format(ctlproto.UptimeLayout),
		up.UTC().Format(ctlproto.UptimeLayout), int64(now.Sub(up)/time.Second))}, nil
}

func (f *FIFO) serVersion(context.Context, []string) (serReply, error) {
	return serReply{text: "Server: " + f.server.cfg.Info.Version + "\n"}, nil
}

func (f *FIFO) serWhich(context.Context, []string) (serReply, error) {
	names := []string{serDialogCommand}
	for name := range serCommands() {
		names = append(names, name)
	}
	slices.Sort(names)
	return serReply{text: strings.Join(names, "\n") + "\n"}, nil
}

func (f *FIFO) serPs(context.Context, []string) (serReply, error) {
	return serReply{text: fmt.Sprintf("0\t%d\t%s\n", os.Getpid(), f.server.cfg.Name)}, nil
}

// serArg shows the command line, passwords in URLs masked.
func (f *FIFO) serArg(context.Context, []string) (serReply, error) {
	var b strings.Builder
	for _, arg := range os.Args {
		if strings.Contains(arg, "://") {
			u, err := url.Parse(arg)
			if err != nil {
				arg = "(a URL)"
			} else {
				arg = u.Redacted()
			}
		}
		b.WriteString(printable(arg) + "\n")
	}
	return serReply{text: b.String()}, nil
}

func (f *FIFO) serPwd(context.Context, []string) (serReply, error) {
	dir, err := os.Getwd()
	return serReply{text: dir + "\n"}, err
}

func (f *FIFO) serPrint(_ context.Context, a []string) (serReply, error) {
	return serReply{text: printable(a[0]) + "\n"}, nil
}

func (f *FIFO) serDomainReload(ctx context.Context, _ []string) (serReply, error) {
	_, err := f.run(ctx, ctlproto.MethodDomainReload)
	return serReply{reason: "Domain table reloaded"}, err
}

func (f *FIFO) serDomainDump(context.Context, []string) (serReply, error) {
	if f.server.cfg.DomainList == nil {
		return serReply{}, unavailable("domain")
	}
	var b strings.Builder
	for _, domain := range f.server.domains() {
		b.WriteString(domain + "\n")
	}
	return serReply{text: b.String()}, nil
}

func (f *FIFO) serTmStats(context.Context, []string) (serReply, error) {
	if f.server.cfg.Tm == nil {
		return serReply{}, unavailable("tm")
	}
	s := f.server.cfg.Tm.TmStats()
	return serReply{text: fmt.Sprintf("Current: %d (%d waiting) Total: %d (%d local)\nReplied localy: %d\n"+
		"Completion status 6xx: %d, 5xx: %d, 4xx: %d, 3xx: %d,2xx: %d\n",
		s.Current, s.Waiting, s.Total, s.TotalLocal, s.RplGenerated, s.Class6xx, s.Class5xx, s.Class4xx, s.Class3xx, s.Class2xx)}, nil
}

func (f *FIFO) serSlStats(context.Context, []string) (serReply, error) {
	if f.server.cfg.Sl == nil {
		return serReply{}, unavailable("sl")
	}
	s := f.server.cfg.Sl.SlStats()
	return serReply{text: fmt.Sprintf("200: %d 202: %d 2xx: %d\n300: %d 301: %d 302: %d 3xx: %d\n"+
		"400: %d 401: %d 403: %d 404: %d 407: %d 408: %d 483: %d 4xx: %d\n500: %d 5xx: %d\n6xx: %d\nxxx: %d\n",
		s.Code200, s.Code202, s.Class2xx, s.Code300, s.Code301, s.Code302, s.Class3xx,
		s.Code400, s.Code401, s.Code403, s.Code404, s.Code407, s.Code408, s.Code483, s.Class4xx,
		s.Code500, s.Class5xx, s.Class6xx, s.Other)}, nil
}

func unavailable(part string) error {
	return ctlproto.Errorf(ctlproto.CodeUnavailable, "%s is not loaded", part)
}

func (f *FIFO) serUlStats(context.Context, []string) (serReply, error) {
	if f.server.cfg.Usrloc == nil {
		return serReply{}, unavailable("usrloc")
	}
	registered := 0
	f.server.cfg.Usrloc.AoRs(func(string) bool { registered++; return true })
	return serReply{text: fmt.Sprintf("Domain Registered Expired\n'%s' %d 0\n", ctlproto.TableLocation, registered)}, nil
}

func (f *FIFO) serUlAdd(ctx context.Context, a []string) (serReply, error) {
	// Kamailio's order has path and flags where SER's has replicate.
	_, err := f.run(ctx, ctlproto.MethodUlAdd, a[0], a[1], a[2], a[3], a[4], ".", "0", "0", fmt.Sprint(allMethods))
	return serReply{reason: "Added to table"}, err
}

func (f *FIFO) serUlRm(ctx context.Context, a []string) (serReply, error) {
	_, err := f.run(ctx, ctlproto.MethodUlRm, a...)
	return serReply{reason: fmt.Sprintf("user (%s, %s) deleted", printable(a[0]), printable(a[1]))}, err
}

func (f *FIFO) serUlRmContact(ctx context.Context, a []string) (serReply, error) {
	_, err := f.run(ctx, ctlproto.MethodUlRmContact, a...)
	return serReply{reason: fmt.Sprintf("contact (%s, %s) deleted", printable(a[1]), printable(a[2]))}, err
}

func (f *FIFO) serUlShow(ctx context.Context, a []string) (serReply, error) {
	result, err := f.run(ctx, ctlproto.MethodUlLookup, a...)
	if err != nil {
		return serReply{}, err
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return serReply{}, err
	}
	var found ctlproto.UlAoR
	if err := json.Unmarshal(raw, &found); err != nil {
		return serReply{}, err
	}
	var b strings.Builder
	for _, item := range found.Contacts {
		b.WriteString(serContact(item.Contact))
	}
	return serReply{reason: "OK", text: b.String()}, nil
}

// serContact is a contact's line. A permanent one expires at 0, as ul_add has it.
func serContact(c ctlproto.Contact) string {
	q := c.Q
	if q < 0 {
		q = 1
	}
	return fmt.Sprintf("<%s>;q=%.2f;expires=%d\n", c.Address, float64(q), int64(c.Expires/time.Second))
}

// maxSerDump bounds ul_dump, in bytes.
const maxSerDump = ctlproto.MaxReply

func (f *FIFO) serUlDump(context.Context, []string) (serReply, error) {
	if f.server.cfg.Usrloc == nil {
		return serReply{}, unavailable("usrloc")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "===Domain list===\n---Domain---\nname : '%s'\n", ctlproto.TableLocation)
	f.server.cfg.Usrloc.Dump(func(address string, contacts []ctlproto.Contact) bool {
		fmt.Fprintf(&b, "\naor : '%s'\n", address)
		for _, c := range contacts {
			b.WriteString(serContact(c))
		}
		return b.Len() < maxSerDump
	})
	if b.Len() >= maxSerDump {
		return serReply{}, ctlproto.Errorf(ctlproto.CodeTooLarge, "%v", errDump)
	}
	return serReply{reason: "OK", text: b.String() + "---/Domain---\n===/Domain list===\n"}, nil
}

func (f *FIFO) serUlFlush(ctx context.Context, _ []string) (serReply, error) {
	_, err := f.run(ctx, ctlproto.MethodUlFlush)
	return serReply{reason: "OK"}, err
}
