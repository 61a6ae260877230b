package recorder

import (
	"bytes"
	"encoding/json"
	"strings"
)

// jsonFinder finds a string field of a JSON object while the object passes by. It keeps no more than the field's own
// text, because a prompt before it can be megabytes and thousands of requests are under way at once.
type jsonFinder struct {
	field string
	// mark is what may still come of a byte order mark, with which some clients begin.
	mark string
	// left is how many more bytes are looked at.
	left    int
	state   jsonState
	depth   int
	escaped bool
	text    []byte
	wanted  bool
	model   string
	found   bool
}

type jsonState int

const (
	beforeObject jsonState = iota
	beforeKey
	inKey
	beforeColon
	beforeValue
	inWantedValue
	inString
	inValue
	jsonDone
)

// maxFieldText bounds the raw text of a key or of the wanted value, escapes included, in bytes.
const maxFieldText = 4096

func newJSONFinder(field string, limit int) *jsonFinder {
	return &jsonFinder{field: field, mark: "\ufeff", left: limit}
}

// feed looks at the next bytes and says whether the search has ended, found or not.
func (f *jsonFinder) feed(p []byte) bool {
	if len(p) > f.left {
		p = p[:f.left]
	}
	f.left -= len(p)
	for len(p) > 0 && f.mark != "" {
		if p[0] != f.mark[0] {
			f.mark = ""
			break
		}
		f.mark, p = f.mark[1:], p[1:]
	}
	for len(p) > 0 && f.state != jsonDone {
		if f.state == inString {
			p = p[f.skipString(p):]
			continue
		}
		f.step(p[0])
		p = p[1:]
	}
	return f.state == jsonDone || f.left == 0
}

func (f *jsonFinder) result() (model, version string, found bool) { return f.model, "", f.found }

func (f *jsonFinder) step(b byte) {
	switch f.state {
	case inKey, inWantedValue:
		f.stepText(b)
	case inValue:
		f.skipValue(b)
	default:
		if b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			f.stepBetween(b)
		}
	}
}

// stepBetween takes a character that is no white space, outside of strings and skipped values.
func (f *jsonFinder) stepBetween(b byte) {
	switch {
	case f.state == beforeObject && b == '{':
		f.state = beforeKey
	case f.state == beforeKey && b == '"':
		f.state, f.text = inKey, f.text[:0]
	case f.state == beforeColon && b == ':':
		f.state = beforeValue
	case f.state == beforeValue && f.wanted:
		f.state, f.text = jsonDone, f.text[:0]
		if b == '"' {
			f.state = inWantedValue
		}
	case f.state == beforeValue:
		f.state, f.depth = inValue, 0
		f.skipValue(b)
	default:
		f.state = jsonDone
	}
}

// stepText gathers a key or the wanted value.
func (f *jsonFinder) stepText(b byte) {
	if b == '"' && !f.escaped {
		f.endText()
		return
	}
	f.escaped = b == '\\' && !f.escaped
	if len(f.text) < maxFieldText {
		f.text = append(f.text, b)
	}
}

func (f *jsonFinder) endText() {
	if f.state == inKey {
		key, ok := unquote(f.text)
		f.wanted = ok && key == f.field
		f.state = beforeColon
		return
	}
	f.model, f.found = unquote(f.text)
	f.state = jsonDone
}

// unquote decodes a JSON string's inside. Of one that was cut short in the middle of an escape it leaves the escape out.
func unquote(text []byte) (string, bool) {
	whole := string(text)
	if !strings.Contains(whole, `\`) && len(text) < maxFieldText {
		// Bytes that are no UTF-8 stay as they are, to be counted when the label is made.
		return whole, isPlain(whole)
	}
	const longestEscape = len(`\ud83d\ude00`)
	for cut := 0; cut <= longestEscape && cut <= len(whole); cut++ {
		var s string
		if json.Unmarshal([]byte(`"`+whole[:len(whole)-cut]+`"`), &s) == nil {
			return s, true
		}
		if len(text) < maxFieldText {
			break
		}
	}
	return "", false
}

// isPlain is false where a control character makes the string no JSON.
func isPlain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) < 0
}

// searchWindow bounds one search for the end of a string: with escapes in it, there are many searches.
const searchWindow = 256

// skipString answers how many of the bytes were looked at.
func (f *jsonFinder) skipString(p []byte) int {
	if f.escaped {
		f.escaped = false
		return 1
	}
	p = p[:min(len(p), searchWindow)]
	end := bytes.IndexByte(p, '"')
	if end >= 0 {
		p = p[:end]
	}
	if escape := bytes.IndexByte(p, '\\'); escape >= 0 {
		f.escaped = true
		return escape + 1
	}
	if end >= 0 {
		f.state = inValue
		return end + 1
	}
	return len(p)
}

func (f *jsonFinder) skipValue(b byte) {
	switch b {
	case '"':
		f.state = inString
	case '{', '[':
		f.depth++
	case '}', ']':
		f.depth--
		if f.depth < 0 {
			f.state = jsonDone
		}
	case ',':
		if f.depth == 0 {
			f.state = beforeKey
		}
	}
}
