package phone

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitList(t *testing.T) {
	for _, c := range []struct {
		value string
		want  []string
	}{
		{"<sip:a@b>", []string{"<sip:a@b>"}},
		{"<sip:a,b@c>;x=1, <sip:d@e;lr>", []string{"<sip:a,b@c>;x=1", "<sip:d@e;lr>"}},
		{`"Smith, \"J, \\" <sip:a@b>,sip:c@d`, []string{`"Smith, \"J, \\" <sip:a@b>`, "sip:c@d"}},
		{`"open`, []string{`"open`}},
		{"", []string{""}},
	} {
		if diff := cmp.Diff(c.want, splitList(c.value)); diff != "" {
			t.Errorf("splitList(%q): %s", c.value, diff)
		}
	}
}

func TestDescriptionAnswer(t *testing.T) {
	const head = "v=0\r\no=- 9 9 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	for _, c := range []struct{ name, offer, want string }{
		{"plain", head + "m=audio 4000 RTP/AVP 9 8 0 101\r\n", "m=audio 7 RTP/AVP 8 0|a=recvonly"},
		{"sendonly", head + "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", "m=audio 7 RTP/AVP 0|a=recvonly"},
		{"recvonly", head + "m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", "m=audio 7 RTP/AVP 0|a=inactive"},
		{"held for all streams", head + "a=inactive\r\nm=audio 4000 RTP/AVP 0\r\n", "m=audio 7 RTP/AVP 0|a=inactive"},
		{"stream says otherwise", head + "a=inactive\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n", "m=audio 7 RTP/AVP 0|a=recvonly"},
		{"held the old way", head + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", "m=audio 7 RTP/AVP 0|a=inactive"},
		{"more streams", head + "m=video 4002 RTP/AVP 34\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4004 RTP/AVP 0\r\n",
			"m=video 0 RTP/AVP 34|m=audio 7 RTP/AVP 0|a=recvonly|m=audio 0 RTP/AVP 0"},
		{"bare line feeds", strings.ReplaceAll(head, "\r", "") + "m=audio 4000 RTP/AVP 0\n", "m=audio 7 RTP/AVP 0|a=recvonly"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &description{host: "127.0.0.1", port: 7, id: 1}
			got, err := d.answer([]byte(c.offer))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for line := range strings.Lines(string(got)) {
				if line[0] == 'm' || line[0] == 'a' && !strings.HasPrefix(line, "a=rtpmap") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(lines, "|")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDescriptionRefuses(t *testing.T) {
	for _, offer := range []string{"", "v=0", "v=0\r\nm=audio\r\n", "v=0\r\nm=audio 4000 RTP/SAVP 0\r\n", "v=0\r\nm=audio 0 RTP/AVP 0\r\n", "v=0\r\nm=audio 4 RTP/AVP 9\r\n"} {
		d := &description{host: "127.0.0.1", port: 7}
		if got, err := d.answer([]byte(offer)); err == nil {
			t.Errorf("offer %q is answered with %q", offer, got)
		}
	}
	d := &description{}
	if _, err := d.answer([]byte("v=0\r\nm=video 1 RTP/AVP 0\r\n")); !errors.Is(err, errNotAcceptable) {
		t.Errorf("only video: %v", err)
	}
}

// FuzzAnswer: no description may panic, and an answer has as many streams as its offer.
func FuzzAnswer(f *testing.F) {
	f.Add(heldOffer)
	f.Add("v=0\nm=audio 1 RTP/AVP 0 8\na=sendonly\nm=video 2 x y\nc=IN IP4 0.0.0.0/1\n")
	f.Fuzz(func(t *testing.T, offer string) {
		d := &description{host: "127.0.0.1", port: 7}
		got, err := d.answer([]byte(offer))
		if err != nil {
			return
		}
		_, offered, err := parseOffer(offer)
		if err != nil {
			t.Fatalf("answered, but: %v", err)
		}
		_, answered, err := parseOffer(string(got))
		if err != nil || len(answered) != len(offered) {
			t.Fatalf("%d streams answered with %d, %v:\n%s", len(offered), len(answered), err, got)
		}
	})
}
