package server_test

import (
	"context"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
)

// postman is a mail server on paper.
type postman struct {
	mu    sync.Mutex
	mails []mailer.Message
	fail  error // instead of taking a mail
	came  chan struct{}
}

// Send implements mailer.Sender.
func (p *postman) Send(_ context.Context, m mailer.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.mails = append(p.mails, m)
	select {
	case p.came <- struct{}{}:
	default:
	}
	return nil
}

func (p *postman) all() []mailer.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]mailer.Message(nil), p.mails...)
}

// desk is a stand with mail, and people who make their own accounts.
type desk struct {
	*stand
	post *postman
	read int // mails that were looked at
}

// portalURL is how mails name the portal.
const portalURL = "https://phone.example.org"

// newDesk makes a desk that does its work; change alters the settings.
func newDesk(t *testing.T, change ...func(*public.Settings)) *desk {
	t.Helper()
	d := idleDesk(t, change...)
	d.start()
	return d
}

// idleDesk is a desk that answers, and does nothing after that.
func idleDesk(t *testing.T, change ...func(*public.Settings)) *desk {
	t.Helper()
	d := &desk{post: &postman{came: make(chan struct{}, 1)}}
	settings := public.Settings{
		Sender: d.post, URL: portalURL, MissedAt: 7 * time.Hour,
		SignUp: public.SignUpRules{
			Enabled: true, Domain: "example.org", Most: 20, TermsText: "Be kind.\nAnd pay.",
			Pattern: regexp.MustCompile(`\A(?:[a-z][a-z0-9._-]{2,31})\z`), Reserved: []string{"postmaster"},
		},
	}
	for _, f := range change {
		f(&settings)
	}
	d.stand = newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodAuthForget: ctltest.Result(ctlproto.Done{}), ctlproto.MethodUlLookup: contacts(),
	}, func(o *server.Options) { o.Desk = settings })
	return d
}

// start has the work done that follows the answers.
func (d *desk) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { server.Desk(d.server).Run(ctx); close(done) }()
	d.t.Cleanup(func() { cancel(); <-done })
}

// mail is the next mail, waited for.
func (d *desk) mail() mailer.Message {
	d.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		if all := d.post.all(); len(all) > d.read {
			d.read++
			return all[d.read-1]
		}
		select {
		case <-d.post.came:
		case <-deadline:
			d.t.Fatalf("no mail; the log:\n%s", d.log)
		}
	}
}

// settled waits until all that was asked for so far is done, by asking for one
// thing more: forms are worked off in their order.
func (d *desk) settled() []mailer.Message {
	d.t.Helper()
	b := d.browser()
	b.remote = "198.51.100.250:1"
	b.post("/reset", "/reset", "user", "marker").leads("/reset/sent")
	for {
		m := d.mail()
		if m.To == "marker@example.org" {
			break
		}
	}
	for end := time.Now().Add(30 * time.Second); server.Desk(d.server).Waiting() > 0; runtime.Gosched() {
		if time.Now().After(end) {
			d.t.Fatal("mails wait for ever")
		}
	}
	var others []mailer.Message
	for _, m := range d.post.all() {
		if m.To != "marker@example.org" {
			others = append(others, m)
		}
	}
	return others
}

// marker is the account that settled asks for.
var marker = aor.AOR{User: "marker", Domain: "example.org"}

func (d *desk) addMarker() {
	d.t.Helper()
	check(d.t, d.db.Subscribers.Create(d.t.Context(), marker, "pw"))
	check(d.t, d.db.Profiles.Save(d.t.Context(), store.Profile{AOR: marker, Email: "marker@example.org"}))
}

// link is the path of the page of ours that a mail leads to, with what it needs.
func link(t *testing.T, m mailer.Message, path string) string {
	t.Helper()
	at := strings.Index(m.Text, portalURL+path)
	if at < 0 {
		t.Fatalf("the mail has no link to %s:\n%s", path, m.Text)
	}
	text, _, _ := strings.Cut(m.Text[at+len(portalURL):], "\n")
	return text
}

// newcomer is what somebody fills in, changed by pairs.
func newcomer(pairs ...string) []string {
	return append([]string{
		"user", "zoe", "first_name", "Zoë", "last_name", "Nováková", "email", "zoe@example.net", "new_password", "correct horse", "again", "correct horse", "terms", "on",
	}, pairs...)
}

// count is the number that a SELECT COUNT gives.
func (d *desk) count(query string, args ...any) (n int) {
	d.t.Helper()
	raw := d.open()
	defer raw.Close()
	check(d.t, raw.QueryRowContext(d.t.Context(), query, args...).Scan(&n))
	return n
}

// ids are the numbers that a SELECT gives.
func (d *desk) ids(query string) (list []int64) {
	d.t.Helper()
	raw := d.open()
	defer raw.Close()
	rows, err := raw.QueryContext(d.t.Context(), query)
	check(d.t, err)
	defer rows.Close()
	for rows.Next() {
		var id int64
		check(d.t, rows.Scan(&id))
		list = append(list, id)
	}
	check(d.t, rows.Err())
	return list
}
