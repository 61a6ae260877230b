package remote

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// windowBytes is how much of an answer is held at once; a longer token makes the window grow up to maxTokenBytes.
	windowBytes   = 64 << 10
	maxTokenBytes = 1 << 20
	// maxDepth bounds nesting, also of what is skipped.
	maxDepth = 64
)

// syntaxError says where an answer is not the JSON that it should be.
type syntaxError struct {
	offset int64
	what   string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.offset, e.what) }

// lexer reads JSON tokens from a stream through a window that slides over it.
type lexer struct {
	source io.Reader
	window []byte
	// window[at:end] has been read from the source and not yet consumed; passed is what lay before the window.
	at, end int
	passed  int64
	ended   error
	scratch []byte
}

func newLexer(source io.Reader) *lexer {
	return &lexer{source: source, window: make([]byte, windowBytes)}
}

func (l *lexer) wrong(format string, args ...any) error {
	return &syntaxError{offset: l.passed + int64(l.at), what: fmt.Sprintf(format, args...)}
}

// more reads on, keeping what is not consumed. It reports whether there is more.
func (l *lexer) more() bool {
	if l.ended != nil {
		return false
	}
	if l.at > 0 {
		l.end = copy(l.window, l.window[l.at:l.end])
		l.passed += int64(l.at)
		l.at = 0
	}
	if l.end == len(l.window) {
		if len(l.window) >= maxTokenBytes {
			l.ended = l.wrong("a string or number is longer than %d bytes", maxTokenBytes)
			return false
		}
		l.window = slices.Grow(l.window, len(l.window))[:2*len(l.window)]
	}
	for range 100 { // a reader may answer nothing for a while, but not forever
		n, err := l.source.Read(l.window[l.end:])
		l.end += n
		if err != nil {
			l.ended = err
		}
		if n > 0 || err != nil {
			return n > 0
		}
	}
	l.ended = io.ErrNoProgress
	return false
}

// failed is why there is no more.
func (l *lexer) failed() error {
	if errors.Is(l.ended, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return l.ended
}

// peek is the next byte that is not white space.
func (l *lexer) peek() (byte, error) {
	for {
		for l.at < l.end {
			switch c := l.window[l.at]; c {
			case ' ', '\n', '\r', '\t':
				l.at++
			default:
				return c, nil
			}
		}
		if !l.more() {
			return 0, l.failed()
		}
	}
}

func (l *lexer) expect(want byte) error {
	c, err := l.peek()
	if err != nil {
		return err
	}
	if c != want {
		return l.wrong("%q stands where %q should", c, want)
	}
	l.at++
	return nil
}

// next consumes a comma or the closing byte, and reports whether it was the closing one.
func (l *lexer) next(closing byte) (closed bool, err error) {
	c, err := l.peek()
	if err != nil {
		return false, err
	}
	if c != closing && c != ',' {
		return false, l.wrong("%q stands where a comma or %q should", c, closing)
	}
	l.at++
	return c == closing, nil
}

// list calls element for each element of an array.
func (l *lexer) list(element func() error) error {
	if err := l.expect('['); err != nil {
		return err
	}
	if c, err := l.peek(); err != nil || c == ']' {
		l.at++
		return err
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if closed, err := l.next(']'); err != nil || closed {
			return err
		}
	}
}

// object calls member for each member of an object, with its value not yet read. The name is valid until something is read.
func (l *lexer) object(member func(name []byte) error) error {
	if err := l.expect('{'); err != nil {
		return err
	}
	if c, err := l.peek(); err != nil || c == '}' {
		l.at++
		return err
	}
	for {
		name, err := l.text()
		if err != nil {
			return err
		}
		// Reading the colon may move the window, and the name lies in it.
		l.scratch = append(l.scratch[:0], name...)
		if err := l.expect(':'); err != nil {
			return err
		}
		if err := member(l.scratch); err != nil {
			return err
		}
		if closed, err := l.next('}'); err != nil || closed {
			return err
		}
	}
}

// text reads a string. What it answers is valid until something else is read.
func (l *lexer) text() ([]byte, error) {
	if err := l.expect('"'); err != nil {
		return nil, err
	}
	escaped := false
	for i := 0; ; i++ {
		if l.at+i >= l.end && !l.more() {
			return nil, l.failed()
		}
		switch c := l.window[l.at+i]; {
		case c == '"':
			raw := l.window[l.at : l.at+i]
			l.at += i + 1
			if escaped {
				return l.unescape(raw)
			}
			return raw, nil
		case c == '\\':
			escaped = true
			i++ // whatever follows belongs to the string
			if l.at+i >= l.end && !l.more() {
				return nil, l.failed()
			}
		case c < ' ':
			return nil, l.wrong("a string holds the control character 0x%02x", c)
		}
	}
}

var simpleEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (l *lexer) unescape(raw []byte) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if plain, ok := simpleEscapes[raw[i]]; ok {
			out = append(out, plain)
			continue
		}
		unit, ok := codeUnit(raw[i:])
		if !ok {
			return nil, l.wrong("a string holds the unknown escape \\%c", raw[i])
		}
		i += 4
		if utf16.IsSurrogate(unit) {
			pair := rune(utf8.RuneError)
			if i+1 < len(raw) && raw[i+1] == '\\' {
				if low, ok := codeUnit(raw[i+2:]); ok {
					pair = utf16.DecodeRune(unit, low)
				}
			}
			if pair != utf8.RuneError {
				i += 6
			}
			unit = pair
		}
		out = utf8.AppendRune(out, unit)
	}
	return out, nil
}

// codeUnit reads uXXXX.
func codeUnit(b []byte) (rune, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[1:5]), 16, 16)
	return rune(n), err == nil
}

// number reads a number's characters, valid until something else is read.
func (l *lexer) number() ([]byte, error) {
	if _, err := l.peek(); err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		if l.at+i >= l.end && !l.more() {
			if !errors.Is(l.ended, io.EOF) {
				return nil, l.failed()
			}
			return nil, io.ErrUnexpectedEOF // every number of an answer has something behind it
		}
		switch c := l.window[l.at+i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
		case i == 0:
			return nil, l.wrong("%q stands where a number should", c)
		default:
			out := l.window[l.at : l.at+i]
			l.at += i
			return out, nil
		}
	}
}

// skip reads a value and forgets it.
func (l *lexer) skip() error { return l.skipNested(0) }

func (l *lexer) skipNested(depth int) error {
	if depth > maxDepth {
		return l.wrong("values are nested more than %d deep", maxDepth)
	}
	c, err := l.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		return l.object(func([]byte) error { return l.skipNested(depth + 1) })
	case '[':
		return l.list(func() error { return l.skipNested(depth + 1) })
	case '"':
		_, err := l.text()
		return err
	case 't':
		return l.word("true")
	case 'f':
		return l.word("false")
	case 'n':
		return l.word("null")
	}
	_, err = l.number()
	return err
}

func (l *lexer) word(want string) error {
	for i := range len(want) {
		if l.at+i >= l.end && !l.more() {
			return l.failed()
		}
		if l.window[l.at+i] != want[i] {
			return l.wrong("%q is not JSON", l.window[l.at+i])
		}
	}
	l.at += len(want)
	return nil
}

// close checks that nothing follows.
func (l *lexer) close() error {
	c, err := l.peek()
	switch {
	case err != nil && errors.Is(l.ended, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return l.wrong("%q follows the response", c)
}
