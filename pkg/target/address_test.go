package target_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// expiredCertificate is a server's certificate that is its own authority and ended an hour ago.
func expiredCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}))
}

func TestParseURLRefuses(t *testing.T) {
	for _, address := range []string{"", "host:8002/metrics", "file:///etc/passwd", "http://", "http://:80/metrics", "http://a\nb"} {
		_, err := target.ParseURL(address)
		require.Error(t, err, address)
		_, err = target.New(settings.Target{URL: address}, settings.Embedded{ScrapeTimeout: time.Second})
		var reason *target.Error
		require.ErrorAs(t, err, &reason)
		require.Equal(t, target.InvalidSettings, reason.Problem)
	}
	_, err := target.New(settings.Target{URL: "https://a"}, settings.Embedded{CACertificate: "not PEM"})
	require.ErrorContains(t, err, "CA certificate")
}

func TestRedactAndInstance(t *testing.T) {
	for address, want := range map[string]struct{ shown, instance string }{
		"http://u:p@h:8002/metrics?token=t&x=y#f": {"http://h:8002/metrics?token=…&x=…", "h:8002"},
		"https://h/metrics":                       {"https://h/metrics", "h:443"},
		"http://[::1]/":                           {"http://[::1]/", "[::1]:80"},
		"http://h/?justsecret":                    {"http://h/?…=…", "h:80"},
	} {
		u, err := target.ParseURL(address)
		require.NoError(t, err)
		require.Equal(t, want.shown, redact.URL(u))
		require.Equal(t, want.instance, target.Instance(u))
	}
	require.Equal(t, `Get "http://h/m?token=…": EOF`, redact.URLsIn(`Get "http://u:p@h/m?token=t": EOF`))
}
