package public

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Paths of the pages.
const (
	PathSignUp    = "/sign-up"
	PathReset     = "/reset"
	PathMissedOff = "/missed-mail/off"
	PathMail      = "/e-mail/confirm"

	pathSignUpSent    = PathSignUp + "/sent"
	pathSignUpTerms   = PathSignUp + "/terms"
	pathSignUpConfirm = PathSignUp + "/confirm"
	pathResetSent     = PathReset + "/sent"
	pathResetNew      = PathReset + "/new"

	pathSignIn = "/user/sign-in"
)

// Lifetimes of what a mail leads to.
const (
	signUpTime   = 24 * time.Hour
	resetTime    = time.Hour
	approvalTime = 30 * 24 * time.Hour
)

// Settings are what the operator says. The zero value is a portal without mail:
// none of the pages is there.
type Settings struct {
	// Sender hands mails over; nil means that there is no mail.
	Sender mailer.Sender
	// URL is the portal's address for links in mails, without a slash at its end.
	URL    string
	SignUp SignUpRules
	// MissedAt is the time of day, in the user's zone, of the mail of missed calls.
	MissedAt time.Duration
}

// On reports whether there is mail.
func (s Settings) On() bool { return s.Sender != nil }

// SignUpOn reports whether people make their own accounts.
func (s Settings) SignUpOn() bool { return s.On() && s.SignUp.Enabled }

// DeskOptions are what the pages work with. All are needed but Settings.
type DeskOptions struct {
	Settings
	DB     *store.DB
	Ctl    *ctlproto.Redialer
	View   *view.Set
	SignIn *session.SignIn
	// Zone is the time zone of those who have not chosen one.
	Zone *time.Location
	Now  func() time.Time
	Log  *slog.Logger
	// SessionsChanged closes live pages of a user whose sessions were ended.
	SessionsChanged func(aor.AOR)
}

// Limits of what strangers cause.
const (
	// maxJobs is how many answered forms wait for their work.
	maxJobs = 200
	// jobTime bounds the work of one.
	jobTime = 30 * time.Second
	// afterTime bounds a step that follows a change.
	afterTime = 5 * time.Second
	// sweepEvery is how often expired rows are deleted, missedEvery how often it
	// is looked for mails of missed calls that are due.
	sweepEvery  = time.Hour
	missedEvery = 5 * time.Minute
)

// Policies of the forms.
var (
	// sourcePolicy is for one source of addresses, whatever it asks for.
	sourcePolicy = session.ThrottlePolicy{Free: 10, First: 5 * time.Second, Cap: 10 * time.Minute, Forget: time.Hour, Keys: 20_000}
	// mailPolicy is for one account or mail address, whoever asks: three mails an
	// hour, and one.
	mailPolicy = session.ThrottlePolicy{Free: 3, First: time.Hour, Cap: time.Hour, Forget: time.Hour, Keys: 20_000}
	// changePolicy is for one account that changes its mail address, whatever addresses
	// it names: three changes an hour, each two mails, one to the new address and a
	// notice to the old one.
	changePolicy = session.ThrottlePolicy{Free: 2, First: time.Hour, Cap: time.Hour, Forget: time.Hour, Keys: 20_000}
	// boxPolicy is for one mail address, whosever accounts it has: one question for
	// all that it may have, and not much more in an hour.
	boxPolicy = session.ThrottlePolicy{Free: 5, First: time.Hour, Cap: time.Hour, Forget: time.Hour, Keys: 20_000}
)

// Desk has the handlers of the pages with mail as its methods. What depends on who
// has an account is done after the answer, so that neither its words nor its time
// tell. Make it with NewDesk, and Run it.
type Desk struct {
	DeskOptions
	router  portal.Asker
	queue   *mailer.Queue
	jobs    chan func(context.Context)
	signUps *session.Throttle // by source
	resets  *session.Throttle // by source
	mails   *session.Throttle // by recipient
	changes *session.Throttle // by account
	boxes   *session.Throttle // by mail address
}

// NewDesk makes a Desk.
func NewDesk(o DeskOptions) *Desk {
	return &Desk{
		DeskOptions: o, queue: mailer.NewQueue(o.Sender, 0, o.Log), jobs: make(chan func(context.Context), maxJobs),
		signUps: session.NewThrottle(sourcePolicy, o.Now), resets: session.NewThrottle(sourcePolicy, o.Now),
		mails: session.NewThrottle(mailPolicy, o.Now), changes: session.NewThrottle(changePolicy, o.Now), boxes: session.NewThrottle(boxPolicy, o.Now),
	}
}

// Run does what follows the answers, and what the clock asks for, until ctx ends.
func (p *Desk) Run(ctx context.Context) {
	if !p.On() {
		return
	}
	done := make(chan struct{}, 2)
	go func() { p.queue.Run(ctx); done <- struct{}{} }()
	go func() { p.watchClock(ctx); done <- struct{}{} }()
	defer func() { <-done; <-done }()
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-p.jobs:
			p.work(ctx, job)
		}
	}
}

// Waiting is how many mails wait or are on their way.
func (p *Desk) Waiting() int { return p.queue.Len() }

// work does one job.
func (p *Desk) work(ctx context.Context, job func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	job(ctx)
}

// watchClock sends mails of missed calls, and deletes what has expired.
func (p *Desk) watchClock(ctx context.Context) {
	sweep, missed := time.NewTicker(sweepEvery), time.NewTicker(missedEvery)
	defer sweep.Stop()
	defer missed.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			if _, err := p.DB.Pending.DeleteExpired(ctx); err != nil && ctx.Err() == nil {
				p.Log.Warn("expired sign-ups not deleted", "error", err)
			}
		case <-missed.C:
			if err := p.MailMissed(ctx); err != nil && ctx.Err() == nil {
				p.Log.Warn("mails of missed calls not sent, trying again later", "error", err)
			}
		}
	}
}

// later has work done after the answer. If too much waits already, it answers so
// and returns false: that depends on nobody's account.
func (p *Desk) later(w http.ResponseWriter, r *http.Request, job func(context.Context)) bool {
	select {
	case p.jobs <- job:
		return true
	default:
		p.Log.Warn("too many forms wait, one was refused", "path", r.URL.Path, "waiting", maxJobs)
		w.Header().Set("Retry-After", "60")
		p.tell(w, r, http.StatusServiceUnavailable, toldPage{Title: view.M("desk.busy"), Texts: []view.Msg{view.M("desk.busy_text")}})
		return false
	}
}

// toldPage is the data of public-told.html: something that is said, and a way on.
type toldPage struct {
	Title view.Msg
	Texts []view.Msg
	Path  string
	Link  view.Msg
}

func (p *Desk) tell(w http.ResponseWriter, r *http.Request, status int, page toldPage) {
	p.View.Page(w, r, status, "public-told", view.Page{Title: page.Title, Data: page})
}

// source is what limits by the sender of a request count by.
func source(r *http.Request) string { return session.Group(session.Of(r).Client.Addr) }

// fail answers for an error that no form can show.
func (p *Desk) fail(w http.ResponseWriter, r *http.Request, err error) {
	portal.Fail(w, r, err, p.View, p.Log)
}

// forget makes the router read the credentials of a user again; without it it
// does so by itself within a minute.
func (p *Desk) forget(ctx context.Context, who aor.AOR) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	err := p.router.Ask(ctx, func(ctx context.Context) error { return p.Ctl.AuthForget(ctx, who.String()) })
	switch ctlproto.CodeOf(err) {
	case ctlproto.CodeNotFound, ctlproto.CodeMethodNotFound:
		return
	}
	if err != nil {
		p.Log.Warn("router not told of a new password", "user", who.String(), "error", err)
	}
}

// audit writes down what somebody did who is not signed in.
func (p *Desk) audit(r *http.Request, who aor.AOR, action, after string) {
	p.record(r, store.Record{Actor: who.String(), Action: action, Object: who.String(), After: after})
}

// record writes a line of the audit, whose source is the request's.
func (p *Desk) record(r *http.Request, line store.Record) {
	line.Source = session.Of(r).Client.Addr.String()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), afterTime)
	defer cancel()
	if err := p.DB.Audit.Append(ctx, line); err != nil {
		p.Log.Error("change not recorded", "action", line.Action, "user", line.Object, "error", err)
	}
}
