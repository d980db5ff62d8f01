package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// maxUpgrade bounds the HTTP request that asks for a WebSocket, in bytes.
const maxUpgrade = 16 << 10

// subprotocol is what a SIP WebSocket client asks for (RFC 7118 §4).
const subprotocol = "sip"

// webSocket is what a connection over WebSocket (RFC 6455, RFC 7118) knows beside the
// bytes. The offsets count from conn.start, where the message that is being put together
// begins.
type webSocket struct {
	joined     int  // bytes of the message whose frames have come
	next       int  // where the next frame begins
	fragmented bool // a message has begun and its last frame is to come
	pinged     bool // we have asked whether the peer is there
	head       [ws.MaxHeaderSize]byte
	code       atomic.Uint32 // ws.StatusCode, with which we close
	closed     bool          // our close frame is written; guarded by seal
}

// upgrade answers the HTTP request that asks for a WebSocket with the subprotocol sip.
// Its path is of no interest.
func (c *conn) upgrade() error {
	var asked bool
	u := ws.Upgrader{
		ReadBufferSize: 4 << 10, WriteBufferSize: 512,
		Protocol: func(name []byte) bool {
			found := equalFold(string(name), subprotocol)
			asked = asked || found
			return found
		},
		OnHeader: func(key, value []byte) error {
			if string(key) == "Origin" && !c.l.originAllowed(string(value)) {
				return ws.RejectConnectionError(ws.RejectionStatus(http.StatusForbidden), ws.RejectionReason("origin not allowed"))
			}
			return nil
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if !asked {
				return nil, ws.RejectConnectionError(ws.RejectionStatus(http.StatusBadRequest), ws.RejectionReason("Sec-WebSocket-Protocol sip wanted"))
			}
			return nil, nil
		},
	}
	var stream io.ReadWriter = wire{c.nc, c}
	if c.sec != nil {
		stream = c.sec
	}
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{io.LimitReader(stream, maxUpgrade), stream})
	if err != nil {
		return err
	}
	c.ws = &webSocket{}
	c.ws.code.Store(uint32(ws.StatusGoingAway))
	return nil
}

// originAllowed reports whether a page of that origin may speak to us.
func (l *Layer) originAllowed(origin string) bool {
	return len(l.cfg.Origins) == 0 || slices.ContainsFunc(l.cfg.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
}

// errHungUp: the peer has closed the WebSocket in order.
var errHungUp = errors.New("WebSocket closed by the peer")

// wsMessage cuts the next complete message off the unread frames and answers pings; nil
// if there is none yet. One WebSocket message is one SIP message (RFC 7118 §5), as long
// as it is. An error ends the connection.
func (c *conn) wsMessage() ([]byte, error) {
	w := c.ws
	for {
		head, n, err := w.header(c.buf[c.start+w.next : c.end])
		if err != nil {
			w.code.Store(uint32(ws.StatusProtocolError))
			return nil, err
		}
		if n > 0 && head.Length > int64(c.l.cfg.MaxMessage-ws.MaxHeaderSize-w.joined-n) {
			w.code.Store(uint32(ws.StatusMessageTooBig))
			return nil, ErrTooLarge
		}
		end := w.next + n + int(head.Length)
		if n == 0 || c.start+end > c.end {
			c.awaitFrame(end)
			return nil, nil
		}
		payload := c.buf[c.start+w.next+n : c.start+end]
		ws.Cipher(payload, head.Mask, 0)
		w.next = end
		if head.OpCode.IsControl() {
			if err := c.control(head.OpCode, payload); err != nil {
				return nil, err
			}
			if !w.fragmented {
				c.begun = time.Time{} // it was this frame that had begun, and no message
			}
			continue
		}
		if msg := w.join(c, payload, head.Fin); msg != nil {
			return msg, nil
		}
	}
}

// header reads the header of a frame; n is its length, 0 while it is not complete.
func (w *webSocket) header(b []byte) (head ws.Header, n int, err error) {
	r := bytes.NewReader(b)
	head, err = ws.ReadHeaderBuffer(r, w.head[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ws.Header{}, 0, nil
	}
	if err != nil {
		return head, 0, err
	}
	state := ws.StateServerSide
	if w.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	return head, len(b) - r.Len(), ws.CheckHeader(head, state)
}

// join puts a frame's payload behind those before it and returns the message when it is
// complete, which may be of no bytes.
func (w *webSocket) join(c *conn, payload []byte, last bool) []byte {
	w.fragmented = !last
	if last && w.joined == 0 {
		c.start += w.next
		w.next = 0
		return payload
	}
	w.joined += copy(c.buf[c.start+w.joined:], payload)
	if !last {
		return nil
	}
	msg := c.buf[c.start : c.start+w.joined]
	c.start += w.next
	w.joined, w.next = 0, 0
	return msg
}

// awaitFrame makes room for the frame that ends at offset end, in place of those that are
// done.
func (c *conn) awaitFrame(end int) {
	w := c.ws
	if gap := w.next - w.joined; gap > 0 {
		at := c.start + w.joined
		c.end = at + copy(c.buf[at:], c.buf[c.start+w.next:c.end])
		w.next, end = w.joined, end-gap
	}
	if c.start == c.end && !w.fragmented {
		c.release()
		return
	}
	if c.begun.IsZero() {
		c.begun = c.active
	}
	c.makeRoom(end)
}

// control handles a control frame (RFC 6455 §5.5).
func (c *conn) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		c.seal.Lock()
		err := c.room(len(payload))
		if err == nil {
			err = c.writeFrame(ws.OpPong, payload)
		}
		c.seal.Unlock()
		if err != nil {
			return err // the peer does not read
		}
		c.flush()
	case ws.OpClose:
		code, err := goodbye(payload)
		c.ws.code.Store(uint32(code))
		return err
	}
	return nil
}

// errBadClose: a close frame of the peer says what none may.
var errBadClose = errors.New("WebSocket closed by a close frame against the protocol")

// goodbye is with which code we answer the peer's close frame (RFC 6455 §5.5.1, §7.4), and how
// that ends the connection.
func goodbye(payload []byte) (ws.StatusCode, error) {
	if len(payload) == 0 {
		return ws.StatusNormalClosure, errHungUp
	}
	if len(payload) == 1 {
		return ws.StatusProtocolError, errBadClose
	}
	switch code, reason := ws.ParseCloseFrameDataUnsafe(payload); {
	case !mayStand(code):
		return ws.StatusProtocolError, errBadClose
	case !utf8.ValidString(reason):
		return ws.StatusInvalidFramePayloadData, errBadClose
	}
	return ws.StatusNormalClosure, errHungUp
}

// mayStand reports whether a code may stand in a close frame: one that is defined, by the RFC or
// in IANA's list (1012 to 1014), or free for libraries and applications.
func mayStand(code ws.StatusCode) bool {
	switch {
	case code.IsProtocolReserved(), code == ws.StatusNoMeaningYet:
		return false
	case code >= 1000 && code <= 1014:
		return true
	}
	return code.IsApplicationSpec() || code.IsPrivateSpec()
}

// nextFrame is message for a WebSocket. What is no more than line ends is a keep-alive, a
// double one a ping of RFC 5626 §3.5.1.
func (c *conn) nextFrame() ([]byte, error) {
	for c.start < c.end {
		msg, err := c.wsMessage()
		if msg == nil || err != nil {
			return nil, err
		}
		c.begun, c.proven = time.Time{}, true
		if text := trimCRLF(msg); len(text) > 0 {
			return text, nil
		}
		if string(msg) == "\r\n\r\n" {
			if err := c.enqueue([]byte("\r\n")); err != nil {
				return nil, err
			}
			c.flush()
		}
	}
	c.release()
	return nil, nil
}

// idlePing asks a WebSocket peer that has been silent whether it is there. False if it has
// been asked, or has never sent a message.
func (c *conn) idlePing() bool {
	if c.ws == nil || c.ws.pinged || !c.proven {
		return false
	}
	c.ws.pinged = true
	c.seal.Lock()
	err := c.writeFrame(ws.OpPing, nil)
	c.seal.Unlock()
	c.flush()
	return err == nil
}

// writeMessage queues a SIP message: as text where it is that, because a browser ends the
// connection over text that is no UTF-8 (RFC 7118 §5). seal is held.
func (c *conn) writeMessage(msg []byte) error {
	if utf8.Valid(msg) {
		return c.writeFrame(ws.OpText, msg)
	}
	return c.writeFrame(ws.OpBinary, msg)
}

// sink is a slice to write to.
type sink []byte

func (s *sink) Write(b []byte) (int, error) {
	*s = append(*s, b...)
	return len(b), nil
}

// writeFrame queues one frame. seal is held.
func (c *conn) writeFrame(op ws.OpCode, payload []byte) error {
	need := ws.MaxHeaderSize + len(payload)
	var frame sink
	if need <= c.l.bufs.largeSize {
		frame = sink(c.l.bufs.take(need)[:0])
	} else {
		frame = make(sink, 0, need)
	}
	defer func() { c.l.bufs.give(frame) }()
	if err := ws.WriteHeader(&frame, ws.Header{Fin: true, OpCode: op, Length: int64(len(payload))}); err != nil {
		return err
	}
	_, _ = frame.Write(payload)
	return c.writeSealed(frame)
}

// writeClose queues our close frame, once. seal is held.
func (c *conn) writeClose() {
	if c.ws.closed {
		return
	}
	c.ws.closed = true
	_ = c.writeFrame(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(c.ws.code.Load()), ""))
}
