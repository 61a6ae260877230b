package settings_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// complete has every field set, so that none is forgotten in what is recorded.
func complete() settings.Embedded {
	return settings.Embedded{
		Targets: []settings.Target{{
			ID: "one", URL: "http://host:8002/metrics?format=prometheus", Profile: "triton", Environment: "production", Deployment: "vision",
			Interval: 90 * time.Second, ManagementURL: "http://host:8000/api", AuthScheme: "Token", APIKey: "", InsecureSkipVerify: true,
		}},
		FileDiscovery: true, Interval: 7 * time.Second, ScrapeTimeout: 1500 * time.Millisecond, RetentionTime: 36 * time.Hour, RetentionBytes: 1<<30 + 1,
		ScrapeLimits: settings.ScrapeLimits{BodyBytes: 1<<20 + 1, Samples: 2, Labels: 3, LabelNameLength: 4, LabelValueLength: 5}, SeriesLimit: 6,
	}
}

// secretFields are not recorded.
var secretFields = map[string]bool{"APIKey": true, "CACertificate": true, "RemoteWrite": true}

func requireComplete(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !secretFields[name] {
			require.False(t, v.Field(i).IsZero(), "set %s.%s in complete(), so that the test shows that it is recorded", v.Type(), name)
		}
	}
}

func TestEverySettingWithoutSecretsComesBack(t *testing.T) {
	t.Parallel()
	want := complete()
	requireComplete(t, reflect.ValueOf(want))
	requireComplete(t, reflect.ValueOf(want.Targets[0]))
	requireComplete(t, reflect.ValueOf(want.ScrapeLimits))
	text, missing, err := want.WithoutSecrets()
	require.NoError(t, err)
	require.Zero(t, missing)
	got, err := settings.Decode(text, nil)
	require.NoError(t, err)
	require.Equal(t, settings.ModeEmbedded, got.Mode)
	require.Equal(t, want, got.Embedded)

	defaults, err := settings.Decode(nil, nil)
	require.NoError(t, err)
	text, _, err = defaults.Embedded.WithoutSecrets()
	require.NoError(t, err)
	got, err = settings.Decode(text, nil)
	require.NoError(t, err)
	require.Equal(t, defaults.Embedded, got.Embedded)
}

func TestTargetsThatNeedASecretAreMissing(t *testing.T) {
	t.Parallel()
	const secret = "f00d-secret"
	for name, change := range map[string]func(*settings.Target){
		"API key":                          func(t *settings.Target) { t.APIKey = secret },
		"user information":                 func(t *settings.Target) { t.URL = "http://user:" + secret + "@host/metrics" },
		"user name":                        func(t *settings.Target) { t.URL = "http://" + secret + "@host/metrics" },
		"query":                            func(t *settings.Target) { t.URL = "http://host/metrics?k=" + secret },
		"lone word":                        func(t *settings.Target) { t.URL = "http://host/metrics?" + secret },
		"secret beside a harmless word":    func(t *settings.Target) { t.URL = "http://host/metrics?format=text&sig=" + secret },
		"query that cannot be read":        func(t *settings.Target) { t.URL = "http://host/metrics?format=%zz" + secret },
		"semicolon":                        func(t *settings.Target) { t.URL = "http://host/metrics?format=a;token=" + secret },
		"fragment":                         func(t *settings.Target) { t.URL = "http://host/metrics#" + secret },
		"no URL":                           func(t *settings.Target) { t.URL = "http://[" + secret },
		"opaque":                           func(t *settings.Target) { t.URL = "http:" + secret },
		"user information of management":   func(t *settings.Target) { t.ManagementURL = "http://user:" + secret + "@host" },
		"query of the management endpoint": func(t *settings.Target) { t.ManagementURL = "http://host/?token=" + secret },
	} {
		e := complete()
		other := e.Targets[0]
		other.ID = "other"
		change(&e.Targets[0])
		e.Targets = append(e.Targets, other)
		text, missing, err := e.WithoutSecrets()
		require.NoError(t, err, name)
		require.Equal(t, settings.SecretNeeds{Targets: []string{"one"}}, missing, name)
		require.NotContains(t, string(text), secret, name)
		require.Contains(t, string(text), `"other"`, name)
	}
}

func TestWhatNeedsTheCertificateIsMissing(t *testing.T) {
	t.Parallel()
	e := settings.Embedded{CACertificate: "certificate-f00d-secret", FileDiscovery: true}
	for i, url := range []string{"https://host/metrics", "http://host/metrics", "https://host/metrics", "http://host/metrics"} {
		e.Targets = append(e.Targets, settings.Target{ID: fmt.Sprint("t", i), URL: url, InsecureSkipVerify: i == 2})
	}
	e.Targets[3].ManagementURL = "https://host"
	text, missing, err := e.WithoutSecrets()
	require.NoError(t, err)
	require.Equal(t, settings.SecretNeeds{Targets: []string{"t0", "t3"}, FileDiscovery: true}, missing)
	require.NotContains(t, string(text), "f00d-secret")
	require.Contains(t, string(text), `"fileDiscovery":false`)
}

func TestRemoteWriteIsNotRecorded(t *testing.T) {
	t.Parallel()
	e := complete()
	e.RemoteWrite = settings.RemoteWrite{Enabled: true, URL: "http://host/f00d-secret"}
	text, _, err := e.WithoutSecrets()
	require.NoError(t, err)
	require.NotContains(t, string(text), "f00d-secret")
}
