package redact

import (
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
