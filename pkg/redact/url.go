package redact

import (
	"net/url"
	"regexp"
	"strings"
)

// URL is a URL that may be shown: without user information and without the values of its query.
func URL(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.RawQuery == "" {
		return shown.String()
	}
	return shown.String() + "?" + hiddenValues(u.RawQuery)
}

func hiddenValues(query string) string {
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		name, _, hasValue := strings.Cut(parameter, "=")
		if !hasValue {
			// A lone word may be a secret itself.
			name = "…"
		}
		parameters[i] = name + "=…"
	}
	return strings.Join(parameters, "&")
}

var urlInText = regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>]+`)

// URLsIn redacts every URL inside a text that others wrote, such as a library's log line.
func URLsIn(text string) string {
	return urlInText.ReplaceAllStringFunc(text, func(found string) string {
		u, err := url.Parse(found)
		if err != nil {
			return "[a URL]"
		}
		return URL(u)
	})
}
