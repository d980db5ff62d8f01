package peer

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// webSocket is the client's end of SIP over WebSocket (RFC 6455, RFC 7118): one message
// a frame, pings answered.
type webSocket struct {
	net.Conn
	in *bufio.Reader
	mu sync.Mutex
}

const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8a
)

// openWebSocket asks for the upgrade on a connection.
func openWebSocket(c net.Conn, host string) (*webSocket, error) {
	w := &webSocket{Conn: c, in: bufio.NewReader(c)}
	_, err := fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n", host)
	if err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Protocol") != "sip" {
		return nil, fmt.Errorf("the router answered %s %v", resp.Status, resp.Header)
	}
	return w, nil
}

// Write sends one message.
func (w *webSocket) Write(b []byte) (int, error) { return len(b), w.frame(opText, b) }

// frame writes a frame, masked as a client's is.
func (w *webSocket) frame(first byte, payload []byte) error {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := make([]byte, 4)
	if _, err := rand.Read(mask); err != nil {
		return err
	}
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.Conn.Write(b)
	return err
}

// next reads the next message.
func (w *webSocket) next() ([]byte, error) {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(w.in, head); err != nil {
			return nil, err
		}
		n := int64(head[1])
		if n >= 126 {
			long := make([]byte, 2+6*(n-126))
			if n > 127 {
				return nil, errors.New("a frame of the router is masked")
			}
			if _, err := io.ReadFull(w.in, long); err != nil {
				return nil, err
			}
			n = int64(binary.BigEndian.Uint64(append(make([]byte, 8-len(long)), long...)))
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(w.in, payload); err != nil {
			return nil, err
		}
		switch head[0] {
		case opPing:
			if err := w.frame(opPong, payload); err != nil {
				return nil, err
			}
		case opPong:
		case opClose:
			return nil, io.EOF
		default:
			return payload, nil
		}
	}
}
