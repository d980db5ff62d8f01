package public

import (
	"net/url"
	"strings"

	"seraph/sql/store"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/view"
)

// letter makes a mail in a language: a greeting, paragraphs, and who sent it.
func (p *Desk) letter(language, to, name string, subject view.Msg, paragraphs ...view.Msg) mailer.Message {
	texts := p.View.Texts(language)
	lines := make([]string, len(paragraphs))
	for i, m := range paragraphs {
		lines[i] = texts.Text(m)
	}
	return p.written(texts, to, name, subject, lines...)
}

// of makes a mail one of a kind.
func of(kind mailer.Kind, m mailer.Message) mailer.Message {
	m.Kind = kind
	return m
}

// written is letter with paragraphs that are texts already. A name is what people
// typed: nothing in it is a link; "" for one that nobody has confirmed.
func (p *Desk) written(texts *view.Texts, to, name string, subject view.Msg, paragraphs ...string) mailer.Message {
	name = linkless(name)
	hello := view.M("mail.hello", name)
	if name == "" {
		hello = view.M("mail.hello_you")
	}
	lines := append([]string{texts.Text(hello)}, paragraphs...)
	lines = append(lines, texts.Text(view.M("mail.footer", p.URL)))
	return mailer.Message{To: to, Name: name, Subject: texts.Text(subject), Text: strings.Join(lines, "\n\n") + "\n"}
}

// link is a paragraph that is the address of a page.
func (p *Desk) link(path, token string) view.Msg {
	return view.M("mail.link", p.URL+address(path, token))
}

func address(path, token string) string {
	if token == "" {
		return path
	}
	return path + "?t=" + url.QueryEscape(token)
}

// nameOf is how a newcomer is called.
func nameOf(s store.SignUp) string {
	return store.Profile{AOR: s.AOR, FirstName: s.First, LastName: s.Last}.Name()
}

// letterConfirm leads to the page that makes the account. It holds nothing that was
// typed but the account's name: the mailbox may be anybody's.
func (p *Desk) letterConfirm(s store.SignUp, token string) mailer.Message {
	return of(mailer.SignUp, p.letter(s.Language, s.Email, "", view.M("mail.confirm.subject"),
		view.M("mail.confirm.text", s.AOR.String()), p.link(pathSignUpConfirm, token), view.M("mail.confirm.end")))
}

// letterKnown says that there is an account already. It is not addressed to the
// name that was typed: that may be anybody's.
func (p *Desk) letterKnown(s store.SignUp, known []store.Profile) mailer.Message {
	var addresses []string
	for _, me := range known {
		addresses = append(addresses, me.AOR.String())
	}
	language := s.Language
	if known[0].Language != "" {
		language = known[0].Language
	}
	return of(mailer.SignUp, p.letter(language, known[0].Mail(), known[0].Name(), view.M("mail.known.subject"),
		view.M("mail.known.text", strings.Join(addresses, ", ")), p.link(PathReset, ""), view.M("mail.not_you")))
}

// letterReset leads to the page of the new password.
func (p *Desk) letterReset(me store.Profile, language, token string) mailer.Message {
	return of(mailer.Reset, p.letter(language, me.Mail(), me.Name(), view.M("mail.reset.subject"),
		view.M("mail.reset.text", me.AOR.String()), p.link(pathResetNew, token), view.M("mail.reset.end")))
}

// letterAdmin says that an administrator's password is not set by mail.
func (p *Desk) letterAdmin(me store.Profile, language string) mailer.Message {
	return of(mailer.Reset, p.letter(language, me.Mail(), me.Name(), view.M("mail.reset.subject"),
		view.M("mail.admin.text", me.AOR.String()), view.M("mail.not_you")))
}

// letterChanged says that the password is a new one.
func (p *Desk) letterChanged(me store.Profile) mailer.Message {
	return p.letter(me.Language, me.Mail(), me.Name(), view.M("mail.changed.subject"),
		view.M("mail.changed.text", me.AOR.String()), p.link(PathReset, ""))
}

// letterMail leads to the page that makes an address the account's. It holds
// nothing that was typed: the mailbox may be anybody's.
func (p *Desk) letterMail(me store.Profile, email, token string) mailer.Message {
	return of(mailer.Change, p.letter(me.Language, email, "", view.M("mail.address.subject"),
		view.M("mail.address.text", me.AOR.String()), p.link(PathMail, token), view.M("mail.address.end")))
}

// letterLeft tells the address that an account had that another one is wanted.
func (p *Desk) letterLeft(me store.Profile) mailer.Message {
	return of(mailer.Change, p.letter(me.Language, me.Mail(), me.Name(), view.M("mail.left.subject"),
		view.M("mail.left.text", me.AOR.String()), view.M("mail.left.end"), p.link("/user/account/security", "")))
}

// SignUpDecided mails a newcomer what the operator said.
func (p *Desk) SignUpDecided(s store.SignUp, approved bool) {
	if !p.On() {
		return
	}
	if approved {
		p.queue.Put(p.letter(s.Language, s.Email, nameOf(s), view.M("mail.approved.subject"), view.M("mail.approved.text", s.AOR.String()), p.link(pathSignIn, "")))
		return
	}
	p.queue.Put(p.letter(s.Language, s.Email, nameOf(s), view.M("mail.declined.subject"), view.M("mail.declined.text", s.AOR.String())))
}
