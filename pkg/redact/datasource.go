package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// publicSettings are secure settings that are no secrets: certificates, which a server shows to everybody.
var publicSettings = []string{"caCertificate", "tlsCACert", "tlsClientCert"}

// publicHeaders are headers whose values are no secrets, although Grafana stores the values of all headers encrypted. Names of tenants are
// in labels as well, which would be unreadable without them.
var publicHeaders = []string{
	"X-Scope-OrgID", "THANOS-TENANT", "AccountID", "ProjectID", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Content-Type",
}

const (
	headerName  = "httpHeaderName"
	headerValue = "httpHeaderValue"
)

// OfDataSource is the redactor of all secrets of a data source: its secure settings with the parts of them that are secrets of their own,
// basic authentication as it is sent, and user information and credentials in URLs, which older settings may have.
func OfDataSource(s backend.DataSourceInstanceSettings) *Redactor {
	var stored map[string]any
	// Settings that cannot be read are refused elsewhere; the secure ones are redacted all the same.
	_ = json.Unmarshal(s.JSONData, &stored)
	var secrets []string
	for name, value := range s.DecryptedSecureJSONData {
		if slices.Contains(publicSettings, name) || isPublicHeader(name, stored) {
			continue
		}
		secrets = append(secrets, partsOf(value)...)
	}
	user := s.BasicAuthUser
	if named, ok := stored["basicAuthUser"].(string); ok && user == "" {
		user = named
	}
	for _, pair := range [][2]string{{user, s.DecryptedSecureJSONData["basicAuthPassword"]}, {s.User, s.DecryptedSecureJSONData["password"]}} {
		if pair[1] != "" {
			secrets = append(secrets, Basic(pair[0], pair[1]))
		}
	}
	secrets = append(secrets, inAddress(s.URL)...)
	return New(append(secrets, inAddresses(stored)...)...)
}

func isPublicHeader(setting string, stored map[string]any) bool {
	number, isHeader := strings.CutPrefix(setting, headerValue)
	if !isHeader {
		return false
	}
	name, _ := stored[headerName+number].(string)
	return slices.ContainsFunc(publicHeaders, func(public string) bool { return strings.EqualFold(public, name) })
}

// Basic is what basic authentication sends for a user and a password, without its scheme.
func Basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// partsOf are a secret, and those in it: the token behind a scheme, the values of cookies, the lines of a private key, and the texts of a
// service account's key.
func partsOf(secret string) []string {
	secret = strings.TrimSpace(secret)
	out := []string{secret}
	var account struct {
		Key   string `json:"private_key"`
		KeyID string `json:"private_key_id"`
	}
	if strings.HasPrefix(secret, "{") && json.Unmarshal([]byte(secret), &account) == nil {
		return append(append(out, account.KeyID), partsOf(account.Key)...)
	}
	if strings.Contains(secret, "PRIVATE KEY") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= anywhereBytes && !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
		return out
	}
	if _, credentials, found := strings.Cut(secret, " "); found {
		credentials = strings.TrimSpace(credentials)
		out = append(out, credentials)
		if decoded, err := base64.StdEncoding.DecodeString(credentials); err == nil {
			if _, password, isPair := strings.Cut(string(decoded), ":"); isPair {
				out = append(out, password)
			}
		}
	}
	for cookie := range strings.SplitSeq(secret, ";") {
		if name, value, found := strings.Cut(strings.TrimSpace(cookie), "="); found && len(value) >= anywhereBytes && !strings.Contains(name, " ") {
			out = append(out, value)
		}
	}
	return out
}

// OfHeaders are the secrets in headers of a user that are passed on to a server: identity and cookies.
func OfHeaders(headers http.Header) []string {
	var out []string
	for _, name := range []string{"Authorization", "X-Id-Token", "Cookie"} {
		for _, value := range headers.Values(name) {
			out = append(out, partsOf(value)...)
		}
	}
	return out
}

// inAddresses are the secrets of all URLs in settings.
func inAddresses(settings any) []string {
	var out []string
	switch v := settings.(type) {
	case string:
		out = inAddress(v)
	case []any:
		for _, one := range v {
			out = append(out, inAddresses(one)...)
		}
	case map[string]any:
		for _, one := range v {
			out = append(out, inAddresses(one)...)
		}
	}
	return out
}

// inAddress are the secrets of a text if it is a URL.
func inAddress(text string) []string {
	if !strings.Contains(text, "://") || strings.Contains(text, "\n") {
		return nil
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil
	}
	return OfURL(u)
}

// OfURL are the secrets in a URL: its password, with the user as basic authentication sends them, and the values of parameters that are
// named as credentials are.
func OfURL(u *url.URL) []string {
	var out []string
	if password, set := u.User.Password(); set && password != "" {
		out = append(out, password, Basic(u.User.Username(), password))
	}
	for name, values := range u.Query() {
		if NamesCredential(name) {
			out = append(out, values...)
		}
	}
	return out
}
