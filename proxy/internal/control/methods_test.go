package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// invalid is the reply for one wrong parameter.
func invalid(field, problem string) string {
	message := "Invalid params: "
	if field != "" {
		message += field + ": "
	}
	raw, _ := json.Marshal(&ctlproto.Error{Code: ctlproto.CodeInvalidParams, Message: message + problem, Data: ctlproto.ParamProblem{Field: field, Problem: problem}})
	return `"error":` + string(raw)
}

// wrongID is the reply for an element of ids that is no id.
func wrongID(index int) string {
	const problem = "want the number of a message"
	raw, _ := json.Marshal(&ctlproto.Error{Code: ctlproto.CodeInvalidParams, Message: fmt.Sprintf("Invalid params: ids[%d]: %s", index, problem),
		Data: ctlproto.ParamProblem{Field: "ids", Problem: problem, Index: &index}})
	return `"error":` + string(raw)
}

func refusal(code ctlproto.Code, message string) string {
	raw, _ := json.Marshal(ctlproto.Errorf(code, "%s", message))
	return `"error":` + string(raw)
}

const (
	aliceContact = `{"Contact":{"Address":"sip:alice@192.0.2.1","Expires":3600,"Q":1,"Call-ID":"","CSeq":0,"User-Agent":"n/a","Received":"[not set]",` +
		`"Path":"[not set]","State":"CS_SYNC","Flags":0,"CFlags":0,"Socket":"[not set]","Methods":0,"Ruid":"[not set]","Instance":"[not set]","Reg-Id":0,` +
		`"Server-Id":0,"Tcpconn-Id":0,"Keepalive":0,"Last-Keepalive":0,"KA-Roundtrip":0,"Last-Modified":0}}`
	bobContact = `{"Contact":{"Address":"sip:bob@192.0.2.2","Expires":"permanent","Q":-1,"Call-ID":"","CSeq":0,"User-Agent":"n/a","Received":"[not set]",` +
		`"Path":"[not set]","State":"CS_NEW","Flags":0,"CFlags":0,"Socket":"[not set]","Methods":0,"Ruid":"[not set]","Instance":"[not set]","Reg-Id":0,` +
		`"Server-Id":0,"Tcpconn-Id":0,"Keepalive":0,"Last-Keepalive":0,"KA-Roundtrip":0,"Last-Modified":0}}`
	added = `"Call-ID":"","CSeq":0,"User-Agent":"n/a","Received":"%s","Path":"%s","State":"","Flags":%d,"CFlags":0,"Socket":"%s","Methods":4294967295,` +
		`"Ruid":"[not set]","Instance":"[not set]","Reg-Id":0,"Server-Id":0,"Tcpconn-Id":0,"Keepalive":0,"Last-Keepalive":0,"KA-Roundtrip":0,"Last-Modified":0}`
	noneKnown = "unknown parameter; the method takes none"
	tooMany   = "the method takes none"
)

// TestMethods: every method, right and wrong.
func TestMethods(t *testing.T) {
	folder := t.TempDir()
	good, missing, fifo := filepath.Join(folder, "good.cfg"), filepath.Join(folder, "missing.cfg"), filepath.Join(folder, "fifo")
	if err := errors.Join(os.WriteFile(good, []byte("good"), 0o600), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	longestActor := strings.Repeat("😀", aor.MaxUser) + "@" + strings.Repeat("a", aor.MaxDomain) + " by seraphctl"
	badAddress := `address "@": bad user part: it is empty`
	const several = `" has no domain, and the router serves several; write `
	noDomain := func(name string) string {
		return `"` + name + several + name + `@DOMAIN with one of: example.net, example.org`
	}
	for _, tc := range []struct {
		method, params string
		want           string // the reply
		did            string // what the proxy was asked to do
	}{
		{"core.version", "", `"result":"seraph-proxy 0.1.0"`, ""},
		{"core.version", "[]", `"result":"seraph-proxy 0.1.0"`, ""},
		{"core.version", "null", `"result":"seraph-proxy 0.1.0"`, ""},
		{"core.version", "[1]", invalid("", tooMany), ""},
		{"core.version", `{"x":1}`, invalid("x", noneKnown), ""},
		{"core.version", `"x"`, invalid("", "want an object (by name) or an array (by order)"), ""},
		{"core.uptime", `{"x":1}`, invalid("x", noneKnown), ""},
		{"core.info", "[1]", invalid("", tooMany), ""},
		{"core.psx", "", fmt.Sprintf(`"result":[{"IDX":0,"PID":%d,"DSC":"seraph-proxy"}]`, os.Getpid()), ""},
		{"core.psx", "[1]", invalid("", tooMany), ""},
		{"system.listMethods", "[1]", invalid("", tooMany), ""},

		{"stats.get_statistics", "", `"result":["core:drop_replies = 1","core:fwd_requests = 10","ctd:active = 0","tm:current = 3"]`, ""},
		{"stats.get_statistics", `["all"]`, `"result":["core:drop_replies = 1","core:fwd_requests = 10","ctd:active = 0","tm:current = 3"]`, ""},
		{"stats.get_statistics", `["tm:","shmem:","core:drop_replies"]`, `"result":["core:drop_replies = 1","tm:current = 3"]`, ""},
		{"stats.get_statistics", `{"names":["ctd.active"]}`, `"result":["ctd:active = 0"]`, ""},
		{"stats.get_statistics", `{"names":"current"}`, `"result":["tm:current = 3"]`, ""},
		{"stats.get_statistics", `[["shmem:"]]`, `"result":[]`, ""},
		{"stats.get_statistics", `["tm:curren"]`, refusal(ctlproto.CodeNotFound, `no statistic "tm:curren"; did you mean "tm:current"?`), ""},
		{"stats.get_statistics", `["tm:",{}]`, `"error":{"code":-32602,"message":"Invalid params: names[1]: want a string of at most 1024 bytes","data":{"field":"names","problem":"want a string of at most 1024 bytes","index":1}}`, ""},
		{"stats.get_statistics", `[["tm:"],"core:"]`, invalid("names", "an array and further values; give one of them"), ""},
		{"stats.get_statistics", `{"names":[` + strings.Repeat(`"all",`, 100) + `"all"]}`, invalid("names", "101 given, at most 100 are possible"), ""},
		{"stats.get_statistics", `{"name":"all"}`, invalid("name", `unknown parameter; did you mean "names"?`), ""},
		{"stats.fetch", `["tm:","ctd:"]`, `"result":{"ctd.active":"0","tm.current":"3"}`, ""},
		{"stats.fetch", `["nothing like it"]`, refusal(ctlproto.CodeNotFound, `no statistic "nothing like it"`), ""},
		{"tm.stats", "", `"result":{"current":3,"waiting":0,"total":0,"total_local":0,"rpl_received":0,"rpl_generated":0,"rpl_sent":0,"6xx":0,"5xx":0,"4xx":0,"3xx":0,"2xx":7,"created":0,"freed":0,"delayed_free":0}`, ""},
		{"tm.stats", "[1]", invalid("", tooMany), ""},
		{"tm.list", `["abc",7]`, `"result":[{"method":"INVITE","from":"","to":"","callid":"abc","cseq":"","uas_request":"yes","state":"proceeding","status":180,"began":"0001-01-01T00:00:00Z","age":0,"source":"","outgoings":0,"branches":[]}]`, "tm.list abc 7"},
		{"tm.list", `{"limit":0}`, invalid("limit", "0 is not from 1 to 1000"), ""},
		{"tm.list", `{"limit":1001}`, invalid("limit", "1001 is not from 1 to 1000"), ""},
		{"tm.list", `["a\nb"]`, invalid("callid", "control character at byte 1"), ""},
		{"sl.stats", "", `"result":{"200":9,"202":0,"2xx":0,"300":0,"301":0,"302":0,"3xx":0,"400":0,"401":0,"403":0,"404":0,"407":0,"408":0,"483":0,"4xx":0,"500":0,"5xx":0,"6xx":0,"xxx":0}`, ""},
		{"sl.stats", "[1]", invalid("", tooMany), ""},

		{"ul.dump", "", `"result":{"Domains":[{"Domain":{"Domain":"location","Size":64,"AoRs":[` +
			`{"Info":{"AoR":"alice@example.org","HashID":2173618641,"Contacts":[` + aliceContact + `]}},` +
			`{"Info":{"AoR":"bob@example.org","HashID":1887029610,"Contacts":[` + bobContact + `]}}],"Stats":{"Records":2,"Max-Slots":2}}}]}`, ""},
		{"ul.dump", `["brief"]`, `"result":{"Domains":[{"Domain":{"Domain":"location","Size":64,"AoRs":[{"AoR":"alice@example.org"},{"AoR":"bob@example.org"}],"Stats":{"Records":2,"Max-Slots":2}}}]}`, ""},
		{"ul.dump", `{"brief":true}`, `"result":{"Domains":[{"Domain":{"Domain":"location","Size":64,"AoRs":[{"AoR":"alice@example.org"},{"AoR":"bob@example.org"}],"Stats":{"Records":2,"Max-Slots":2}}}]}`, ""},
		{"ul.dump", `["short"]`, invalid("brief", `want "brief" or nothing`), ""},
		{"ul.lookup", `["location","SIP:Alice@Example.Org"]`, `"result":{"AoR":"alice@example.org","Contacts":[` + aliceContact + `]}`, ""},
		{"ul.lookup", `{"aor":"bob@example.org"}`, `"result":{"AoR":"bob@example.org","Contacts":[` + bobContact + `]}`, ""},
		{"ul.lookup", `["location","carol@example.org"]`, refusal(ctlproto.CodeNotFound, "AOR not found in location table"), ""},
		{"ul.lookup", `["aliases","bob@example.org"]`, refusal(ctlproto.CodeNotFound, `Domain table not found: "aliases"; there is only "location"`), ""},
		{"ul.lookup", `["location"]`, invalid("aor", "missing"), ""},
		{"ul.lookup", `["location","@"]`, invalid("aor", badAddress), ""},
		{"ul.lookup", `["location","alice"]`, invalid("aor", noDomain("alice")), ""},
		{"ul.lookup", `["location",["a"]]`, invalid("aor", "want a string"), ""},
		{"ul.lookup", `["location","a@b","c"]`, invalid("", "3 given, at most 2 are known: table aor"), ""},
		{"ul.lookup", `{"aor":"` + strings.Repeat("x", 1025) + `"}`, invalid("aor", "1025 bytes long, at most 1024 are possible"), ""},
		{"ul.lookup", `{"aor":"a\u0000b@example.org"}`, invalid("aor", "control character at byte 1"), ""},
		{"ul.rm", `["location","alice@example.org"]`, `"result":{}`, "rm alice@example.org"},
		{"ul.rm", `["location","carol@example.org"]`, refusal(ctlproto.CodeNotFound, "AOR not found in location table"), "rm carol@example.org"},
		{"ul.rm", ``, invalid("aor", "missing"), ""},
		{"ul.rm_contact", `["location","alice@example.org","sip:alice@192.0.2.1"]`, `"result":{}`, "rm_contact alice@example.org sip:alice@192.0.2.1"},
		{"ul.rm_contact", `["location","alice@example.org","sip:x@192.0.2.1"]`, refusal(ctlproto.CodeNotFound, "Contact not found"), "rm_contact alice@example.org sip:x@192.0.2.1"},
		{"ul.rm_contact", `["location","alice@example.org","sip:alice@192.0.2.1",""]`, `"result":{}`, "rm_contact alice@example.org sip:alice@192.0.2.1"},
		{"ul.rm_contact", `{"table":"location","aor":"alice@example.org","contact":"sip:alice@192.0.2.1","ruid":"no-such"}`, refusal(ctlproto.CodeNotFound, "Contact not found"),
			"rm_contact alice@example.org sip:alice@192.0.2.1 no-such"},
		{"ul.rm_contact", `["location","alice@example.org","sip:alice@192.0.2.1","` + strings.Repeat("x", 65) + `"]`, invalid("ruid", "65 bytes long, at most 64 are possible"), ""},
		{"ul.rm_contact", `["location","alice@example.org","sip:alice@192.0.2.1",["a"]]`, invalid("ruid", "want a string"), ""},
		{"ul.rm_contact", `["location","alice@example.org"]`, invalid("contact", "missing"), ""},
		{"ul.rm_contact", `["location","alice@example.org","http://x"]`, invalid("contact", "want a URI that begins with sip: or sips:"), ""},
		{"ul.add", `["location",1234.00,"sip:x@192.0.2.9",3600,1.0,"."]`, invalid("aor", noDomain("1234.00")), ""},
		{"ul.add", `["location","dora@example.org","sip:x@192.0.2.9","3600",1.0,".",0,0,4294967295]`, `"result":{}`,
			`add dora@example.org {"Address":"sip:x@192.0.2.9","Expires":3600,"Q":1,` + fmt.Sprintf(added, "[not set]", "[not set]", 0, "[not set]")},
		{"ul.add", `{"aor":"dora@example.org","contact":"sip:x@192.0.2.9","q":0.25,"flags":3,"path":"\u003csip:p\u003e","received":"sip:198.51.100.1:7","socket":"udp:192.0.2.1:5060"}`, `"result":{}`,
			`add dora@example.org {"Address":"sip:x@192.0.2.9","Expires":"permanent","Q":0.25,` + fmt.Sprintf(added, "sip:198.51.100.1:7", `\u003csip:p\u003e`, 3, "udp:192.0.2.1:5060")},
		{"ul.add", `["location","dora@example.org","sip:x@192.0.2.9",-1]`, invalid("expires", "-1 is not from 0 to 315360000"), ""},
		{"ul.add", `["location","dora@example.org","sip:x@192.0.2.9",1.5]`, invalid("expires", "want a whole number"), ""},
		{"ul.add", `["location","dora@example.org","sip:x@192.0.2.9","soon"]`, invalid("expires", "want a number"), ""},
		{"ul.add", `["location","dora@example.org","sip:x@192.0.2.9",60,2]`, invalid("q", "2 is not from 0 to 1"), ""},
		{"ul.add", `["location","dora@example.org","sip:x@192.0.2.9",60,"NaN"]`, invalid("q", "want a number"), ""},
		{"ul.add", `["location","dora@example.org","<sip:x@192.0.2.9>",60]`, invalid("contact", "want a URI that begins with sip: or sips:"), ""},
		{"ul.add", `["location","dora@example.org","sip:x@a b",60]`, invalid("contact", "a URI has no space, quote or angle bracket"), ""},
		{"ul.add", `["location","dora@example.org","sip:x@",60]`, invalid("contact", "there is no host"), ""},
		{"ul.flush", "", `"result":{}`, "flush"},
		{"ul.flush", "[1]", invalid("", tooMany), ""},

		{"presence.get", `{"addresses":["alice@example.org","SIP:Alice@example.org","carol@example.org","x@elsewhere.org","tel:+49","?"],"viewer":"bob@example.org"}`,
			`"result":{"presence":{"?":"unknown","SIP:Alice@example.org":"on line","alice@example.org":"on line","carol@example.org":"offline","tel:+49":"non-local","x@elsewhere.org":"non-local"}}`, ""},
		{"presence.get", `[["alice@example.org","alice@example.org"]]`, `"result":{"presence":{"alice@example.org":"unknown"}}`, ""},
		{"presence.get", `{"addresses":[]}`, `"result":{"presence":{}}`, ""},
		{"presence.get", `{}`, invalid("addresses", "missing"), ""},
		{"presence.get", `{"addresses":["a@b"],"viewer":"@"}`, invalid("viewer", badAddress), ""},
		{"presence.get", `{"addresses":[` + strings.Repeat(`"a@b",`, 500) + `"a@b"]}`, invalid("addresses", "501 given, at most 500 are possible"), ""},

		{"ctd.dial", `{"caller":"Alice@example.org","callee":"bob","callee_name":"Bob Keller","actor":"alice@example.org"}`, `"result":{"id":"id-1"}`,
			"dial|alice@example.org|sip:bob@example.org|Bob Keller|alice@example.org"},
		{"ctd.dial", `["alice@example.org","tel:+49-30-1"]`, `"result":{"id":"id-1"}`, "dial|alice@example.org|tel:+49301||"},
		{"ctd.dial", `{"caller":"alice@example.org","callee":"bob","no_auto_answer":1}`, `"result":{"id":"id-1"}`, "dial|alice@example.org|sip:bob@example.org|||no auto-answer"},
		{"ctd.dial", `{"caller":"alice@example.org","callee":"bob","visitor":1}`, `"result":{"id":"id-1"}`, "dial|alice@example.org|sip:bob@example.org|||visitor"},
		{"ctd.dial", `{"caller":"alice@example.org","callee":"bob","visitor":2}`, invalid("visitor", "2 is not from 0 to 1"), ""},
		{"ctd.dial", `{"caller":"alice@example.org","callee":"bob","no_auto_answer":2}`, invalid("no_auto_answer", "2 is not from 0 to 1"), ""},
		{"ctd.dial", `["alice@example.org","busy@example.org"]`, refusal(ctlproto.CodeBusy, "an attempt of alice@example.org is running"), ""},
		{"ctd.dial", `["alice@example.org","panic@example.org"]`, refusal(ctlproto.CodeInternal, "Internal error: the proxy's log has the reason"), ""},
		{"ctd.dial", `["alice@example.org"]`, invalid("callee", "missing"), ""},
		{"ctd.dial", `["alice","bob@example.org"]`, invalid("caller", noDomain("alice")), ""},
		{"ctd.dial", `["alice@example.org","http://x"]`, invalid("callee", `address "http://x": bad scheme: "http" is not sip or sips`), ""},
		{"ctd.dial", `["alice@example.org","bob@example.org","Bob\r\nVia: x"]`, invalid("callee_name", "control character at byte 3"), ""},
		{"ctd.list", ``, `"result":[]`, "ctd.list  100"},
		{"ctd.list", `{"caller":"Alice@example.org","limit":5}`, `"result":[]`, "ctd.list alice@example.org 5"},
		{"ctd.list", `{"limit":0}`, invalid("limit", "0 is not from 1 to 1000"), ""},
		{"ctd.list", `["alice"]`, invalid("caller", noDomain("alice")), ""},
		{"ctd.status", `["id-1"]`, `"result":{"id":"id-1","caller":"","callee":"","callee_name":"","state":"answered","steps":[],"code":0,"reason":"","message":"","cancellable":false,"third_party":false,"ended":false}`, ""},
		{"ctd.status", `["id-2"]`, refusal(ctlproto.CodeNotFound, `no click-to-dial attempt "id-2"`), ""},
		{"ctd.status", ``, invalid("id", "missing"), ""},
		{"ctd.cancel", `{"id":"id-1","actor":"alice"}`, `"result":{}`, "cancel id-1 alice"},
		{"ctd.cancel", `{"id":"id-1","actor":"` + longestActor + `"}`, `"result":{}`, "cancel id-1 " + longestActor},
		{"ctd.cancel", `{"id":"id-1","actor":"` + longestActor + `x"}`, invalid("actor", "335 bytes long, at most 334 are possible"), ""},
		{"ctd.cancel", `{"actor":"alice"}`, invalid("id", "missing"), ""},
		{"ctd.cancel", `{"identity":"x"}`, invalid("identity", "unknown parameter; known are id, actor"), ""},

		{"tm.t_uac_wait_block", `["OPTIONS","SIP:Alice@Example.org",".",".","From: <sip:daemon@example.org>;tag=1\r\nContact: <sip:daemon@example.org>\r\n","."]`,
			`"result":{"code":200,"text":"Fine"}`, "request OPTIONS sip:alice@example.org|From: <sip:daemon@example.org>;tag=1\r\nContact: <sip:daemon@example.org>\r\n|."},
		{"tm.t_uac_start", `["MESSAGE","sip:alice@example.org",".",".","From: <sip:a@!!>\r\nTo: <sip:b@!!>\r\n","hi"]`, `"result":{}`,
			"request MESSAGE sip:alice@example.org|From: <sip:a@192.0.2.1:5060>\r\nTo: <sip:b@192.0.2.1:5060>\r\n|hi"},
		{"tm.t_uac_start", `["PRACK","sip:alice@example.org",".",".","x"]`, invalid("headers", "no way"), "request PRACK sip:alice@example.org|x|"},
		{"domain.dump", ``, `"result":[{"domain":"example.net","did":"example.net"},{"domain":"example.org","did":"example.org"}]`, ""},
		{"domain.dump", `["x"]`, invalid("", "the method takes none"), ""},
		{"tm.t_uac_start", `["MESSAGE"]`, invalid("ruri", "missing"), ""},
		{"tm.t_uac_wait_block", `{"method":"OPTIONS","ruri":"alice@example.org"}`, `"result":{"code":200,"text":"OK"}`, "options sip:alice@example.org"},
		{"tm.t_uac_wait_block", `["OPTIONS","SIP:127.0.0.1:9"]`, `"result":{"code":200,"text":"OK"}`, "options sip:127.0.0.1:9"},
		{"tm.t_uac_wait_block", `["OPTIONS"]`, invalid("ruri", "missing"), ""},
		{"tm.t_uac_wait_block", `["INVITE","sip:alice@example.org"]`, invalid("headers", "want From and To: without them only OPTIONS can be sent"), ""},
		{"tm.t_uac_wait_block", `["OPTIONS","alice"]`, invalid("ruri", noDomain("alice")), ""},
		{"tm.t_uac_wait_block", `["OPTIONS","tel:+4930"]`, invalid("ruri", "want a sip address"), ""},
		{"tm.t_uac_wait_block", `["OPTIONS","sip:alice@example.org","sip:192.0.2.1"]`,
			invalid("nexthop", `want ".": requests go where the routing script sends them`), ""},
		{"tm.t_uac_wait_block", `{"method":"OPTIONS","ruri":"sip:alice@example.org","body":"x"}`,
			invalid("body", "want headers with it"), ""},

		{"im.send", `{"from":"Alice@example.org","to":"bob","text":"Hi <b>\r\n\tžofie","actor":"alice@example.org"}`,
			`"result":{"result":"delivered","code":200,"reason":"OK"}`, "send|alice@example.org|sip:bob@example.org|Hi <b>\r\n\tžofie|alice@example.org"},
		{"im.send", `["alice@example.org","SIPS:Dora@example.com:5071;transport=tcp",12]`, `"result":{"result":"delivered","code":200,"reason":"OK"}`,
			"send|alice@example.org|sips:dora@example.com:5071;transport=tcp|12|"},
		{"im.send", `["alice@example.org","away@example.org","hi"]`, `"result":{"result":"stored","code":202,"reason":"Accepted"}`, ""},
		{"im.send", `["alice@example.org","bob@example.org"]`, invalid("text", "missing"), ""},
		{"im.send", `["alice@example.org","bob@example.org",""]`, invalid("text", "missing"), ""},
		{"im.send", `["alice@example.org","bob@example.org","` + strings.Repeat("x", 1301) + `"]`, invalid("text", "1301 bytes long, at most 1300 are possible"), ""},
		{"im.send", `["alice@example.org","bob@example.org","a\u0000"]`, invalid("text", "control character at byte 1"), ""},
		{"im.send", `["alice@example.org","bob@example.org","a\u009bm"]`, invalid("text", "control character at byte 1"), ""},
		{"im.send", `["alice@example.org","bob@example.org",["a"]]`, invalid("text", "want a string"), ""},
		{"im.send", `["alice@example.org","tel:+4930","hi"]`, invalid("to", "want a sip address: a tel address takes no messages"), ""},
		{"im.send", `["alice@example.org","bob@example.org\r\nVia: x","hi"]`, invalid("to", "control character at byte 15"), ""},
		{"im.send", `["alice@example.org","@","hi"]`, invalid("to", badAddress), ""},
		{"im.send", `["alice@example.org","","hi"]`, invalid("to", "missing"), ""},
		{"im.send", `["alice","bob@example.org","hi"]`, invalid("from", noDomain("alice")), ""},
		{"im.send", `["ghost@example.org","bob@example.org","hi"]`, invalid("from", "there is no such user, or the account is disabled"), ""},
		{"im.send", `{"to":"bob@example.org","text":"hi"}`, invalid("from", "missing"), ""},
		{"im.send", `{"from":"alice@example.org","to":"bob","body":"hi"}`, invalid("body", "unknown parameter; known are from, to, text, actor"), ""},

		{"msilo.list", `["Alice@example.org"]`, `"result":{"messages":[{"id":7,"from":"sip:bob@example.org","from_name":"\u003cb\u003eBob","to":"sip:alice@example.org",` +
			`"received":"2023-11-14T22:13:20Z","expires":"2023-11-14T22:23:20Z","content_type":"text/plain","body":"aGn/","call_id":"c7","attempts":0,"last_code":0,"refused":false}],` +
			`"total":1,"unread":1}`, "list alice@example.org 50 0"},
		{"msilo.list", `{"owner":"bob@example.org","limit":100,"offset":"20"}`, `"result":{"messages":[],"total":0,"unread":0}`, "list bob@example.org 100 20"},
		{"msilo.list", `["bob@example.org",101]`, invalid("limit", "101 is not from 0 to 100"), ""},
		{"msilo.list", `["bob@example.org",-1]`, invalid("limit", "-1 is not from 0 to 100"), ""},
		{"msilo.list", `["bob@example.org",1,-1]`, invalid("offset", "-1 is not from 0 to 2147483647"), ""},
		{"msilo.list", `["bob@example.org",1,1.5]`, invalid("offset", "want a whole number"), ""},
		{"msilo.list", ``, invalid("owner", "missing"), ""},
		{"msilo.list", `["bob"]`, invalid("owner", noDomain("bob")), ""},
		{"msilo.rm", `{"owner":"Alice@example.org","ids":[7,8]}`, `"result":{"removed":1}`, "msilo.rm alice@example.org [7 8]"},
		{"msilo.rm", `["alice@example.org",8,"7"]`, `"result":{"removed":1}`, "msilo.rm alice@example.org [8 7]"},
		{"msilo.rm", `["bob@example.org",[7]]`, refusal(ctlproto.CodeNotFound, "none of these messages is stored for bob@example.org"), "msilo.rm bob@example.org [7]"},
		{"msilo.rm", `["alice@example.org"]`, invalid("ids", "missing"), ""},
		{"msilo.rm", `["alice@example.org",[]]`, invalid("ids", "missing"), ""},
		{"msilo.rm", `["alice@example.org",[7,0]]`, wrongID(1), ""},
		{"msilo.rm", `["alice@example.org",7.5]`, wrongID(0), ""},
		{"msilo.rm", `["alice@example.org","7 OR 1=1"]`, wrongID(0), ""},
		{"msilo.rm", `["alice@example.org",9223372036854775808]`, wrongID(0), ""},
		{"msilo.rm", `{"owner":"alice@example.org","ids":[` + strings.Repeat("7,", 1000) + `7]}`, invalid("ids", "1001 given, at most 1000 are possible"), ""},
		{"msilo.rm", `{"ids":[7]}`, invalid("owner", "missing"), ""},
		{"msilo.read", `{"owner":"Alice@example.org","ids":[7,8]}`, `"result":{"read":1}`, "msilo.read alice@example.org [7 8]"},
		{"msilo.read", `["bob@example.org",7]`, `"result":{"read":0}`, "msilo.read bob@example.org [7]"},
		{"msilo.read", `["alice@example.org"]`, invalid("ids", "missing"), ""},
		{"msilo.read", `["alice@example.org","7 OR 1=1"]`, wrongID(0), ""},
		{"msilo.read", `{"ids":[7]}`, invalid("owner", "missing"), ""},
		{"msilo.dump", `["alice@example.org"]`, `"result":{"pending":1}`, "msilo.dump alice@example.org"},
		{"msilo.dump", `["carol@example.org"]`, refusal(ctlproto.CodeRefused, "carol@example.org has no phone registered"), ""},
		{"msilo.dump", ``, invalid("owner", "missing"), ""},
		{"msilo.dump", `["alice@example.org",1]`, invalid("", "2 given, at most 1 are known: owner"), ""},

		{"script.reload", ``, `"result":{"ok":true,"errors":[],"remarks":[{"file":"seraph.cfg","line":2,"column":1,"message":"hm","caret":"","kind":"note"}],"at_next_start":["listen"]}`, "reload script"},
		{"script.check", `{"text":"good"}`, `"result":{"ok":true,"errors":[],"remarks":[]}`, ""},
		{"script.check", `{"text":"","file":"a.cfg"}`, `"result":{"ok":false,"errors":[{"file":"a.cfg","line":1,"column":1,"message":"bad ","caret":""}],"remarks":[]}`, ""},
		{"script.check", `["` + good + `"]`, `"result":{"ok":true,"errors":[],"remarks":[]}`, ""},
		{"script.check", `{"text":"remarkable"}`, `"result":{"ok":true,"errors":[],"remarks":[{"file":"script","line":2,"column":1,"message":"hm","caret":"","kind":"warning"}]}`, ""},
		{"script.check", `["` + missing + `"]`, refusal(ctlproto.CodeNotFound, "file: no such file or directory"), ""},
		{"script.check", `["` + fifo + `"]`, invalid("file", "it is no regular file"), ""},
		{"script.check", `["relative.cfg"]`, invalid("file", "want an absolute path"), ""},
		{"script.check", ``, invalid("file", `missing; give "file", "text" or both`), ""},
		{"script.check", `{"text":7.5}`, `"result":{"ok":false,"errors":[{"file":"script","line":1,"column":1,"message":"bad 7.5","caret":""}],"remarks":[]}`, ""},
		{"script.check", `{"text":{}}`, invalid("text", "want a string"), ""},

		{"auth.forget", `{"aor":"Alice@example.org"}`, `"result":{}`, "forget alice@example.org"},
		{"auth.forget", ``, invalid("aor", "missing"), ""},
		{"auth.forget", `["@"]`, invalid("aor", badAddress), ""},
		{"domain.reload", ``, `"result":{}`, "reload"},
		{"domain.reload", `[1]`, invalid("", tooMany), ""},
		{"alias.reload", ``, `"result":{}`, "reload"},
		{"alias.reload", `[1]`, invalid("", tooMany), ""},
		{"group.reload", ``, `"result":{}`, "reload"},
		{"group.reload", `[1]`, invalid("", tooMany), ""},
		{"tls.reload", ``, `"result":{}`, "reload"},
		{"tls.reload", `[1]`, invalid("", tooMany), ""},

		{"events.subscribe", ``, invalid("topics", "missing; known are call, ctd, dialog, message, missed_call, registration"), ""},
		{"events.subscribe", `["ctd","registraton"]`, `"error":{"code":-32602,"message":"Invalid params: topics[1]: unknown topic \"registraton\"; known are call, ctd, dialog, message, missed_call, registration",` +
			`"data":{"field":"topics","problem":"unknown topic \"registraton\"; known are call, ctd, dialog, message, missed_call, registration","index":1}}`, ""},
		{"ul.dmup", ``, `"error":{"code":-32601,"message":"Method not found: \"ul.dmup\"; did you mean \"ul.dump\"?","data":{"method":"ul.dmup","nearest":"ul.dump"}}`, ""},
		{"reboot", ``, `"error":{"code":-32601,"message":"Method not found: \"reboot\"","data":{"method":"reboot"}}`, ""},
	} {
		name := tc.method + " " + tc.params
		t.Run(name[:min(len(name), 60)], func(t *testing.T) {
			proxy := newFakeProxy()
			if got := plug(t, start(t, proxy.config())).call(tc.method, tc.params); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			if did := strings.Join(proxy.done, "; "); did != tc.did {
				t.Errorf("did\n%s\nwant\n%s", did, tc.did)
			}
		})
	}
}

// TestMethodsOfModules: whoever asks for what the script does not load is told so.
func TestMethodsOfModules(t *testing.T) {
	proxy := newFakeProxy()
	cfg := proxy.config()
	cfg.Ctd, cfg.Silo = nil, nil
	w := plug(t, start(t, cfg))
	for method, why := range map[string]string{
		"ctd.dial": "the script does not load module ctd", "msilo.list": "the script does not load module msilo, or there is no database",
		"pike.top": "the script does not load module pike", "htable.dump": "the script does not load module htable",
		"rl.get_pipes": "the script does not load module ratelimit", "permissions.addressDump": "the script does not load module permissions",
		"dispatcher.list": "the script does not load module dispatcher", "speeddial.reload": "the script does not load module speeddial",
		"userblock.reload": "the script does not load module userblock",
	} {
		want := fmt.Sprintf(`"error":{"code":-32601,"message":"Method not found: \"%s\"; %s","data":{"method":"%s"}}`, method, why, method)
		if got := w.call(method, ""); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestProviderFails: the caller learns that it failed, and no inner text.
func TestProviderFails(t *testing.T) {
	proxy := newFakeProxy()
	proxy.broken = errors.New("dial tcp: password=hunter2")
	w := plug(t, start(t, proxy.config()))
	internal := refusal(ctlproto.CodeInternal, "Internal error: the proxy's log has the reason")
	for _, tc := range []struct{ method, params, want string }{
		{"ul.add", `["location","a@b.org","sip:x"]`, internal},
		{"ul.rm", `["location","alice@example.org"]`, internal},
		{"ul.rm_contact", `["location","alice@example.org","sip:alice@192.0.2.1"]`, internal},
		{"ul.flush", ``, internal},
		{"presence.get", `[["a@b.org"]]`, internal},
		{"ctd.cancel", `["id-1"]`, internal},
		{"im.send", `["alice@example.org","bob","hi"]`, internal},
		{"im.send", `["fault@example.org","bob","hi"]`, internal},
		{"msilo.list", `["alice@example.org"]`, internal},
		{"msilo.rm", `["carol@example.org",7]`, internal},
		{"msilo.read", `["carol@example.org",7]`, internal},
		{"msilo.dump", `["alice@example.org"]`, internal},
		{"tm.t_uac_wait_block", `["OPTIONS","sip:alice@example.org"]`, internal},
		{"domain.reload", ``, refusal(ctlproto.CodeUnavailable, "the domains could not be read again and stay as they were; the proxy's log has the reason")},
	} {
		if got := w.call(tc.method, tc.params); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.method, got, tc.want)
		}
	}
}

// TestMethodsOfParts: what is not loaded is not listed, and not answered.
func TestMethodsOfParts(t *testing.T) {
	bare := []string{"core.info", "core.psx", "core.uptime", "core.version", "events.subscribe", "system.listMethods"}
	for _, tc := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"none", Config{Name: "seraph-proxy", Version: "0.1.0"}, bare},
		{"all", newFakeProxy().config(), append(slices.Clone(bare), "stats.get_statistics", "stats.fetch", "tm.stats", "tm.list", "sl.stats",
			"ul.dump", "ul.lookup", "ul.add", "ul.rm", "ul.rm_contact", "ul.flush", "presence.get", "ctd.dial", "ctd.list", "ctd.status", "ctd.cancel",
			"dlg.list", "dlg.stats_active", "dlg.end", "dlg.terminate_dlg", "dlg.end_dlg",
			"im.send", "msilo.list", "msilo.rm", "msilo.read", "msilo.dump", "tm.t_uac_wait_block", "tm.t_uac_start", "script.check", "script.reload", "auth.forget", "domain.dump", "domain.reload", "alias.reload", "group.reload", "tls.reload")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			slices.Sort(tc.want)
			raw, _ := json.Marshal(tc.want)
			if got := plug(t, start(t, tc.cfg)).call("system.listMethods", ""); got != `"result":`+string(raw) {
				t.Errorf("got %s\nwant %s", got, raw)
			}
		})
	}
	if got := plug(t, start(t, Config{Name: "seraph-proxy", Version: "0.1.0"})).call("ul.dump", ""); !strings.Contains(got, "-32601") {
		t.Errorf("ul.dump without usrloc: %s", got)
	}
}

func TestUptime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, newFakeProxy().config())
		time.Sleep(90 * time.Second)
		want := `"result":{"now":"Sat Jan  1 00:01:30 2000","up_since":"Sat Jan  1 00:00:00 2000","uptime":90}`
		if got := plug(t, s).call("core.uptime", ""); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

func TestScriptErrorsAreBounded(t *testing.T) {
	w := plug(t, start(t, newFakeProxy().config()))
	got := w.call("script.check", `{"text":"`+strings.Repeat(";", 5000)+`"}`)
	if n := strings.Count(got, `"file":`); n != maxScriptErrors {
		t.Errorf("%d errors listed", n)
	}
}

// TestDumpTooLarge: a table over the limit is refused while it grows.
func TestDumpTooLarge(t *testing.T) {
	proxy := newFakeProxy()
	for i := range 100 {
		proxy.put(fmt.Sprintf("user%d@example.org", i), ctlproto.Contact{Address: "sip:" + strings.Repeat("x", 2000)})
	}
	cfg := proxy.config()
	cfg.Limits.Reply = 100_000
	w := plug(t, start(t, cfg))
	for range maxDumps + 1 { // the tokens come back
		if got := w.call("ul.dump", ""); !strings.Contains(got, "-32005") || !strings.Contains(got, "ul.dump brief") {
			t.Fatalf("got %.200s", got)
		}
	}
	if got := w.call("ul.dump", `["brief"]`); !strings.Contains(got, `"Records":102`) {
		t.Errorf("brief: %.200s", got)
	}
}
