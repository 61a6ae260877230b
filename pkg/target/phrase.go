package target

// phrases say of several targets what they have in common, after a number of them.
var phrases = map[Problem]string{
	InvalidSettings:     "have invalid settings",
	Refused:             "refused the connection",
	UnknownHost:         "have a name that cannot be resolved",
	Timeout:             "did not answer in full",
	UnknownAuthority:    "have a certificate of an authority that is not trusted here",
	CertificateExpired:  "have a certificate that has expired or is not valid yet",
	CertificateMismatch: "have a certificate for another name",
	PlainHTTPServer:     "do not speak TLS",
	TLSServer:           "speak TLS only",
	TLSFailed:           "failed in the TLS handshake",
	HTTP2Server:         "speak HTTP/2 without TLS",
	StreamReset:         "aborted the response",
	Unauthorized:        "require another API key (HTTP 401)",
	Forbidden:           "forbid reading (HTTP 403)",
	NotFound:            "do not have the page (HTTP 404)",
	UnexpectedStatus:    "answered with an error status",
	Redirected:          "redirect elsewhere",
	NotMetrics:          "answer, but not with a metrics page",
	Garbled:             "have a page that cannot be read",
	HalfWritten:         "ended before the page was complete",
	Empty:               "have an empty page",
	TooLarge:            "have a page larger than the limit",
	TooManySamples:      "have more samples than the limit",
	LabelLimit:          "have labels over a limit",
	Cancelled:           "were not read to the end",
	Unreachable:         "could not be reached",
}

// Phrase says of several targets what they have in common, after a number of them: "3 targets refused the connection".
func (p Problem) Phrase() string { return phrases[p] }
