package ctlproto

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestContactOnTheWire(t *testing.T) {
	full := Contact{
		Address: "sip:alice@192.0.2.7:5062;transport=tcp", Expires: 59 * time.Minute, Q: 0.5, CallID: "c1", CSeq: 7,
		UserAgent: "phone", Received: "sip:198.51.100.1:4242", Path: "<sip:p@example.org;lr>", State: StateSync, Flags: 1, CFlags: 64,
		Socket: "udp:192.0.2.1:5060", Methods: 4294967295, RUID: "r1", Instance: "<urn:uuid:1>", RegID: 1, ServerID: 2, TCPConnID: -1,
		Keepalive: true, LastKeepalive: time.Unix(1700000000, 0).UTC(), KARoundtrip: 1500 * time.Microsecond,
		LastModified: time.Unix(1700000001, 0).UTC(),
	}
	for name, tc := range map[string]struct {
		contact Contact
		wire    string
	}{
		"full": {full, `{"Address":"sip:alice@192.0.2.7:5062;transport=tcp","Expires":3540,"Q":0.5,"Call-ID":"c1","CSeq":7,` +
			`"User-Agent":"phone","Received":"sip:198.51.100.1:4242","Path":"\u003csip:p@example.org;lr\u003e","State":"CS_SYNC","Flags":1,"CFlags":64,` +
			`"Socket":"udp:192.0.2.1:5060","Methods":4294967295,"Ruid":"r1","Instance":"\u003curn:uuid:1\u003e","Reg-Id":1,"Server-Id":2,"Tcpconn-Id":-1,` +
			`"Keepalive":1,"Last-Keepalive":1700000000,"KA-Roundtrip":1500,"Last-Modified":1700000001}`},
		"bare": {Contact{Address: "sip:a@b", Permanent: true, Q: -1, State: StateNew}, `{"Address":"sip:a@b","Expires":"permanent","Q":-1,"Call-ID":"","CSeq":0,` +
			`"User-Agent":"n/a","Received":"[not set]","Path":"[not set]","State":"CS_NEW","Flags":0,"CFlags":0,` +
			`"Socket":"[not set]","Methods":0,"Ruid":"[not set]","Instance":"[not set]","Reg-Id":0,"Server-Id":0,"Tcpconn-Id":0,` +
			`"Keepalive":0,"Last-Keepalive":0,"KA-Roundtrip":0,"Last-Modified":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := json.Marshal(tc.contact)
			if err != nil || string(raw) != tc.wire {
				t.Errorf("wire: %v\n%s\nwant\n%s", err, raw, tc.wire)
			}
			var back Contact
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.contact, back); diff != "" {
				t.Error(diff)
			}
		})
	}
	var c Contact
	if err := json.Unmarshal([]byte(`{"Expires":"soon"}`), &c); err == nil || !strings.Contains(err.Error(), "soon") {
		t.Errorf("odd Expires: %v", err)
	}
}

func TestStatistic(t *testing.T) {
	want := Statistic{"tm", "current", 12}
	if got, err := ParseStatistic(want.String()); got != want || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "tm:current", "current = 1", ":x = 1", "tm: = 1", "tm:current = x", "tm:current = 1 = 2"} {
		if got, err := ParseStatistic(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestEventDecoding(t *testing.T) {
	e := Event{Topic: TopicRegistration, Seq: 3, Data: json.RawMessage(`{"aor":"bob@example.org","status":"on line","contacts":[{"Address":"sip:b@192.0.2.1","Expires":60}]}`)}
	r, err := e.Registration()
	if err != nil || r.AoR != "bob@example.org" || r.Status != StatusOnLine || len(r.Contacts) != 1 || r.Contacts[0].Expires != time.Minute {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := e.Ctd(); err == nil {
		t.Error("a registration event was decoded as ctd")
	}
	e = Event{Topic: TopicCtd, Data: json.RawMessage(`{"id":"1","state":"connected","steps":[{"state":"connected","at":"2026-01-02T03:04:05.000000006Z","elapsed_ms":7}],"ended":true}`)}
	s, err := e.Ctd()
	if err != nil || s.State != CtdConnected || !s.Ended || s.Steps[0].At.Nanosecond() != 6 {
		t.Errorf("%+v, %v", s, err)
	}
	e = Event{Topic: TopicMessage, Data: json.RawMessage(`{"owner":"a@b","total":3,"unread":1}`)}
	if m, err := e.Message(); err != nil || m != (MessageEvent{"a@b", 3, 1}) {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := e.MissedCall(); err == nil {
		t.Error("a message event was decoded as a missed call")
	}
	e = Event{Topic: TopicMissedCall, Data: json.RawMessage(`{"owner":"a@b","caller":"sip:c@d","name":"C","at":"2026-01-02T03:04:05Z","code":486,"reason":"Busy","missed_unseen":2}`)}
	want := MissedCallEvent{"a@b", "sip:c@d", "C", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 486, "Busy", 2}
	if m, err := e.MissedCall(); err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := e.Call(); err == nil {
		t.Error("a missed call was decoded as what is new of a call")
	}
	e = Event{Topic: TopicCall, Data: json.RawMessage(`{"call_id":"1@c","state":"ended","at":"2026-01-02T03:04:05Z","caller":"","callee":"a@b"}`)}
	if c, err := e.Call(); err != nil || c != (CallEvent{"1@c", CallEnded, want.At, "", "a@b"}) {
		t.Errorf("%+v, %v", c, err)
	}
	e.Topic = TopicMessage
	e.Data = json.RawMessage(`{"total":"many"}`)
	if _, err := e.Message(); err == nil {
		t.Error("a word was decoded as a number")
	}
	e.Topic = TopicCtd
	e.Data = json.RawMessage(`[]`)
	if _, err := e.Ctd(); err == nil {
		t.Error("an array was decoded as a status")
	}
}

// TestMessagesOnTheWire: the shapes that docs/control-protocol.md shows.
func TestMessagesOnTheWire(t *testing.T) {
	at := time.Unix(1700000000, 0).UTC()
	for name, tc := range map[string]struct {
		value any
		wire  string
	}{
		"im.send params": {ImSendParams{From: "a@b", To: "sip:c@b", Text: "<hi>\n"}, `{"from":"a@b","to":"sip:c@b","text":"\u003chi\u003e\n"}`},
		"im.send result": {ImSendResult{Result: ImFailed, Code: 480, Reason: "Away"}, `{"result":"failed","code":480,"reason":"Away"}`},
		"msilo.list":     {MsiloListParams{Owner: "a@b"}, `{"owner":"a@b"}`},
		"unread message": {
			MsiloMessage{ID: 7, From: "sip:c@b", FromName: "C", To: "sip:a@b", Received: at, Expires: at.Add(time.Minute), ContentType: "text/plain", Body: []byte("hi"), CallID: "x"},
			`{"id":7,"from":"sip:c@b","from_name":"C","to":"sip:a@b","received":"2023-11-14T22:13:20Z","expires":"2023-11-14T22:14:20Z",` +
				`"content_type":"text/plain","body":"aGk=","call_id":"x","attempts":0,"last_code":0,"refused":false}`,
		},
		"read message": {
			MsiloMessage{ID: 7, Received: at, Expires: at, Body: []byte{0, 255}, Read: at.Add(time.Second), Attempts: 2, LastCode: 415, Refused: true},
			`{"id":7,"from":"","from_name":"","to":"","received":"2023-11-14T22:13:20Z","expires":"2023-11-14T22:13:20Z","content_type":"","body":"AP8=",` +
				`"call_id":"","read":"2023-11-14T22:13:21Z","attempts":2,"last_code":415,"refused":true}`,
		},
		"message event": {MessageEvent{Owner: "a@b", Total: 3, Unread: 1}, `{"owner":"a@b","total":3,"unread":1}`},
		"missed call event": {
			MissedCallEvent{Owner: "a@b", Caller: "sip:c@d", Name: "C", At: at, Code: 486, Reason: "Busy here", MissedUnseen: 2},
			`{"owner":"a@b","caller":"sip:c@d","name":"C","at":"2023-11-14T22:13:20Z","code":486,"reason":"Busy here","missed_unseen":2}`,
		},
	} {
		raw, err := json.Marshal(tc.value)
		if err != nil || string(raw) != tc.wire {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, raw, tc.wire)
		}
	}
	var m MsiloMessage
	if err := json.Unmarshal([]byte(`{"body":"no base64!"}`), &m); err == nil {
		t.Errorf("a body that is no base64 was read as %q", m.Body)
	}
}
