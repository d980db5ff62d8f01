package public

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/view"
)

// Bounds of the mail of missed calls.
const (
	missedPage    = 200 // users of one query
	missedCallers = 50  // callers that one mail names
	maxTries      = 3   // mails that are put off in a row before the round ends
	dayLayout     = "2006-01-02"
)

// MailMissed sends the mails of missed calls that are due: to everybody who
// wants them once a day, when it is MissedAt where they are, of the calls since
// the last mail; to those without any, none. A round that an error ends, or the
// end of the program, is taken up by the next one, here or in another process.
func (p *Desk) MailMissed(ctx context.Context) error {
	if err := p.DB.MissedMails.Forget(ctx); err != nil {
		return err
	}
	failed := 0
	for after := (aor.AOR{}); ; {
		list, err := p.DB.MissedMails.Wanted(ctx, after, missedPage)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, m := range list {
			err := p.mailMissedOf(ctx, m)
			switch {
			case err == nil:
				failed = 0
			case errors.Is(err, mailer.ErrAway), store.IsUnavailable(err), failed == maxTries:
				return err
			default:
				failed++
				p.Log.Warn("mail of missed calls put off", "user", m.AOR.String(), "error", err)
			}
		}
		after = list[len(list)-1].AOR
	}
}

// mailMissedOf sends one user's mail if it is due.
func (p *Desk) mailMissedOf(ctx context.Context, m store.MissedMail) error {
	now := p.Now().In(p.zone(m.TimeZone))
	today, due := now.Format(dayLayout), sinceMidnight(now) >= p.MissedAt
	switch {
	case m.Day == "":
		if !due { // the first mail comes today
			today = now.AddDate(0, 0, -1).Format(dayLayout)
		}
		return p.DB.MissedMails.Begin(ctx, m.AOR, today)
	case !due || m.Day >= today:
		return nil
	}
	mine, err := p.DB.MissedMails.Claim(ctx, m, today)
	if err != nil || !mine {
		return err
	}
	// Between here and the end, a crash leaves the calls for tomorrow's mail.
	upTo, err := p.sendMissed(ctx, m, now)
	var permanent *mailer.PermanentError
	switch {
	case errors.As(err, &permanent):
		p.Log.Warn("mail of missed calls refused", "user", m.AOR.String(), "error", err)
		return nil
	case err != nil:
		return errors.Join(err, p.DB.MissedMails.Release(context.WithoutCancel(ctx), m, today))
	}
	return p.DB.MissedMails.Settle(context.WithoutCancel(ctx), m.AOR, today, upTo)
}

// sinceMidnight is what the clock on the wall shows.
func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

func (p *Desk) zone(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return p.Zone
}

// sendMissed sends a mail of the calls since the last one, and returns the
// highest id that it tells of. Without calls it sends none.
func (p *Desk) sendMissed(ctx context.Context, m store.MissedMail, now time.Time) (upTo int64, err error) {
	calls, total, err := p.DB.MissedMails.Calls(ctx, m.AOR, m.UpTo)
	if err != nil || len(calls) == 0 {
		return m.UpTo, err
	}
	me, err := p.DB.Profiles.Load(ctx, m.AOR)
	if err != nil || me.Mail() == "" { // no longer wanted, or not confirmed
		return m.UpTo, err
	}
	names, err := p.names(ctx, m.AOR, calls)
	if err != nil {
		return m.UpTo, err
	}
	if err := p.Sender.Send(ctx, p.letterMissed(me, m.Off, calls, total, names, now)); err != nil {
		return m.UpTo, err
	}
	p.Log.Info("mail of missed calls sent", "user", m.AOR.String(), "calls", total)
	return slices.MaxFunc(calls, func(a, b store.Call) int { return int(a.ID - b.ID) }).ID, nil
}

// names are what the owner's phone book calls the callers, by their URI.
func (p *Desk) names(ctx context.Context, owner aor.AOR, calls []store.Call) (map[string]store.Entry, error) {
	var uris []string
	for _, c := range calls {
		if c.CallerURI != "" && !slices.Contains(uris, c.CallerURI) {
			uris = append(uris, c.CallerURI)
		}
	}
	return p.DB.Phonebook.FindAddresses(ctx, owner, uris)
}

// callerLine is one caller in the mail.
type callerLine struct {
	who   string
	last  time.Time
	times int
}

// letterMissed tells of missed calls, a line a caller, the last one first.
func (p *Desk) letterMissed(me store.Profile, off string, calls []store.Call, total int, names map[string]store.Entry, now time.Time) mailer.Message {
	texts := p.View.Texts(me.Language)
	var lines []string
	callers := callersOf(calls, names)
	for _, c := range callers[:min(len(callers), missedCallers)] {
		who, when := c.who, texts.When(c.last, now)
		if who == "" {
			who = texts.Text(view.M("mail.missed.unknown"))
		}
		if c.times == 1 {
			lines = append(lines, texts.Text(view.M("mail.missed.once", who, when)))
		} else {
			lines = append(lines, texts.Text(view.M("mail.missed.often", who, when, strconv.Itoa(c.times))))
		}
	}
	if more := len(callers) - missedCallers; more > 0 {
		lines = append(lines, texts.Count("mail.missed.more", more))
	}
	subject := view.M("mail.missed.subject", strconv.Itoa(total))
	if total == 1 {
		subject = view.M("mail.missed.subject.one")
	}
	m := p.written(texts, me.Mail(), me.Name(), subject, texts.Text(view.M("mail.missed.text", me.AOR.String())), strings.Join(lines, "\n"),
		texts.Text(p.link("/user/missed", "")), texts.Text(view.M("mail.missed.off")), texts.Text(p.link(PathMissedOff, off)))
	m.Unsubscribe = p.URL + address(PathMissedOff, off)
	return m
}

// callersOf gathers calls by caller, the last one first.
func callersOf(calls []store.Call, names map[string]store.Entry) []*callerLine {
	var all []*callerLine
	known := map[string]*callerLine{}
	for _, c := range calls { // the newest first
		key := c.CallerURI
		if key == "" {
			key = "name " + c.CallerName
		}
		line := known[key]
		if line == nil {
			line = &callerLine{who: callerText(c, names), last: c.Started}
			known[key], all = line, append(all, line)
		}
		line.times++
	}
	return all
}

// callerText is who called: the name in the phone book and the address, or else
// what they call themselves. What looks like a link is taken apart, so that no
// mail program makes one of a stranger's text.
func callerText(c store.Call, names map[string]store.Entry) string {
	address := addressText(strings.TrimPrefix(strings.TrimPrefix(c.CallerURI, "sip:"), "tel:"))
	name := linkless(c.CallerName)
	if e, ok := names[c.CallerURI]; ok {
		name = linkless(strings.TrimSpace(e.FirstName + " " + e.LastName))
	} else if name != "" {
		name = "“" + name + "”"
	}
	switch {
	case name == "":
		return address
	case address == "":
		return name
	}
	return name + " <" + address + ">"
}

// linkless makes a name that somebody typed one short line in which nothing is a
// link: what stands around the dots of a host, the slashes of a path and the "@" of
// an address is set apart.
func linkless(name string) string {
	name = mailer.Line(name, 120)
	var b strings.Builder
	for i, r := range name {
		switch {
		case strings.ContainsRune("@/\\＠／", r), dots(r) && i+len(string(r)) < len(name) && name[i+len(string(r))] != ' ':
			b.WriteString(" " + string(r) + " ")
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// dots are the full stops that stand in hosts' names (RFC 3490 §3.1).
func dots(r rune) bool { return strings.ContainsRune(".\u3002\uff0e\uff61", r) }

// addressText is a SIP address of a stranger's as one short line; what is none but
// a link is taken apart.
func addressText(text string) string {
	text = mailer.Line(text, 120)
	lower := strings.ToLower(text)
	if !strings.Contains(lower, "://") && !strings.Contains(lower, "www.") && !strings.ContainsAny(text, `/\`) && !dotted(text) {
		return text
	}
	return strings.NewReplacer("://", " : ", "/", " / ", `\`, ` \ `, ".", " . ").Replace(text)
}

// dotted reports whether a text without "@" has a dot between two letters, as a
// host's name does.
func dotted(text string) bool {
	if strings.Contains(text, "@") {
		return false
	}
	for i, r := range text {
		if r == '.' && i > 0 && i+1 < len(text) && text[i-1] != ' ' && text[i+1] != ' ' {
			return true
		}
	}
	return false
}

// MissedOff asks whether to turn the mail off (GET /missed-mail/off).
func (p *Desk) MissedOff(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("t")
	who, err := p.DB.MissedMails.FindOff(r.Context(), token)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.View.Page(w, r, http.StatusOK, "public-confirm", view.Page{Title: view.M("missedmail.off"), Data: confirmPage{
		Text: view.M("missedmail.off_text", who.String()), Action: address(PathMissedOff, token), Token: token, Button: view.M("missedmail.off_button"),
	}})
}

// MissedOffDone turns the mail off (POST /missed-mail/off). The word in the
// address is all that it asks for: mail programs send it by themselves (RFC 8058
// §3.1).
func (p *Desk) MissedOffDone(w http.ResponseWriter, r *http.Request) {
	if err := p.DB.MissedMails.TurnOff(r.Context(), r.URL.Query().Get("t")); err != nil {
		p.fail(w, r, err)
		return
	}
	p.tell(w, r, http.StatusOK, toldPage{
		Title: view.M("missedmail.is_off"), Texts: []view.Msg{view.M("missedmail.is_off_text")}, Path: "/user/account", Link: view.M("missedmail.account"),
	})
}
