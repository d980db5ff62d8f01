package user

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathBlock is the page that asks before callers are refused.
const pathBlock = pathRules + "/block"

// blockPage is the data of block.html.
type blockPage struct {
	Form *form.Form
	// Back is where "Do not block" leads.
	Back string
}

// BlockPath is the address of the question whether to block them, "" if nothing is
// known of them by which that could be done. Of a telephone number it is the number, from
// whichever host it comes.
func (p person) BlockPath() string {
	if p.caller == "" {
		return ""
	}
	pattern := store.PatternOf(cmp.Or(p.number, p.caller))
	if pattern == "" {
		return ""
	}
	return pathBlock + "?" + url.Values{fieldPattern: {pattern}}.Encode()
}

// BlockAsk asks before callers are refused (GET /user/account/rules/block): pattern= is
// whom, which can be changed.
func (p *Portal) BlockAsk(w http.ResponseWriter, r *http.Request) {
	p.showBlock(w, r, http.StatusOK, form.New(fieldPattern, clip(r.URL.Query().Get(fieldPattern), store.MaxPattern)))
}

func (p *Portal) showBlock(w http.ResponseWriter, r *http.Request, status int, f *form.Form) {
	p.View.Page(w, r, status, "block", view.Page{Title: view.M("rules.block_title"), Tab: tabAccount, Data: blockPage{f, pathRules}})
}

// Block refuses callers from now on (POST /user/account/rules/block).
func (p *Portal) Block(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	pattern := p.readPattern(r, f)
	if f.OK() {
		rule := store.CallRule{Owner: owner(r), Kind: store.RuleBlock, Pattern: pattern, Enabled: true}
		err := p.DB.CallRules.SetWithin(r.Context(), rule, p.RuleLimits.most())
		switch {
		case errors.Is(err, store.ErrFull):
			f.Fail(fieldPattern, "rules.full", strconv.Itoa(p.RuleLimits.most()))
		case err != nil && !f.Take(err):
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showBlock(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	p.audit(r, "rule.set", "", "block "+pattern)
	text := view.M("rules.blocked", pattern)
	switch p.rulesChanged(r) {
	case toldLater:
		text = view.M("rules.blocked_later", pattern)
	case toldNever:
		text = view.M("rules.blocked_never", pattern)
	}
	p.undoable(w, r, text, pathRules+"/unblock", pattern)
}

// readPattern reads whom to refuse. It must not be everybody: that is "do not disturb",
// and forwarding would go on.
func (p *Portal) readPattern(r *http.Request, f *form.Form) string {
	typed := f.Required(fieldPattern, store.MaxPattern)
	if typed == "" || !f.OK() {
		return ""
	}
	pattern, err := store.CheckPattern(typed)
	if err != nil {
		f.Fail(fieldPattern, "rules.bad_pattern")
	} else if fault := patternFault(r, pattern); fault != "" {
		f.Fail(fieldPattern, fault)
	}
	return pattern
}

// patternFault is the text for a pattern that is nobody's to block, "" for others.
func patternFault(r *http.Request, pattern string) string {
	switch {
	case strings.Trim(pattern, "*@") == "":
		return "rules.everybody"
	case pattern == string(aor.AppendCaller(nil, owner(r).URI())):
		return "rules.block_own"
	}
	return ""
}

// canBlock reports whether Block takes a pattern as it is: rows that are older, or that another program has
// written, may say what nobody can say any more.
func canBlock(r *http.Request, pattern string) bool {
	same, err := store.CheckNewPattern(pattern)
	return err == nil && same == pattern && patternFault(r, pattern) == ""
}

// Unblock lets callers through again (POST /user/account/rules/unblock).
func (p *Portal) Unblock(w http.ResponseWriter, r *http.Request) {
	pattern := r.PostFormValue(fieldPattern)
	if err := p.DB.CallRules.Remove(r.Context(), owner(r), store.RuleBlock, pattern); err != nil {
		p.fail(w, r, err)
		return
	}
	p.audit(r, "rule.remove", "block "+pattern, "")
	text := view.M("rules.unblocked", pattern)
	switch p.rulesChanged(r) {
	case toldLater:
		text = view.M("rules.unblocked_later", pattern)
	case toldNever:
		text = view.M("rules.blocked_never", pattern)
	}
	if !canBlock(r, pattern) { // it could not be taken back
		p.done(w, r, pathRules, text)
		return
	}
	p.undoable(w, r, text, pathBlock, pattern)
}

// undoable ends a change of a pattern that can be taken back.
func (p *Portal) undoable(w http.ResponseWriter, r *http.Request, text view.Msg, path, pattern string) {
	p.doneFlash(w, r, pathRules, session.Flash{Key: text.Key, Args: text.Args, UndoPath: path, Undo: map[string]string{fieldPattern: pattern}})
}
