package user_test

import (
	"database/sql"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/user"
)

// pattern reads a pattern of contacts.
func pattern(t *testing.T, text string) user.ContactPattern {
	t.Helper()
	p, err := user.ParseContactPattern(text)
	check(t, err)
	return p
}

// times counts the calls of a method of the router.
func (s *site) times(method string) (n int) {
	for _, call := range s.router.Calls() {
		if call.Method == method {
			n++
		}
	}
	return n
}

// rules are those of alice, a line each.
func (s *site) rules() string {
	s.t.Helper()
	list, err := s.db.CallRules.List(s.t.Context(), alice)
	check(s.t, err)
	var lines []string
	for _, r := range list {
		lines = append(lines, fmt.Sprintf("%s %s%s %d %v", r.Kind, r.Pattern, r.Target, r.Seconds, r.Enabled))
	}
	return strings.Join(lines, "\n")
}

// TestRules: what is saved is what the router reads, at once, and the page says in words
// what it means.
func TestRules(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	page := b.get("/user/account/rules")
	page.shows(t, http.StatusOK, "Calls ring your phones.", "While none of your phones is on line, calls stand in “Missed calls”.", "Nobody is refused.",
		`<option value="bob@example.org" label="Bob Keller">`, `name="seconds" type="text" value="20"`)
	page = b.post("/user/account/rules", "noanswer_on", "on", "noanswer_target", "bob", "seconds", "35", "busy_target", "carol", "offline_on", "on", "offline_target", "dan")
	page.shows(t, http.StatusOK, "Your rules are saved. They count from now on.", "Calls ring your phones for 35 seconds, then go to Bob Keller.",
		"While none of your phones is on line, calls go to dan@example.org.", `value="carol@example.org"`)
	page.hides(t, "While your phone says that it is busy")
	want := "busy sip:carol@example.org 0 false\nnoanswer sip:bob@example.org 35 true\noffline sip:dan@example.org 0 true"
	if diff := cmp.Diff(want, s.rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if n := s.times(ctlproto.MethodUserblockReload); n != 1 {
		t.Errorf("the router was told %d times", n)
	}
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"always_on", "on", "always_target", "bob"}, "Every call goes to Bob Keller at once."},
		{[]string{"dnd", "on"}, "Your phones do not ring. Callers learn that you cannot be reached"},
		{[]string{"dnd", "on", "offline_on", "on", "offline_target", "bob"}, "Your phones do not ring. Calls go to Bob Keller."},
		{[]string{"busy_on", "on", "busy_target", "bob"}, "While your phone says that it is busy, calls go to Bob Keller."},
		{[]string{"offline_on", "on", "offline_target", "bob"}, "or if nobody answers in the end, calls go to Bob Keller."},
		{nil, "Calls ring your phones."},
	} {
		b.post("/user/account/rules", append([]string{"seconds", "20"}, c.pairs...)...).shows(t, http.StatusOK, c.want)
	}
	if got := s.rules(); got != "" {
		t.Errorf("an empty form leaves %q", got)
	}
}

// TestRulesFaults: what the router must not be made to call is said beside the field,
// what was typed stays, and nothing at all is written.
func TestRulesFaults(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Aliases.Add(t.Context(), named("marsh"), alice))
	check(t, s.db.Domains.Add(t.Context(), "other.example"))
	check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true}))
	before := s.rules()
	b := s.signIn(alice)
	for _, c := range []struct{ target, want string }{
		{"", "This is needed."},
		{"alice", "This is your own address"},
		{"ALICE@example.org:5070;transport=tcp", "This is your own address"},
		{"sips:marsh@example.org", "This is your own address"},
		{"0900123", "The operator does not allow"},
		{"0900-123@other.example", "The operator does not allow"},
		{"%30900123@other.example", "The operator does not allow"},
		{"x@a.premium.example", "The operator does not allow"},
		{"x@other.example;maddr=a.premium.example", "The operator does not allow"},
		{"tel:0900-123", "The operator does not allow"},
		{"tel:+49301", "only to addresses of our own domains"},
		{"+33155501", "only to addresses of our own domains"},
		{"0033155501", "only to addresses of our own domains"},
		{"%2B33155501@other.example", "only to addresses of our own domains"},
		{"sip:+33155501@example.org;user=phone", "only to addresses of our own domains"},
		{"sip:x@example.org;maddr=198.51.100.1", "only to addresses of our own domains"},
		{"sip:x@example.org:5099;transport=tcp", "only to addresses of our own domains"},
		{"friend@elsewhere.example", "only to addresses of our own domains"},
		{"mailto:bob@example.org", ""},
		{`"><script>alert(1)</script>`, ""},
		{strings.Repeat("x", 300), ""},
		{"bob\r\nVia: x", ""},
	} {
		for _, on := range []string{"on", ""} {
			if on == "" && c.target == "" {
				continue
			}
			page := b.post("/user/account/rules", "dnd", "on", "always_on", on, "always_target", c.target, "busy_on", "on", "busy_target", "bob", "seconds", "20")
			page.shows(t, http.StatusUnprocessableEntity, c.want, `aria-invalid="true"`, `value="bob"`)
			page.hides(t, "<script>alert")
		}
	}
	for _, seconds := range []string{"", "4", "181", "-20", "1e1", "99999999999999999999"} {
		b.post("/user/account/rules", "noanswer_on", "on", "noanswer_target", "bob", "seconds", seconds).
			shows(t, http.StatusUnprocessableEntity, "A phone can ring for 5 to 180 seconds.")
	}
	if got := s.rules(); got != before {
		t.Errorf("after what was refused there are %q", got)
	}
	if n := s.times(ctlproto.MethodUserblockReload); n != 0 {
		t.Errorf("the router was told %d times", n)
	}
	b.post("/user/account/rules", "always_on", "on", "always_target", "friend@other.example").shows(t, http.StatusOK, "Your rules are saved.")
	check(t, s.db.Subscribers.Create(t.Context(), named("4711"), password))
	check(t, s.db.Aliases.Add(t.Context(), named("4712"), bob))
	for typed, want := range map[string]string{
		"4711": "4711@example.org", "4712": "4712@example.org", "sip:bob@example.org:5060;transport=tcp": "bob@example.org", "sips:bob@example.org": "sips:bob@example.org",
	} {
		b.post("/user/account/rules", "always_on", "on", "always_target", typed).shows(t, http.StatusOK, "Your rules are saved.")
		if got := s.rules(); !strings.Contains(got, "always "+withScheme(want)+" ") {
			t.Errorf("%s is kept as %q", typed, got)
		}
	}
	check(t, s.db.Groups.Grant(t.Context(), alice, "int"))
	b.post("/user/account/rules", "always_on", "on", "always_target", "+33155501").shows(t, http.StatusOK, "Your rules are saved.")
	for _, beside := range []string{"sip:bob@example.org:5099", "bob@other.example;maddr=198.51.100.1"} { // nothing is forwarded there
		b.post("/user/account/rules", "always_on", "on", "always_target", beside).
			shows(t, http.StatusUnprocessableEntity, "This is a domain of ours, where addresses have no port", `value="`+beside+`"`)
	}
	b.post("/user/account/rules", "always_on", "on", "always_target", "friend@elsewhere.example").shows(t, http.StatusOK, "Every call goes to friend@elsewhere.example")
}

// withScheme is an address with sip: before it, unless it has sips.
func withScheme(address string) string {
	if strings.HasPrefix(address, "sips:") {
		return address
	}
	return "sip:" + address
}

// TestRulesRouterAway: the change is kept, and the page says when it counts.
func TestRulesRouterAway(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	s.router.refuses(ctlproto.MethodUserblockReload, ctlproto.Errorf(ctlproto.CodeMethodNotFound, "no such method"))
	b.post("/user/account/rules", "dnd", "on").shows(t, http.StatusOK, "the router is not set up to follow them")
	s.router.Close()
	b.post("/user/account/rules", "dnd", "on").shows(t, http.StatusOK, "The router cannot be reached just now", "Your phones do not ring.")
	b.post("/user/account/rules/block", "pattern", "eve@evil.example").shows(t, http.StatusOK, "as soon as the router has read it")
	b.post("/user/account/rules/unblock", "pattern", "eve@evil.example").shows(t, http.StatusOK, "as soon as the router has read it")
	b.post("/user/phone-book/speed-dial", "target-01", "bob").shows(t, http.StatusOK, "The router cannot be reached just now")
	if got := s.rules(); got != "dnd  0 true" {
		t.Errorf("rules %q", got)
	}
}

// TestBlock: asked first, tried, taken back.
func TestBlock(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/account/rules/block?pattern=bob%40example.org").shows(t, http.StatusOK, "Block callers?", `value="bob@example.org"`, "Do not block")
	if got := s.rules(); got != "" {
		t.Errorf("asking alone made %q", got)
	}
	b.post("/user/account/rules/block", "pattern", "SIP:*@Spam.example").shows(t, http.StatusOK, "*@spam.example is blocked.", "Undo", "Callers who fit your pattern are refused.")
	b.post("/user/account/rules/block", "pattern", "+49 (30)").shows(t, http.StatusOK, "+4930 is blocked.", "one of your 2 patterns")
	b.post("/user/account/rules/block", "pattern", "+4930").shows(t, http.StatusOK, "+4930 is blocked.", "one of your 2 patterns")
	for caller, want := range map[string]string{
		"eve@spam.example": "Yes: eve@spam.example is refused, because of *@spam.example.", "EVE@SPAM.example": "is refused, because of *@spam.example.",
		"+49301234": "because of +4930.", "tel:+49-30-1": "because of +4930.", "bob": "No: bob is let through.", "anonymous": "No: anonymous is let through.",
		"sip:a%2520b@spam.example": "because of *@spam.example.", "x%2520y@elsewhere.example": "is let through.", "+49 301 234": "because of +4930.",
		"a b@c@d": "This is no address like", "%3Cscript%3E": "This is no address like",
	} {
		page := b.get("/user/account/rules?try=" + strings.ReplaceAll(strings.ReplaceAll(caller, "+", "%2B"), " ", "+"))
		page.shows(t, http.StatusOK, want)
		page.hides(t, "<script>")
	}
	b.post("/user/account/rules/unblock", "pattern", "+4930").shows(t, http.StatusOK, "+4930 is let through again.", "Undo")
	for _, c := range []struct{ pattern, want string }{
		{"", "This is needed."}, {"bob", "This is neither"}, {"*", "This is neither"}, {"*@*", "This would refuse everybody"}, {"@*", "This would refuse everybody"},
		{"alice@example.org", "This is your own address."}, {strings.Repeat("x", 200) + "@x.example", ""}, {"a@b@c", "This is neither"}, {strings.Repeat("a*", 9) + "@x.example", "A pattern can have 8 * at most."}, {`<b>"@x.example`, "This is neither"},
	} {
		page := b.post("/user/account/rules/block", "pattern", c.pattern)
		page.shows(t, http.StatusUnprocessableEntity, c.want, `aria-invalid="true"`)
		page.hides(t, "<b>\"")
	}
	if got := s.rules(); got != "block *@spam.example 0 true" {
		t.Errorf("rules %q", got)
	}
	for i := range 7 {
		b.post("/user/account/rules/block", "pattern", fmt.Sprintf("x%d@x.example", i)).shows(t, http.StatusOK, "is blocked.")
	}
	b.post("/user/account/rules/block", "pattern", "one.too.many@x.example").shows(t, http.StatusUnprocessableEntity, "You can have 8 rules at most")
	b.post("/user/account/rules", "dnd", "on").shows(t, http.StatusUnprocessableEntity, "You can have 8 rules at most")
	if n := s.times(ctlproto.MethodUserblockReload); n != 11 {
		t.Errorf("the router was told %d times, want 11", n)
	}
}

// TestBlockByRow: however odd a caller's address is, the row of the missed call blocks that
// caller and nobody else, and the page says so.
func TestBlockByRow(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	link := regexp.MustCompile(`href="(/user/account/rules/block[^"]*)"`)
	value := regexp.MustCompile(`name="pattern"[^>]*value="([^"]*)"`)
	for _, uri := range []string{
		"tel:+49-40-777", "tel:040-123;phone-context=+49", "sip:+49-40-888@gw.example;user=phone", "sip:+4940999;tgrp=a;trunk-context=b@gw.example",
		"sip:first%20last@spam.example",
		"sip:a,b@gw.example", "sip:o'neil;a=b@gw.example", "sip:q?x@gw.example", "sip:a%3Cb%3E%22@gw.example", "sip:*21@gw.example", "tel:+4", "tel:0", "sip:10-01@example.org",
		"sip:anonymous@spam.example", "sip:anonymous@anonymous.invalid:5060",
	} {
		id := s.missed(alice, uri, "", time.Now(), 480, "")
		found := link.FindStringSubmatch(b.get("/user/missed").body)
		if found == nil {
			t.Errorf("the row of %s has no button to block", uri)
			continue
		}
		page := b.get(html.UnescapeString(found[1]))
		page.shows(t, http.StatusOK, "Block callers?")
		typed := value.FindStringSubmatch(page.body)
		if typed == nil {
			t.Fatalf("the page for %s has no pattern", uri)
		}
		pattern := html.UnescapeString(typed[1])
		b.post("/user/account/rules/block", "pattern", pattern).shows(t, http.StatusOK, "is blocked.")
		rules, err := s.db.CallRules.List(t.Context(), alice)
		check(t, err)
		if len(rules) != 1 || !rules[0].Refuses(aor.AppendCaller(nil, uri)) || rules[0].Refuses(aor.AppendCaller(nil, "sip:bob@example.org")) {
			t.Errorf("%s is not refused, or others are, by %+v", uri, rules)
		}
		for _, other := range []string{"sip:+49301234@gw.example", "tel:+4420123", "tel:+49407770", "sip:0@example.org", "sip:1001@example.org", "sip:mum@spam.example"} {
			if rules[0].Refuses(aor.AppendCaller(nil, other)) {
				t.Errorf("the row of %s refuses %s as well, by %q", uri, other, rules[0].Pattern)
			}
		}
		b.get("/user/account/rules?try="+url.QueryEscape(uri)).shows(t, http.StatusOK, "is refused, because of")
		b.post("/user/account/rules/unblock", "pattern", pattern).shows(t, http.StatusOK, "is let through again.")
		b.post("/user/missed/delete", "ids", fmt.Sprint(id))
	}
}

// TestNoBlockByRow: whose row names nobody in particular, as a host without a user does, has no
// button that would refuse others as well.
func TestNoBlockByRow(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	for _, uri := range []string{ // the names of the last ones are no texts that a row has room for
		"sip:home.example", "sip:@home.example", "sip:%00@home.example", "sip:a%e4@home.example", "sip:" + strings.Repeat("a", 150) + "@home.example",
	} {
		s.missed(alice, uri, "", time.Now(), 480, "")
	}
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, "home.example")
	page.hides(t, "/user/account/rules/block")
}

// TestRulesOfOthers: nobody sees or changes the rules of another user.
func TestRulesOfOthers(t *testing.T) {
	s := newSite(t)
	check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: "secret@x.example", Enabled: true}))
	check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: bob, Kind: store.RuleAlways, Target: "secret", Enabled: true}))
	b := s.signIn(alice)
	b.get("/user/account/rules?username=bob&owner=bob@example.org").hides(t, "secret")
	if got := b.post("/user/account/rules/unblock", "pattern", "secret@x.example", "owner", "bob@example.org"); got.status != http.StatusNotFound {
		t.Errorf("status %d", got.status)
	}
	b.post("/user/account/rules", "username", "bob", "seconds", "20").shows(t, http.StatusOK, "Your rules are saved.")
	if list, err := s.db.CallRules.List(t.Context(), bob); err != nil || len(list) != 2 {
		t.Errorf("bob has %+v, %v", list, err)
	}
}

// TestRulesTwoTabs: a save does not undo what another tab saved meanwhile, and a form that has
// none of the fields changes nothing.
func TestRulesTwoTabs(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	const path = "/user/account/rules"
	shown := shownField.FindStringSubmatch(b.get(path).body)[1]
	b.post(path, "shown", shown, "always_on", "on", "always_target", "bob", "seconds", "20").shows(t, http.StatusOK, "saved")
	saved := s.rules()
	late := b.post(path, "shown", shown, "busy_on", "on", "busy_target", "bob", "seconds", "20", "always_target", "")
	late.shows(t, http.StatusConflict, "changed in another tab", `value="bob"`)
	b.post(path).shows(t, http.StatusBadRequest, "could not be read")
	if got := s.rules(); got != saved {
		t.Errorf("rules %q, want %q", got, saved)
	}
	b.post(path, "shown", shownField.FindStringSubmatch(late.body)[1], "busy_on", "on", "busy_target", "bob", "seconds", "20").shows(t, http.StatusOK, "saved")
	if got := s.rules(); got == saved {
		t.Errorf("the second save changed nothing: %q", got)
	}
}

// TestUnblockOfOldPattern: a pattern that nobody could type any more is let through as well, and the page does not
// offer to take that back, which would fail.
func TestUnblockOfOldPattern(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	raw, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(s.db.String(), "sqlite://"))
	check(t, err)
	defer raw.Close()
	for _, pattern := range []string{"*a*b*c*d*e*f*g*h*@spam.example", "*@*", "alice@example.org", "Eve@example.net", "no pattern"} {
		check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "x@spam.example", Enabled: true}))
		_, err := raw.ExecContext(t.Context(), "UPDATE call_rule SET pattern = ?", pattern)
		check(t, err)
		b.get("/user/account/rules").shows(t, http.StatusOK, pattern)
		page := b.post("/user/account/rules/unblock", "pattern", pattern)
		page.shows(t, http.StatusOK, pattern+" is let through again.")
		if strings.Contains(page.body, "Undo") {
			t.Errorf("offers to block %s again", pattern)
		}
		if rules := s.rules(); strings.Contains(rules, "block") {
			t.Errorf("%s: the rules are %s", pattern, rules)
		}
	}
	most := "*a*b*c*d*e*f*g*@spam.example"
	b.post("/user/account/rules/block", "pattern", most).shows(t, http.StatusOK, most+" is blocked.")
	b.post("/user/account/rules/unblock", "pattern", most).shows(t, http.StatusOK, "Undo")
	b.post("/user/account/rules/block", "pattern", most).shows(t, http.StatusOK, most+" is blocked.")
}
