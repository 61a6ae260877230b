package redact

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// credentialWords are words in names of parameters that carry credentials, and credentialNames whole names.
var (
	credentialWords = []string{
		"token", "secret", "password", "passwd", "pwd", "passphrase", "apikey", "accesskey", "authkey", "privatekey", "secretkey", "subscriptionkey",
		"sharedkey", "credential", "credentials", "signature", "jwt", "bearer", "authorization",
	}
	credentialNames = []string{"key", "auth", "sig", "pass", "code", "sessionid", "session", "sid", "accesskeyid", "awsaccesskeyid", "apikeyid"}
)

// CredentialNames are the parts of names, and the whole names, of parameters that carry credentials: in lower case, without dashes,
// underscores and dots.
func CredentialNames() (parts, whole []string) {
	return slices.Clone(credentialWords), slices.Clone(credentialNames)
}

// CredentialIn is the name of the first parameter of a query that is named as credentials are; empty if there is none.
func CredentialIn(query url.Values) string {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if NamesCredential(name) {
			return name
		}
	}
	return ""
}

// NamesCredential reports whether a parameter of a URL is named as credentials are: token, api_key, X-Amz-Signature and the like.
func NamesCredential(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
	return slices.Contains(credentialNames, plain) || slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(plain, w) })
}
