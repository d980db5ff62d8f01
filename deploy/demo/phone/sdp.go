package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// description is our side of a session description (RFC 4566) over its versions. We take G.711
// and send nothing, which the direction attribute says (RFC 3264 §6.1).
type description struct {
	host string
	port int

	mu      sync.Mutex
	id      uint32
	version uint32
}

// errNotAcceptable: no audio stream of the offer can be taken.
var errNotAcceptable = errors.New("no audio stream with G.711 over RTP/AVP in the offer")

// session writes the session-level lines; each description has a higher version than the last.
func (d *description) session() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	family := "IP4"
	if strings.Contains(d.host, ":") {
		family = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
		d.id, d.version, family, d.host, family, d.host)
}

// offer describes what we would take.
func (d *description) offer() []byte {
	return []byte(d.session() + d.audio([]string{"0", "8"}, "recvonly"))
}

func (d *description) audio(formats []string, direction string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=audio %d RTP/AVP %s\r\n", d.port, strings.Join(formats, " "))
	for _, f := range formats {
		fmt.Fprintf(&b, "a=rtpmap:%s %s/8000\r\n", f, map[string]string{"0": "PCMU", "8": "PCMA"}[f])
	}
	fmt.Fprintf(&b, "a=%s\r\n", direction)
	return b.String()
}

// answer takes the first audio stream of an offer and refuses the others, in the offer's order
// (RFC 3264 §6).
func (d *description) answer(offer []byte) ([]byte, error) {
	session, media, err := parseOffer(string(offer))
	if err != nil {
		return nil, err
	}
	var streams strings.Builder
	taken := false
	for _, m := range media {
		formats := m.g711()
		if taken || m.kind != "audio" || m.port == "0" || m.proto != "RTP/AVP" || len(formats) == 0 {
			fmt.Fprintf(&streams, "m=%s 0 %s %s\r\n", m.kind, m.proto, strings.Join(m.formats, " "))
			continue
		}
		taken = true
		streams.WriteString(d.audio(formats, m.answered(session)))
	}
	if !taken {
		return nil, errNotAcceptable
	}
	return []byte(d.session() + streams.String()), nil
}

// section is the session part or one media part of a description.
type section struct {
	kind, port, proto string
	formats           []string
	connection        string // the address of the c= line
	direction         string
}

// g711 are the formats of a stream that we take, in the offer's order of preference.
func (s section) g711() []string {
	return slices.DeleteFunc(slices.Clone(s.formats), func(f string) bool { return f != "0" && f != "8" })
}

// answered is our direction for the peer's: we receive if it sends, and never send. 0.0.0.0 is how
// a call was held before there were direction attributes (RFC 3264 §8.4).
func (s section) answered(session section) string {
	direction, connection := s.direction, s.connection
	if direction == "" {
		direction = session.direction
	}
	if connection == "" {
		connection = session.connection
	}
	if connection == "0.0.0.0" || direction == "recvonly" || direction == "inactive" {
		return "inactive"
	}
	return "recvonly"
}

// parseOffer reads of a description what an answer needs.
func parseOffer(text string) (session section, media []section, err error) {
	if !strings.HasPrefix(text, "v=0") {
		return session, nil, errors.New("session description does not begin with v=0")
	}
	current := &session
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch key {
		case "m":
			words := strings.Fields(value)
			if len(words) < 4 {
				return session, nil, fmt.Errorf("media line %q is too short", line)
			}
			media = append(media, section{kind: words[0], port: words[1], proto: words[2], formats: words[3:]})
			current = &media[len(media)-1]
		case "c":
			if words := strings.Fields(value); len(words) == 3 {
				current.connection, _, _ = strings.Cut(words[2], "/")
			}
		case "a":
			if slices.Contains([]string{"sendrecv", "sendonly", "recvonly", "inactive"}, value) {
				current.direction = value
			}
		}
	}
	if len(media) == 0 {
		return session, nil, errNotAcceptable
	}
	return session, media, nil
}
