package settings

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
)

const secret = "s3cr3t-never-shown"

// secrets holds the marker everywhere, so that any error that quotes one is found out.
var secrets = map[string]string{"apiKey.one": secret, "apiKey.two": secret, "caCertificate": secret, "apiKey.other": secret}

func decode(t *testing.T, text string) Settings {
	t.Helper()
	s, err := Decode([]byte(text), secrets)
	require.NoError(t, err)
	return s
}

// one is the settings of one target with some fields set.
func one(fields string) string {
	return fmt.Sprintf(`{"targets": [{"id": "one", "url": "http://host:8002/metrics"%s}]}`, fields)
}

func TestNothingConfigured(t *testing.T) {
	t.Parallel()
	objectives, err := objective.NewSet(objective.Default(), nil)
	require.NoError(t, err)
	for _, text := range []string{"", "null", "{}", `{"mode": ""}`, `{"mode": "embedded", "targets": null, "scrapeLimits": {}, "unknown": 1}`} {
		s, err := Decode([]byte(text), nil)
		require.NoError(t, err, text)
		require.Equal(t, Settings{Mode: ModeEmbedded, Embedded: Embedded{
			Interval: 15 * time.Second, ScrapeTimeout: 10 * time.Second, RetentionTime: 15 * 24 * time.Hour,
			ScrapeLimits: ScrapeLimits{BodyBytes: 80 << 20, Samples: 250_000, Labels: 64, LabelNameLength: 256, LabelValueLength: 4096},
			SeriesLimit:  300_000,
		}, Objectives: objectives}, s, text)
	}
}

func TestEverythingConfigured(t *testing.T) {
	t.Parallel()
	s := decode(t, `{
		"mode": "embedded", "interval": "5s", "scrapeTimeout": "2s500ms", "retentionTime": "90d", "retentionSize": "10GB", "fileDiscovery": true, "seriesLimit": 14,
		"scrapeLimits": {"bodySize": "1MB", "samples": 10, "labels": 11, "labelNameLength": 12, "labelValueLength": 13},
		"targets": [
			{"id": "one", "url": " https://host/export?format=prometheus ", "profile": "triton", "environment": " production ",
			 "deployment": "vision\t", "interval": "1m", "managementUrl": "http://host:8000/", "authScheme": " Api-Key ", "insecureSkipVerify": true},
			{"id": "three", "url": "http://[::1]:8002"}
		]}`)
	require.Equal(t, Embedded{
		Interval: 5 * time.Second, ScrapeTimeout: 2500 * time.Millisecond, RetentionTime: 90 * 24 * time.Hour, RetentionBytes: 10 << 30,
		FileDiscovery: true, CACertificate: secret,
		ScrapeLimits: ScrapeLimits{BodyBytes: 1 << 20, Samples: 10, Labels: 11, LabelNameLength: 12, LabelValueLength: 13}, SeriesLimit: 14,
		Targets: []Target{
			{
				ID: "one", URL: "https://host/export?format=prometheus", Profile: "triton", Environment: "production", Deployment: "vision",
				Interval: time.Minute, ManagementURL: "http://host:8000", AuthScheme: "Api-Key", APIKey: secret, InsecureSkipVerify: true,
			},
			{ID: "three", URL: "http://[::1]:8002/metrics", AuthScheme: "Bearer"},
		},
	}, s.Embedded)
}

func TestDefaultsThatDependOnOthers(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2*time.Second, decode(t, `{"interval": "2s"}`).Embedded.ScrapeTimeout, "no timeout is longer than the interval")
	require.Equal(t, 10*time.Second, decode(t, `{"interval": "1m"}`).Embedded.ScrapeTimeout)
	for url, want := range map[string]string{
		"http://h": "http://h/metrics", "http://h/": "http://h/metrics", "http://h/x/": "http://h/x/", "HTTP://h:1/metrics": "http://h:1/metrics",
		"http://h?a=b": "http://h/metrics?a=b",
	} {
		require.Equal(t, want, decode(t, fmt.Sprintf(`{"targets": [{"id": "a", "url": %q}]}`, url)).Embedded.Targets[0].URL)
	}
}

func TestPastedKeysAreTrimmed(t *testing.T) {
	t.Parallel()
	s, err := Decode([]byte(one("")), map[string]string{"apiKey.one": "\n key \r\n"})
	require.NoError(t, err)
	require.Equal(t, "key", s.Embedded.Targets[0].APIKey)
}

var refused = map[string]struct{ settings, sentence string }{
	"not JSON":               {`{"mode"`, "the data source's settings cannot be read: unexpected end of JSON input"},
	"another type":           {`{"targets": "http://host"}`, "the data source's settings cannot be read: "},
	"another mode":           {`{"mode": "graphite"}`, `unknown mode "graphite" of the data source; choose "embedded" or "prometheus"`},
	"interval":               {`{"interval": "often"}`, `the interval "often" is not a duration; enter one such as 15s, 5m or 15d`},
	"negative interval":      {`{"interval": "-15s"}`, `the interval "-15s" is not a duration; enter one such as 15s, 5m or 15d`},
	"no interval":            {`{"interval": "0"}`, `the interval "0" must be between 1s and 1h`},
	"short interval":         {`{"interval": "999ms"}`, `the interval "999ms" must be between 1s and 1h`},
	"long interval":          {`{"interval": "2h"}`, `the interval "2h" must be between 1s and 1h`},
	"endless interval":       {`{"interval": "99999999y"}`, `the interval "99999999y" is not a duration`},
	"short timeout":          {`{"scrapeTimeout": "1ms"}`, `the scrape timeout "1ms" must be between 100ms and 5m`},
	"long timeout":           {`{"scrapeTimeout": "1d"}`, `the scrape timeout "1d" must be between 100ms and 5m`},
	"short retention":        {`{"retentionTime": "1m"}`, `the retention time "1m" must be between 1h and 100y`},
	"long retention":         {`{"retentionTime": "101y"}`, `the retention time "101y" must be between 1h and 100y`},
	"retention size":         {`{"retentionSize": "plenty"}`, `the retention size "plenty" is not a size; enter one such as 512MB or 10GB`},
	"small retention size":   {`{"retentionSize": "1KB"}`, `the retention size "1KB" must be at least 1MiB`},
	"negative size":          {`{"retentionSize": "-10GB"}`, `the retention size "-10GB" must be at least 1MiB`},
	"overflowing size":       {`{"retentionSize": "99999999999EB"}`, `the retention size "99999999999EB" is not a size`},
	"small body size":        {`{"scrapeLimits": {"bodySize": "1B"}}`, `the body size limit "1B" must be at least 1KiB`},
	"large body size":        {`{"scrapeLimits": {"bodySize": "2GB"}}`, `the body size limit "2GB" must be at most 1GiB`},
	"negative samples":       {`{"scrapeLimits": {"samples": -1}}`, "the sample limit is -1; it must be between 1 and 10000000, or 0 for the default of 250000"},
	"many series":            {`{"seriesLimit": 20000001}`, "the series limit is 20000001; it must be between 1 and 20000000"},
	"many samples":           {`{"scrapeLimits": {"samples": 10000001}}`, "the sample limit is 10000001; it must be between 1 and 10000000"},
	"negative labels":        {`{"scrapeLimits": {"labels": -1}}`, "the label limit is -1; it must be between 1 and 1000, or 0 for the default of 64"},
	"negative name length":   {`{"scrapeLimits": {"labelNameLength": -1}}`, "the label name length limit is -1"},
	"negative value length":  {`{"scrapeLimits": {"labelValueLength": -1}}`, "the label value length limit is -1"},
	"no id":                  {`{"targets": [{"url": "http://h"}]}`, `target 1: its id "" must be 1 to 64 letters, digits, dashes or underscores`},
	"a path as id":           {`{"targets": [{"id": "../a", "url": "http://h"}]}`, `target 1: its id "../a" must be 1 to 64 letters`},
	"one id twice":           {`{"targets": [{"id": "a", "url": "http://h"}, {"id": "a", "url": "http://i"}]}`, `target 2: its id "a" is already used by another target`},
	"one target twice":       {`{"targets": [{"id": "a", "url": "http://h"}, {"id": "b", "url": "http://h/metrics"}]}`, "target 2: it has the same URL, environment and deployment as target 1"},
	"no URL":                 {`{"targets": [{"id": "one", "url": " "}]}`, "target 1: its URL is missing"},
	"no scheme":              {`{"targets": [{"id": "one", "url": "host:8002/metrics"}]}`, "target 1: its URL is not valid; enter it as http://host:port/metrics or https://…"},
	"another scheme":         {`{"targets": [{"id": "one", "url": "file:///etc/passwd"}]}`, "target 1: its URL is not valid"},
	"no host":                {`{"targets": [{"id": "one", "url": "http://:8002/metrics"}]}`, "target 1: its URL is not valid"},
	"a line break":           {`{"targets": [{"id": "one", "url": "http://host\n/metrics"}]}`, "target 1: its URL is not valid"},
	"a password":             {`{"targets": [{"id": "one", "url": "http://me:` + secret + `@host/metrics"}]}`, "target 1: its URL contains a user name or password; remove it and enter the API key instead"},
	"a bad escape":           {`{"targets": [{"id": "one", "url": "http://host/%zz?key=` + secret + `"}]}`, "target 1: its URL is not valid"},
	"a fragment":             {one(`, "managementUrl": "http://host#x"`), "target 1: its management URL has a fragment (#…), which has no effect"},
	"management URL":         {one(`, "managementUrl": "host"`), "target 1: its management URL is not valid"},
	"target's interval":      {one(`, "interval": "1ms"`), `target 1: the interval "1ms" must be between 1s and 1h`},
	"a key as scheme":        {one(`, "authScheme": "0123456789abcdef0123456789abcdef"`), "target 1: its authorization scheme must be one word"},
	"a token in the URL":     {`{"targets": [{"id": "one", "url": "http://host/metrics?format=x&Access-Token=` + secret + `"}]}`, `target 1: its URL contains the parameter "Access-Token", which every user of Grafana can read there; remove it and enter the API key instead`},
	"a signed URL":           {`{"targets": [{"id": "one", "url": "http://host/metrics?X-Amz-Signature=` + secret + `"}]}`, `target 1: its URL contains the parameter "X-Amz-Signature"`},
	"a key for management":   {`{"targets": [{"id": "one", "url": "http://host/metrics", "managementUrl": "http://host/?key=` + secret + `"}]}`, `target 1: its management URL contains the parameter "key"`},
	"a remote-write token":   {`{"remoteWrite": {"enabled": true, "url": "http://host/?token=` + secret + `"}}`, `the remote-write URL contains the parameter "token", which every user of Grafana can read there; remove it and use basic authentication or a custom HTTP header instead`},
	"a token as parameter":   {`{"mode": "prometheus", "prometheus": {"customQueryParameters": "dedup=true&api_key=` + secret + `"}}`, `the custom query parameters set "api_key", which every user of Grafana can read there; remove it and use basic authentication or a custom HTTP header instead`},
	"a scheme with a key":    {one(`, "authScheme": "Bearer ` + secret + `"`), "target 1: its authorization scheme must be one word, such as Bearer, Api-Key or Token"},
	"a scheme with a header": {one(`, "authScheme": "Bearer\r\nX-Evil:"`), "target 1: its authorization scheme must be one word"},
	"too many targets":       {`{"targets": [` + strings.TrimSuffix(strings.Repeat(`{},`, 1001), ",") + `]}`, "1001 targets are configured; the maximum is 1000"},
}

func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Decode([]byte(c.settings), secrets)
			require.ErrorContains(t, err, c.sentence)
			require.NotContains(t, err.Error(), secret)
			require.Empty(t, s, "no half-decoded settings")
		})
	}
}

func TestKeysThatNoHeaderCanHold(t *testing.T) {
	t.Parallel()
	_, err := Decode([]byte(one("")), map[string]string{"apiKey.one": "a\r\nX-Evil: " + secret})
	require.EqualError(t, err, "target 1: its API key contains a line break or another control character; paste it again")
}

// A target sees its own key and no other's.
func TestKeysBelongToTheirTargets(t *testing.T) {
	t.Parallel()
	s, err := Decode([]byte(`{"targets": [{"id": "a", "url": "http://h/1"}, {"id": "b", "url": "http://h/2"}, {"id": "ab", "url": "http://h/3"}]}`),
		map[string]string{"apiKey.a": "1", "apiKey.b": "2", "apiKey.": "3", "apiKey": "4"})
	require.NoError(t, err)
	var keys []string
	for _, target := range s.Embedded.Targets {
		keys = append(keys, target.APIKey)
	}
	require.Equal(t, []string{"1", "2", ""}, keys)
}

func FuzzDecode(f *testing.F) {
	f.Add(`{}`, "")
	f.Add(one(`, "interval": "5s"`), secret)
	f.Add(`{"objectives": {"default": {"p95": "1s"}, "overrides": [{"model": "llama-*", "errorRate": "none"}]}}`, "")
	for _, c := range refused {
		f.Add(c.settings, secret)
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		s, err := Decode([]byte(text), map[string]string{"apiKey.one": key, "caCertificate": key})
		if err != nil {
			require.Empty(t, s)
			return
		}
		e := s.Embedded
		require.True(t, e.Interval >= minInterval && e.Interval <= maxInterval, e.Interval)
		require.Positive(t, e.ScrapeTimeout)
		require.GreaterOrEqual(t, e.RetentionTime, time.Hour)
		require.GreaterOrEqual(t, e.RetentionBytes, int64(0))
		require.True(t, e.ScrapeLimits.BodyBytes > 0 && e.ScrapeLimits.BodyBytes <= highestScrapeLimits.BodyBytes, e.ScrapeLimits)
		require.True(t, e.ScrapeLimits.Samples > 0 && e.ScrapeLimits.Labels > 0 && e.ScrapeLimits.LabelNameLength > 0 && e.ScrapeLimits.LabelValueLength > 0, e.ScrapeLimits)
		seen := map[string]bool{}
		for _, target := range e.Targets {
			require.False(t, seen[target.ID])
			seen[target.ID] = true
			_, err := address(target.URL, "/metrics", insteadInTarget)
			require.NoError(t, err, "what was accepted is accepted again: %q", target.URL)
		}
		held := s.Objectives.For("production", "vision", "llama-7b")
		require.True(t, held.P95 >= 0 && held.ErrorRate >= 0 && held.ErrorRate < 1 && held.CacheHitRatio >= 0 && held.CacheHitRatio < 1 && held.Staleness >= 0, held)
		_, err = json.Marshal(s)
		require.NoError(t, err)
	})
}
