package baresip

import (
	"regexp"
	"strings"
)

// Line is one SIP message on the phone's wire, as its own trace shows it.
type Line struct {
	Start  string // start line
	Method string // of the request, or of the response's CSeq
	Head   string // the whole message
}

// startLine finds the messages in the trace of baresip -s.
var startLine = regexp.MustCompile(`(?m)^(SIP/2\.0 \d{3} [^\r\n]*|[A-Z]+ (?:sips?|tel):[^ \r\n]+ SIP/2\.0)\r?$`)

var cseq = regexp.MustCompile(`(?mi)^CSeq:\s*\d+\s+([A-Z]+)`)

// Trace is every SIP message that the phone sent or received, in order.
func (p *Phone) Trace() []Line {
	text := p.Log.String()
	at := startLine.FindAllStringIndex(text, -1)
	var lines []Line
	for i, from := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		l := Line{Start: strings.TrimRight(text[from[0]:from[1]], "\r"), Head: text[from[0]:end]}
		if m := cseq.FindStringSubmatch(l.Head); m != nil {
			l.Method = m[1]
		}
		lines = append(lines, l)
	}
	return lines
}

// Order is the trace without REGISTER and provisional answers, one word each:
// a request's method, or "200/INVITE" for a response. Messages that follow each
// other with the same word are one: they are retransmissions or challenges' twins.
func (p *Phone) Order() []string {
	var words []string
	for _, l := range p.Trace() {
		word := l.Method
		if status, isResponse := strings.CutPrefix(l.Start, "SIP/2.0 "); isResponse {
			word = status[:3] + "/" + l.Method
		}
		skip := l.Method == "REGISTER" || strings.HasPrefix(word, "1")
		if !skip && (len(words) == 0 || words[len(words)-1] != word) {
			words = append(words, word)
		}
	}
	return words
}
