package recorder

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
)

// Close codes that RFC 6455 reserves for an end without one on the wire.
const (
	closedWithoutCode = 1005
	closedAbnormally  = 1006
)

// closeWatcher reads the header of each WebSocket frame that passes by in one direction, and a close frame's code.
type closeWatcher struct {
	header  [14]byte
	have    int
	payload uint64 // bytes of the payload still to come
	closing bool
	code    [2]byte
	gotCode int
	// ended says that a close frame was seen; code then has gotCode bytes.
	ended bool
}

const (
	opcodeClose = 0x8
	maskLength  = 4
)

// feed takes the next bytes, and answers the code of the first close frame when its end of interest has passed.
func (w *closeWatcher) feed(p []byte) (code int, closed bool) {
	for len(p) > 0 && !w.ended {
		if w.payload > 0 {
			p = p[w.takePayload(p):]
			continue
		}
		w.header[w.have] = p[0]
		w.have++
		p = p[1:]
		if w.have >= 2 && w.have == w.headerLength() {
			w.beginPayload()
		}
	}
	if !w.ended {
		return 0, false
	}
	if w.gotCode < len(w.code) {
		return closedWithoutCode, true
	}
	return int(binary.BigEndian.Uint16(w.code[:])), true
}

func (w *closeWatcher) headerLength() int {
	length := 2
	switch w.header[1] & 0x7f {
	case 126:
		length += 2
	case 127:
		length += 8
	}
	if w.masked() {
		length += maskLength
	}
	return length
}

func (w *closeWatcher) masked() bool { return w.header[1]&0x80 != 0 }

func (w *closeWatcher) beginPayload() {
	switch short := w.header[1] & 0x7f; short {
	case 126:
		w.payload = uint64(binary.BigEndian.Uint16(w.header[2:4]))
	case 127:
		w.payload = binary.BigEndian.Uint64(w.header[2:10])
	default:
		w.payload = uint64(short)
	}
	w.closing = w.header[0]&0x0f == opcodeClose
	w.ended = w.closing && w.payload == 0
	if w.payload == 0 {
		w.have = 0
	}
}

// takePayload answers how many bytes belonged to the payload.
func (w *closeWatcher) takePayload(p []byte) int {
	n := int(min(w.payload, uint64(len(p)))) //nolint:gosec // not more than len(p)
	if w.closing {
		for _, b := range p[:n] {
			if w.gotCode == len(w.code) {
				break
			}
			if w.masked() {
				b ^= w.header[w.headerLength()-maskLength+w.gotCode]
			}
			w.code[w.gotCode] = b
			w.gotCode++
		}
	}
	w.payload -= uint64(n) //nolint:gosec // n is not negative
	if w.payload == 0 {
		w.have = 0
		w.ended = w.closing
	} else if w.closing && w.gotCode == len(w.code) {
		w.ended = true
	}
	return n
}

// upgraded is an upgraded connection to the server, as httputil.ReverseProxy copies from and to it.
type upgraded struct {
	io.ReadWriteCloser
	fromServer, fromClient atomic.Int64

	mu                         sync.Mutex
	serverFrames, clientFrames *closeWatcher // nil when the protocol is not WebSocket
	code                       int           // of the first close frame, from whichever side
}

func newUpgraded(conn io.ReadWriteCloser, isWebSocket bool) *upgraded {
	u := &upgraded{ReadWriteCloser: conn}
	if isWebSocket {
		u.serverFrames, u.clientFrames = &closeWatcher{}, &closeWatcher{}
	}
	return u
}

func (u *upgraded) Read(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(p)
	u.fromServer.Add(int64(n))
	u.watch(u.serverFrames, p[:n])
	if errors.Is(err, io.EOF) && u.serverFrames != nil {
		// WebSocket knows no half-closed connections: without its server a session is over. With io.EOF httputil.ReverseProxy
		// would wait for the client, which need never close.
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (u *upgraded) Write(p []byte) (int, error) {
	u.watch(u.clientFrames, p)
	n, err := u.ReadWriteCloser.Write(p)
	u.fromClient.Add(int64(n))
	return n, err
}

// CloseWrite passes the end of what the client sends on, where the connection can.
func (u *upgraded) CloseWrite() error {
	if half, ok := u.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return u.Close()
}

func (u *upgraded) watch(frames *closeWatcher, p []byte) {
	if frames == nil || len(p) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if code, closed := frames.feed(p); closed && u.code == 0 {
		u.code = code
	}
}

// closeCode is what ended the session: the code of the first close frame, or 1006 when there was none.
func (u *upgraded) closeCode() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.code == 0 {
		return strconv.Itoa(closedAbnormally)
	}
	return strconv.Itoa(u.code)
}
