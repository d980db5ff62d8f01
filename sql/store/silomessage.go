package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"seraph/sql/aor"
)

// SiloMessage is a stored message. Texts and body are a stranger's. Lengths
// are in characters unless said otherwise.
type SiloMessage struct {
	ID       int64
	Owner    aor.AOR   // a subscriber
	From     string    // the sender's URI, 1 to 255
	FromName string    // the sender's display name; cut to 128
	To       string    // the URI that the sender wrote to, at most 255
	Received time.Time // zero: now
	Expires  time.Time // after Received; later than the column can say (2038) counts as that
	SendAt   time.Time // not delivered before; zero: at once. Before Expires
	// ContentType is the header's whole value, 1 to 1024 bytes on one
	// line.
	ContentType string
	Body        []byte // 1 to 65535 bytes of any kind
	// ExtraHeaders are further header lines for the delivery, each one ended
	// by CRLF, none of them a Content-Type; at most 4096 bytes.
	ExtraHeaders string
	CallID       string // of the request that brought it; a longer one than 128 is shortened

	// What became of it; Add does not regard these.

	Read     time.Time // when the owner read it, zero: not yet
	Attempts int       // deliveries that failed
	LastCode int       // final status of the last one, 0: none came
	Refused  bool      // refused for good

	// Foreign says that the sender had not shown who they are (AddForeign); Add does not
	// regard it either.
	Foreign bool
}

// Lengths of what a message may have, in bytes.
const (
	maxBody         = 1<<16 - 1 // a BLOB in MySQL
	maxContentType  = 1024
	maxExtraHeaders = 4096
)

// maxType is the length of the column ctype.
const maxType = 32

// latest is the last second that the columns inc_time and exp_time can say.
var latest = time.Unix(math.MaxInt32, 0).UTC()

// Check reports, as a *FieldError, the first field that the table cannot hold.
func (m *SiloMessage) Check() error {
	if err := checkAOR("owner", m.Owner); err != nil {
		return err
	}
	if err := checkText("from", m.From, 255); err != nil {
		return err
	}
	if err := checkText("to", m.To, 255); err != nil {
		return err
	}
	switch {
	case m.From == "":
		return &FieldError{"from", "is empty"}
	case len(m.Body) == 0:
		return &FieldError{"body", "is empty"}
	case len(m.Body) > maxBody:
		return &FieldError{"body", fmt.Sprintf("is longer than %d bytes", maxBody)}
	case m.Received.Unix() < 0 || m.Received.After(latest):
		return &FieldError{"received", "is not a time from 1970 to 2038"}
	case !m.Expires.Truncate(time.Second).After(m.Received):
		return &FieldError{"expires", "is not after the time received"}
	case !m.SendAt.IsZero() && (m.SendAt.Unix() <= 0 || m.SendAt.After(latest)):
		return &FieldError{"send_at", "is not a time from 1970 to 2038"}
	case !m.SendAt.IsZero() && !m.Expires.Truncate(time.Second).After(m.SendAt):
		return &FieldError{"send_at", "is not before the end of the message's time"}
	}
	return m.checkHeaders()
}

func (m *SiloMessage) checkHeaders() error {
	switch {
	case strings.TrimSpace(m.ContentType) == "":
		return &FieldError{"content_type", "is empty"}
	case len(m.ContentType) > maxContentType:
		return &FieldError{"content_type", fmt.Sprintf("is longer than %d bytes", maxContentType)}
	case len(m.ExtraHeaders) > maxExtraHeaders:
		return &FieldError{"extra_headers", fmt.Sprintf("are longer than %d bytes", maxExtraHeaders)}
	}
	if err := checkText("content_type", m.ContentType, maxContentType); err != nil {
		return err
	}
	for rest := m.ExtraHeaders; rest != ""; {
		header, more, ended := strings.Cut(rest, "\r\n")
		name, value, colon := strings.Cut(header, ":")
		switch {
		case !ended || !colon || !isToken(name):
			return &FieldError{"extra_headers", "are not whole lines like \"Name: value\""}
		case slices.ContainsFunc(ownHeaders, func(own string) bool { return strings.EqualFold(own, name) }):
			return &FieldError{"extra_headers", "hold a header that has a field of its own"}
		}
		if err := checkText("extra_headers", strings.ReplaceAll(value, "\t", " "), maxExtraHeaders); err != nil {
			return err
		}
		rest = more
	}
	return nil
}

// isToken reports whether s is a token (RFC 3261 §25.1), as header names are.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-.!%*_+`'~", r)
	})
}

// Header lines that we put before others in the column extra_hdrs, for what
// has no column: a Content-Type longer than ctype, and the display name. A
// Kamailio that delivers such a row sends them along, which does no harm.
const (
	typeHeader = "Content-Type"
	nameHeader = "X-Sender-Name"
)

// ownHeaders may not be in ExtraHeaders; "c" is Content-Type's short form.
var ownHeaders = []string{typeHeader, "c", nameHeader}

// columnType is what goes into ctype: the whole Content-Type, or the type
// without its parameters, or what says least, so that other programs read
// nothing wrong.
func columnType(contentType string) string {
	if utf8.RuneCountInString(contentType) <= maxType {
		return contentType
	}
	bare, _, _ := strings.Cut(contentType, ";")
	if bare = strings.TrimSpace(bare); utf8.RuneCountInString(bare) <= maxType {
		return bare
	}
	return "application/octet-stream"
}

// columnHeaders is what goes into extra_hdrs.
func (m *SiloMessage) columnHeaders(ctype string) string {
	var b strings.Builder
	if ctype != m.ContentType {
		b.WriteString(typeHeader + ": " + m.ContentType + "\r\n")
	}
	if name := line(m.FromName, 128); name != "" {
		b.WriteString(nameHeader + ": " + name + "\r\n")
	}
	b.WriteString(m.ExtraHeaders)
	return b.String()
}

// splitHeaders undoes columnHeaders.
func (m *SiloMessage) splitHeaders(headers string) {
	if value, rest, found := firstHeader(headers, typeHeader); found {
		m.ContentType, headers = value, rest
	}
	if value, rest, found := firstHeader(headers, nameHeader); found {
		m.FromName, headers = value, rest
	}
	m.ExtraHeaders = headers
}

// firstHeader takes the first line off headers if it has this name.
func firstHeader(headers, name string) (value, rest string, found bool) {
	first, rest, ended := strings.Cut(headers, "\r\n")
	value, named := strings.CutPrefix(first, name+": ")
	return value, rest, ended && named
}

// insertMessage stores a message that Check has passed.
func insertMessage(ctx context.Context, tx *sql.Tx, m *SiloMessage) (int64, error) {
	ctype := columnType(m.ContentType)
	expires := m.Expires
	if expires.After(latest) {
		expires = latest
	}
	result, err := tx.ExecContext(ctx, "INSERT INTO silo (src_addr, dst_addr, username, domain, inc_time, exp_time, snd_time, ctype, body,"+
		" extra_hdrs, callid) VALUES ("+placeholders(11)+")", m.From, m.To, m.Owner.User, m.Owner.Domain,
		m.Received.Unix(), expires.Unix(), sendTime(m.SendAt), ctype, m.Body, m.columnHeaders(ctype), identity(m.CallID, 128))
	if err != nil {
		return 0, err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return 0, err
	}
	return id, dropState(ctx, tx, id)
}

// sendTime is the column snd_time: 0 says that a message is no reminder.
func sendTime(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Unix()
}

// siloNotes are the tables of what only we know of a message, by its id.
var siloNotes = []string{"silo_state", "silo_foreign"}

// dropState removes what is left of a former message with this id: another
// program that deletes messages knows nothing of our tables, and an engine may
// give an id again.
func dropState(ctx context.Context, tx *sql.Tx, id int64) error {
	for _, table := range siloNotes {
		n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM "+table+" WHERE silo_id = ?", id)
		if err == nil && n > 0 {
			_, err = tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE silo_id = ?", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// siloColumns and scanSilo belong together.
const siloColumns = "s.id, s.username, s.domain, s.src_addr, s.dst_addr, s.inc_time, s.exp_time, s.snd_time, s.ctype, s.body," +
	" COALESCE(s.extra_hdrs, ''), s.callid, t.read_time, COALESCE(t.attempts, 0), COALESCE(t.last_code, ''), COALESCE(t.refused, 0)," +
	" f.silo_id IS NOT NULL"

func scanSilo(s scanner) (m SiloMessage, err error) {
	var received, expires, send int64
	var headers string
	err = s.Scan(&m.ID, &m.Owner.User, &m.Owner.Domain, &m.From, &m.To, &received, &expires, &send, &m.ContentType, &m.Body,
		&headers, &m.CallID, moment{&m.Read}, &m.Attempts, status{&m.LastCode}, &m.Refused, &m.Foreign)
	m.Received, m.Expires = time.Unix(received, 0).UTC(), time.Unix(expires, 0).UTC()
	if send > 0 {
		m.SendAt = time.Unix(send, 0).UTC()
	}
	m.splitHeaders(headers)
	return m, err
}
