package recorder

import (
	"fmt"
	"net/http"
	"strings"
)

// checkRequestLine returns what is wrong with a request's method, target and host: empty if nothing is. HTTP/2 carries them in fields
// of their own, where a space means nothing. In the line that HTTP/1 sends, a space ends the target, and lenient servers end it at
// other white space, too: whoever sets the target would write the rest of the line, past everything that judged the request.
// RFC 9112, section 3.2, answers that with 400, and not with a repair that may turn out to be another request. RFC 9113, section 8.2.1,
// says the same for fields that are not valid.
func checkRequestLine(r *http.Request) string {
	switch {
	case strings.ContainsFunc(r.Method, func(c rune) bool { return !isTokenRune(c) }):
		return "the method has a character that is not allowed in a method"
	case strings.ContainsFunc(r.RequestURI, isSpaceOrControl):
		return "the path has a space or a control character: percent-encode it"
	case strings.ContainsFunc(r.Host, isSpaceOrControl):
		return "the host has a space or a control character"
	}
	return ""
}

func isSpaceOrControl(c rune) bool { return c <= ' ' || c == 0x7f }

// isTokenRune says whether a character may occur in a method (RFC 9110, section 5.6.2).
func isTokenRune(c rune) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
}

// escapeNonASCII percent-encodes the bytes that a URL has no place for (RFC 3987, section 3.1). Servers decode them to the same bytes.
// Sent as they are, some servers would read them as white space: U+00A0 and U+0085 are that in Latin-1.
func escapeNonASCII(target string) string {
	i := 0
	for i < len(target) && target[i] < 0x80 {
		i++
	}
	if i == len(target) {
		return target
	}
	var out strings.Builder
	out.Grow(len(target) + 16)
	for i := range len(target) {
		if target[i] < 0x80 {
			out.WriteByte(target[i])
		} else {
			_, _ = fmt.Fprintf(&out, "%%%02X", target[i])
		}
	}
	return out.String()
}

// rejectRequestLine answers a request whose line cannot be forwarded. It is counted as one that no route matches, as its path names
// no model.
func (r *Recorder) rejectRequestLine(w http.ResponseWriter, request *http.Request, problem string) {
	p := protocolHTTP
	if isGRPC(request) {
		p = protocolGRPC
	}
	r.unmatched.add(p, "400")
	r.options.Logger.Debug("Rejected a request", "code", http.StatusBadRequest, "problem", problem)
	http.Error(w, "The request is invalid: "+problem+".", http.StatusBadRequest)
}
