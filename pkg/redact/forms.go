package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// anywhereBytes is the length from which a secret is replaced within other words, too. Shorter ones would take ordinary words apart.
	anywhereBytes = 8
	// wordBytes is the length from which a secret is replaced as a word of its own. Shorter ones are replaced behind an authorization
	// scheme only: a password of one digit would take every number away.
	wordBytes = 4
)

// Schemes are words in front of a secret in a header. Behind them a secret of any length is replaced.
var schemes = []string{"Bearer", "Basic", "Token", "Api-Key", "ApiKey", "Key"}

// forms are the texts as which a secret may come back: those that are replaced anywhere, and those that are replaced as words.
func forms(secret string) (anywhere, words []string) {
	for _, form := range escaped(secret) {
		switch {
		case len(form) >= anywhereBytes:
			anywhere = append(anywhere, form)
		case len(form) >= wordBytes:
			words = append(words, form)
		default:
			for _, scheme := range schemes {
				words = append(words, scheme+" "+form)
			}
		}
	}
	if len(secret) < wordBytes {
		return anywhere, words
	}
	return slices.Concat(anywhere, inBase64(secret), inHex(secret)), words
}

// escaped is a text as it is and as it is written in JSON, URLs, HTML and Go, once and within one another.
func escaped(text string) []string {
	out := []string{text}
	for range 2 {
		for _, t := range slices.Clone(out) {
			for _, form := range []string{
				url.QueryEscape(t), url.PathEscape(t), lowerHex(url.QueryEscape(t)), lowerHex(url.PathEscape(t)),
				inJSON(t), withoutQuotes(strconv.Quote(t)), withoutQuotes(strconv.QuoteToASCII(t)), asciiJSON(t),
				html.EscapeString(t), strings.ReplaceAll(html.EscapeString(t), "&#34;", "&quot;"), strings.ReplaceAll(html.EscapeString(t), "&#39;", "&#x27;"),
				strings.ReplaceAll(t, "/", `\/`), strings.ReplaceAll(t, "'", "''"),
			} {
				if !slices.Contains(out, form) {
					out = append(out, form)
				}
			}
		}
	}
	return out
}

// lowerHex writes the hexadecimal digits of percent escapes in lower case.
func lowerHex(escaped string) string {
	out := []byte(escaped)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:i+3], strings.ToLower(string(out[i+1:i+3])))
		}
	}
	return string(out)
}

func withoutQuotes(quoted string) string { return quoted[1 : len(quoted)-1] }

func inJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return withoutQuotes(string(quoted))
}

// asciiJSON is JSON with escapes for everything outside ASCII and without those of HTML, as Python writes it.
func asciiJSON(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < utf8.RuneSelf:
			out.WriteRune(r)
		default:
			for _, unit := range utf16Units(r) {
				out.WriteString(`\u` + strings.Repeat("0", 4-len(unit)) + unit)
			}
		}
	}
	return out.String()
}

func utf16Units(r rune) []string {
	if r < 0x10000 {
		return []string{strconv.FormatInt(int64(r), 16)}
	}
	r -= 0x10000
	return []string{strconv.FormatInt(int64(0xd800+r>>10), 16), strconv.FormatInt(int64(0xdc00+r&0x3ff), 16)}
}

// inBase64 are the characters that a secret alone decides in the base64 of a text in which it stands: one for each of the three places
// that it may have in a group of three bytes. So the base64 of user and password, or of a whole header, is found, too.
func inBase64(secret string) []string {
	var out []string
	for offset := range 3 {
		padded := append(make([]byte, offset), secret...)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString(padded)
			first, last := (offset*8+5)/6, len(padded)*8/6
			if form := text[first:last]; len(form) > wordBytes && !slices.Contains(out, form) {
				out = append(out, form)
			}
		}
	}
	return out
}

func inHex(secret string) []string {
	lower := hex.EncodeToString([]byte(secret))
	return []string{lower, strings.ToUpper(lower)}
}
