package sip_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// crlf makes a message of a text with plain line ends.
func crlf(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "\n"), "\n", "\r\n")
}

const rest = "From: <sip:a@example.org>;tag=1\nTo: <sip:b@example.org>\nCall-ID: i@1\nCSeq: 1 OPTIONS\n"

const via = "Via: SIP/2.0/UDP a.example.org;branch=z9hG4bK1\n"

// from is a request with another address in From.
func from(address string) string {
	return "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "<sip:a@example.org>", address, 1) + "\n"
}

// tagged is a request whose From has these parameters.
func tagged(params string) string {
	i := strings.Index(rest, "<sip:a@example.org>")
	end := strings.IndexByte(rest[i:], '\n') + i
	return "OPTIONS sip:x SIP/2.0\n" + via + rest[:i] + "<sip:a@example.org>" + params + rest[end:] + "\n"
}

// to is a request with parameters in To.
func to(params string) string {
	return "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "<sip:b@example.org>", "<sip:b@example.org>"+params, 1) + "\n"
}

// callID is a request with a Call-ID.
func callID(id string) string {
	i := strings.Index(rest, "Call-ID:")
	end := strings.IndexByte(rest[i:], '\n') + i
	return "OPTIONS sip:x SIP/2.0\n" + via + rest[:i] + "Call-ID: " + id + rest[end:] + "\n"
}

// tortures are messages after the descriptions in RFC 4475, and others in their spirit;
// want is nil for those that a proxy must understand.
var tortures = []struct {
	name, text string
	want       error
}{
	{"unusual but legal (3.1.1.1)", `
INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 4
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

body`, nil},
	{"wide range of characters in tokens (3.1.1.2)", "\n!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0\n" +
		"Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\nTo: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\n" +
		"From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.\n" +
		"Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\nCSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\nMax-Forwards: 255\nContent-Length: 0\n\n", nil},
	{"escaped nulls in URIs (3.1.1.4)", "REGISTER sip:example.com SIP/2.0\nTo: sip:null-%00-null@example.com\nFrom: sip:null-%00-null@example.com;tag=839923423\nMax-Forwards: 70\nCall-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd\nCSeq: 14398234 REGISTER\n" + via + "L:0\n\n", nil},
	{"no blank between display name and bracket (3.1.1.6)", "OPTIONS sip:user@example.com SIP/2.0\nTo: sip:user@example.com\nFrom: caller<sip:caller@example.com>;tag=323\nMax-Forwards: 70\nCall-ID: lwsdisp\nCSeq: 60 OPTIONS\n" + via + "l: 0\n\n", nil},
	{"long values (3.1.1.7)", "INVITE sip:user@example.com SIP/2.0\nTo: \"" + strings.Repeat("I have a user name of extreme proportion", 20) + "\"<sip:user@example.com:6000;unknownparam1=very" + strings.Repeat("long", 200) + "value>\nF: <sip:amazinglylongcallername" + strings.Repeat("x", 2000) + "@example.net>;tag=12" + strings.Repeat("9", 300) + "\nCall-ID: longreq." + strings.Repeat("one", 300) + "\nCSeq: 3882340 INVITE\n" + via + "\n", nil},
	{"bytes after the body (3.1.1.8)", "OPTIONS sip:x SIP/2.0\n" + via + rest + "Content-Length: 3\n\nabcINVITE sip:joe@example.com SIP/2.0\n", nil},
	{"semicolons in the user part (3.1.1.9)", "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\n" + via + rest + "\n", nil},
	{"several transports in Via (3.1.1.10)", "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP t1;branch=z9hG4bK1\nVia: SIP/2.0/SCTP t2;branch=z\nVia: SIP/2.0/UNKNOWN t4;branch=z\n" + rest + "\n", nil},
	{"unusual reason phrase (3.1.1.12)", "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\n" + via + rest + "\n", nil},
	{"no reason phrase (3.1.1.13)", "SIP/2.0 100 \n" + via + rest + "\n", nil},
	{"unknown scheme in the R-URI (3.3.2)", "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\n" + via + rest + "\n", nil},

	{"extraneous separators (3.1.2.1)", "OPTIONS sip:x SIP/2.0\n" + strings.Replace(via, ";branch", ";;,;,,;branch", 1) + rest + "\n", nil}, // module sanity refuses it
	{"Content-Length larger than the message (3.1.2.2)", "OPTIONS sip:x SIP/2.0\n" + via + rest + "Content-Length: 9999\n\nbody", sip.ErrContentLength},
	{"negative Content-Length (3.1.2.3)", "OPTIONS sip:x SIP/2.0\n" + via + rest + "Content-Length: -999\n\nbody", sip.ErrContentLength},
	{"overlarge CSeq (3.1.2.4)", "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "1 OPT", "36893488147419103232 OPT", 1) + "\n", sip.ErrCSeq},
	{"overlarge status (3.1.2.19)", "SIP/2.0 4294967301 better not break the receiver\n" + via + rest + "\n", sip.ErrStartLine},
	{"unterminated quote in To (3.1.2.6)", "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "<sip:b@", "\"Mr. J. User <sip:b@", 1) + "\n", sip.ErrNameAddr},
	{"URI in brackets on the request line (3.1.2.7)", "OPTIONS <sip:user@example.com> SIP/2.0\n" + via + rest + "\n", nil},
	{"blanks within the R-URI (3.1.2.8)", "OPTIONS sip:user@example.com; lr SIP/2.0\n" + via + rest + "\n", sip.ErrStartLine},
	{"two blanks on the request line (3.1.2.9)", "OPTIONS  sip:user@example.com  SIP/2.0\n" + via + rest + "\n", sip.ErrStartLine},
	{"blank at the end of the request line (3.1.2.10)", "OPTIONS sip:x SIP/2.0 \n" + via + rest + "\n", sip.ErrStartLine},
	{"unknown version (3.1.2.16)", "OPTIONS sip:t.watson@example.org SIP/7.0\n" + via + rest + "\n", sip.ErrVersion},
	{"methods do not match (3.1.2.17)", "INVITE sip:x SIP/2.0\n" + via + rest + "\n", sip.ErrCSeq},
	{"a mandatory header is missing (3.3.1)", "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP a\nCSeq: 1 OPTIONS\n\n", sip.ErrMissing},
	{"headers that may stand once (3.3.8)", "OPTIONS sip:x SIP/2.0\n" + via + rest + "Call-ID: other\n\n", sip.ErrDuplicate},
	{"two lengths (3.3.9)", "OPTIONS sip:x SIP/2.0\n" + via + rest + "Content-Length: 2\nContent-Length: 4\n\nabcd", sip.ErrContentLength},

	{"known method in small letters", strings.ReplaceAll("OPTIONS sip:x SIP/2.0\n"+via+rest+"\n", "OPTIONS", "options"), sip.ErrMethodCase},
	{"known method in letters of both sizes", strings.ReplaceAll("OPTIONS sip:x SIP/2.0\n"+via+rest+"\n", "OPTIONS", "Bye"), sip.ErrMethodCase},
	{"unknown method in small letters", strings.ReplaceAll("OPTIONS sip:x SIP/2.0\n"+via+rest+"\n", "OPTIONS", "ping"), nil},
	{"method that begins like a known one", strings.ReplaceAll("OPTIONS sip:x SIP/2.0\n"+via+rest+"\n", "OPTIONS", "byebye"), nil},
	{"small letters and another version", strings.ReplaceAll("OPTIONS sip:x SIP/7.0\n"+via+rest+"\n", "OPTIONS", "bye"), sip.ErrVersion},
	{"small letters in an answer", "SIP/2.0 200 OK\n" + via + strings.Replace(rest, "OPTIONS", "options", 1) + "\n", nil},

	{"two tags in From", tagged(";tag=a;tag=b"), sip.ErrTag},
	{"two tags in From, one in capitals", tagged(";x=1;TAG=a;y=\"\";tag=a"), sip.ErrTag},
	{"a quoted tag", tagged(";tag=\"f;t\""), sip.ErrTag},
	{"a quoted tag that is a token", tagged(";x=1;tag=\"ft\""), sip.ErrTag},
	{"DEL in a tag", tagged(";tag=a\x7f"), sip.ErrTag},
	{"TAB in a tag", tagged(";tag=a\tb;x=1"), sip.ErrTag},
	{"two tags in To of an answer", "SIP/2.0 200 OK\n" + via + strings.Replace(rest, "<sip:b@example.org>", "<sip:b@example.org>;tag=a;tag=b", 1) + "\n", sip.ErrTag},
	{"a tag without a value", tagged(";tag"), sip.ErrTag},
	{"a tag without a value among others", tagged(";x=yz;TAG ;q=1"), sip.ErrTag},
	{"an empty tag", tagged(";tag="), sip.ErrTag},
	{"an empty tag among others", tagged(";x=1;tag= ;y"), sip.ErrTag},
	{"a tag and one without a value", tagged(";tag=a;tag"), sip.ErrTag},
	{"a tag without a value in To", to(";tag"), sip.ErrTag},
	{"an empty tag in To of an answer", strings.Replace(to(";tag="), "OPTIONS sip:x SIP/2.0", "SIP/2.0 200 OK", 1), sip.ErrTag},
	{"another parameter of the length of an empty tag", tagged(";x=yz"), nil},
	{"a tag in base64", tagged(";tag=aGk/+A==;x=\"tag=1;tag=2\""), nil},
	{"no tag, of RFC 2543", tagged(""), nil},
	{"TAB in Call-ID", callID("a\tb"), sip.ErrCallID},
	{"DEL in Call-ID", callID("a\x7fb"), sip.ErrCallID},
	{"folded Call-ID", callID("a\n b"), sip.ErrCallID},
	{"Call-ID on a line of its own", callID("\n  ab"), nil},

	{"two @ in From", from("<sip:a@example.org@evil.example>"), sip.ErrFrom},
	{"two @ in a bare From", from("sips:a@example.org@evil.example"), sip.ErrFrom},
	{"escapes in the host of From", from("<sip:a@example%2Eorg>"), sip.ErrFrom},
	{"From without a user before @", from("<sip:@example.org>"), sip.ErrFrom},
	{"From without a scheme", from("<example.org>"), sip.ErrFrom},
	{"escapes in the user of From", from("<sip:a%40example.org@evil.example>"), nil},
	{"telephone number in From", from("<tel:+49301234>"), nil},
	{"From of another scheme", from("<mailto:a@b@c>"), nil},
	{"two @ in the From of an answer", strings.Replace(from("<sip:a@example.org@evil.example>"), "OPTIONS sip:x SIP/2.0", "SIP/2.0 200 OK", 1), nil},
	{"two @ in To", strings.Replace(from("<sip:a@example.org>"), "b@example.org", "b@example.org@evil.example", 1), nil},
	{"two @ in the R-URI", strings.Replace(from("<sip:a@example.org>"), "sip:x", "sip:b@example.org@evil.example", 1), nil},

	{"nothing", "", sip.ErrLineEnd},
	{"no version", "OPTIONS sip:x\n" + via + rest + "\n", sip.ErrStartLine},
	{"no method", " sip:x SIP/2.0\n" + via + rest + "\n", sip.ErrStartLine},
	{"status of four digits", "SIP/2.0 2000 OK\n" + via + rest + "\n", sip.ErrStartLine},
	{"status below 100", "SIP/2.0 099 OK\n" + via + rest + "\n", sip.ErrStartLine},
	{"status above 699", "SIP/2.0 700 OK\n" + via + rest + "\n", sip.ErrStartLine},
	{"no colon", "OPTIONS sip:x SIP/2.0\n" + via + rest + "nonsense\n\n", sip.ErrHeader},
	{"empty name", "OPTIONS sip:x SIP/2.0\n" + via + rest + ": x\n\n", sip.ErrHeader},
	{"blank in a name", "OPTIONS sip:x SIP/2.0\n" + via + rest + "a b: x\n\n", sip.ErrHeader},
	{"fold of nothing", "OPTIONS sip:x SIP/2.0\n Via: SIP/2.0/UDP a\n" + rest + "\n", sip.ErrHeader},
	{"no empty line", "OPTIONS sip:x SIP/2.0\n" + via + rest, sip.ErrNoHeaderEnd},
	{"Via without host", "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP\n" + rest + "\n", sip.ErrVia},
	{"Via of another protocol", "OPTIONS sip:x SIP/2.0\nVia: HTTP/1.1/UDP a\n" + rest + "\n", sip.ErrVia},
	{"Via with port 0", "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP a:0\n" + rest + "\n", sip.ErrVia},
	{"Via that begins with a comma", "OPTIONS sip:x SIP/2.0\nVia: ,SIP/2.0/UDP a\n" + rest + "\n", sip.ErrVia},
	{"CSeq without blank", "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "1 OPT", "1OPT", 1) + "\n", sip.ErrCSeq},
	{"From without URI", "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "<sip:a@example.org>", "<>", 1) + "\n", sip.ErrNameAddr},
	{"bracket that does not close", "OPTIONS sip:x SIP/2.0\n" + via + strings.Replace(rest, "org>;", "org;", 1) + "\n", sip.ErrNameAddr},
	{"128 headers", "OPTIONS sip:x SIP/2.0\n" + via + rest + strings.Repeat("a: b\n", sip.MaxHeaders-5) + "\n", nil},
	{"129 headers", "OPTIONS sip:x SIP/2.0\n" + via + rest + strings.Repeat("a: b\n", sip.MaxHeaders-4) + "\n", sip.ErrTooManyHdrs},
	{"more than a datagram", "OPTIONS sip:x SIP/2.0\n" + via + rest + "\n" + strings.Repeat("x", sip.MaxSize), sip.ErrTooLarge},
}

func TestTortures(t *testing.T) {
	for _, c := range tortures {
		t.Run(c.name, func(t *testing.T) {
			text := []byte(crlf(c.text))
			var m sip.Message
			err := m.Parse(text)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			touch(&m)
			if err != nil {
				return
			}
			for _, d := range roundTrip(&m, text) {
				t.Error(d)
			}
		})
	}
}

// TestOddRequestLine: a request line with blanks where none belong is an error, and so much of
// the request is there that it can be answered; what is no request line at all has nothing.
func TestOddRequestLine(t *testing.T) {
	for line, request := range map[string]bool{
		"OPTIONS sip:user@example.com; lr SIP/2.0": true, "OPTIONS  sip:x  SIP/2.0": true, "OPTIONS sip:x SIP/2.0  ": true,
		"OPTIONS sip:x": false, "OPTIONS SIP/2.0": false, " OPTIONS sip:x SIP/2.0": false, "OPTIONS sip:x SIP/2.0 x": false, "(: sip:x  SIP/2.0": false,
	} {
		var m sip.Message
		if err := m.Parse([]byte(crlf(line + "\n" + via + rest + "\n"))); !errors.Is(err, sip.ErrStartLine) {
			t.Errorf("%q: %v", line, err)
		}
		if v, err := m.Via(); m.IsRequest != request || request && (err != nil || string(v.Branch) != "z9hG4bK1" || m.Method != sip.OPTIONS || len(m.RequestURI()) != 0) {
			t.Errorf("%q: a request is %t, Via %v", line, m.IsRequest, err)
		}
	}
}

// TestUnusualMessage reads the values of RFC 4475 §3.1.1.1.
func TestUnusualMessage(t *testing.T) {
	var m sip.Message
	if err := m.Parse([]byte(crlf(tortures[0].text))); err != nil {
		t.Fatal(err)
	}
	from, _ := m.From()
	to, _ := m.To()
	v, _ := m.Via()
	c, _ := m.CSeq()
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%d|%s|%s", from.Display, from.URI, from.Tag, to.URI, to.Tag, v.Branch, c.Number, c.MethodText, m.Body())
	want := `"J Rosenberg \\\""|sip:jdrosen@example.com|98asjd8|sip:vivekg@chair-dnrc.example.com|1918181833n|390skdjuw|9|INVITE|body`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var values []string
	for w := m.Values(sip.HdrVia); ; {
		x := w.Next()
		if x == nil {
			break
		}
		values = append(values, strings.Join(strings.Fields(string(x)), " "))
	}
	if len(values) != 3 || values[2] != "SIP / 2.0 / UDP 192.168.255.111 ; branch= z9hG4bK30239" {
		t.Errorf("Via values %q", values)
	}
}

// TestParseOwn takes what the router has made of the largest message that it takes.
func TestParseOwn(t *testing.T) {
	text := []byte(crlf("OPTIONS sip:x SIP/2.0\n" + via + rest + strings.Repeat("a: b\n", 249-1) + "a: c\n\n"))
	var m sip.Message
	if err := m.Parse(text); !errors.Is(err, sip.ErrTooManyHdrs) {
		t.Errorf("Parse: %v", err)
	}
	if err := m.ParseOwn(text); err != nil {
		t.Fatal(err)
	}
	last := m.Named("a")
	for n := m.Next(last); n != nil; n = m.Next(n) {
		last = n
	}
	if string(m.Value(last)) != "c" {
		t.Errorf("the last of 254 lines is %q", m.Value(last))
	}
	if err := m.ParseOwn([]byte(strings.Replace(string(text), "a: c\r\n", "a: c\r\na: d\r\n", 1))); !errors.Is(err, sip.ErrTooManyHdrs) {
		t.Errorf("255 lines: %v", err)
	}
}

// TestNames: known fields are found by their name in any case and by the compact form.
func TestNames(t *testing.T) {
	for name, want := range map[string]sip.HeaderID{"via": sip.HdrVia, "V": sip.HdrVia, "l": sip.HdrContentLength, "CALL-id": sip.HdrCallID,
		"x": sip.HdrOther, "": sip.HdrOther, "Proxy-Authorization": sip.HdrProxyAuthorization, "Subscription-State": sip.HdrSubscriptionState,
		strings.Repeat("x", 300): sip.HdrOther, "\xff": sip.HdrOther} {
		if got := sip.ParseHeaderID([]byte(name)); got != want {
			t.Errorf("%q is %d, want %d", name, got, want)
		}
	}
	if sip.ParseMethod([]byte("invite")) != sip.MethodOther || sip.ParseMethod([]byte("INVITE")) != sip.INVITE {
		t.Error("methods are case-sensitive (RFC 3261 §7.1)")
	}
}
