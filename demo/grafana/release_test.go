package grafana

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// testRelease is an archive at a URL, with short timeouts.
func testRelease(url string, archive []byte) release {
	sum := sha256.Sum256(archive)
	return release{
		version: "13.0.0", url: url, checksum: hex.EncodeToString(sum[:]),
		responseTimeout: 200 * time.Millisecond, stallTimeout: 200 * time.Millisecond,
	}
}

// program is the fake of bin/grafana.
var program = tar.Header{Name: "grafana-13.0.0/bin/grafana", Mode: 0o755, Typeflag: tar.TypeReg}

// archiveOf is a .tar.gz of a small Grafana with more entries.
func archiveOf(t *testing.T, more ...tar.Header) []byte {
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(compressed)
	for _, header := range append([]tar.Header{
		{Name: "grafana-13.0.0/", Typeflag: tar.TypeDir, Mode: 0o755},
		program,
		{Name: "grafana-13.0.0/conf/defaults.ini", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "grafana-13.0.0/public/robots.txt", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "grafana-13.0.0/bin/grafana-server", Typeflag: tar.TypeSymlink, Linkname: "grafana"},
	}, more...) {
		content := ""
		if header.Name == program.Name {
			content = "#!/bin/sh\necho grafana version 13.0.0\n"
		}
		header.Size = int64(len(content))
		require.NoError(t, writer.WriteHeader(&header))
		_, err := io.WriteString(writer, content)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(writer.Close(), compressed.Close()))
	return buffer.Bytes()
}

// serve serves an archive, with support for ranges, and notes the ranges that were requested.
func serve(t *testing.T, archive []byte) (url string, ranges *[]string) {
	ranges = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*ranges = append(*ranges, r.Header.Get("Range"))
		http.ServeContent(w, r, "grafana.tar.gz", time.Time{}, bytes.NewReader(archive))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/grafana.tar.gz", ranges
}

// files are the names in a folder, locks and logs apart.
func files(t *testing.T, folder string) (names []string) {
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".lock") {
			names = append(names, entry.Name())
		}
	}
	return names
}

func TestAReleaseIsInstalledOnce(t *testing.T) {
	archive := archiveOf(t)
	url, ranges := serve(t, archive)
	cache, out := t.TempDir(), progress.NewPrinter(t.Output())
	for range 2 {
		home, err := testRelease(url, archive).install(t.Context(), cache, out)
		require.NoError(t, err)
		require.Equal(t, releaseHome(cache, "13.0.0"), home)
		found, err := atHome(t.Context(), home, "archive")
		require.NoError(t, err)
		require.Equal(t, "archive, version 13.0.0", found.Origin)
	}
	require.Len(t, *ranges, 1)
	require.Equal(t, []string{"grafana-release-13.0.0"}, files(t, cache))
	target, err := os.Readlink(filepath.Join(releaseHome(cache, "13.0.0"), "bin", "grafana-server"))
	require.NoError(t, err)
	require.Equal(t, "grafana", target)
}

func TestAnInterruptedDownloadContinues(t *testing.T) {
	archive := archiveOf(t)
	url, ranges := serve(t, archive)
	cache := t.TempDir()
	require.NoError(t, os.WriteFile(releaseHome(cache, "13.0.0")+".tar.gz.part", archive[:100], 0o644))
	_, err := testRelease(url, archive).install(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, []string{"bytes=100-"}, *ranges)
}

func TestAServerWithoutRangesSendsTheArchiveAgain(t *testing.T) {
	archive := archiveOf(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	defer server.Close()
	cache := t.TempDir()
	require.NoError(t, os.WriteFile(releaseHome(cache, "13.0.0")+".tar.gz.part", append(archive[:len(archive):len(archive)], "rest of a longer one"...), 0o644))
	_, err := testRelease(server.URL, archive).install(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.NoError(t, err)
}

func TestAWrongChecksumDiscardsTheArchive(t *testing.T) {
	url, _ := serve(t, archiveOf(t))
	cache := t.TempDir()
	_, err := testRelease(url, []byte("another archive")).install(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.ErrorContains(t, err, "SHA-256 of "+url)
	require.Empty(t, files(t, cache))
}

func TestAResponseThatIsCutOffIsKeptForTheNextAttempt(t *testing.T) {
	archive := archiveOf(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(archive[:100])
	}))
	defer server.Close()
	cache := t.TempDir()
	_, err := testRelease(server.URL, archive).install(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, server.URL)
	kept, err := os.ReadFile(releaseHome(cache, "13.0.0") + ".tar.gz.part")
	require.NoError(t, err)
	require.Equal(t, archive[:100], kept)
}

func TestAServerThatHangsCostsTheTimeoutOnly(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"before the header": func(http.ResponseWriter) {},
		"in the body": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "some")
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			released := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				begin(w)
				<-released
			}))
			defer server.Close()
			defer close(released)
			// The test itself would take a minute without the timeouts.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := testRelease(server.URL, nil).install(ctx, t.TempDir(), progress.NewPrinter(t.Output()))
			require.Error(t, err)
			require.NoError(t, ctx.Err())
			require.ErrorContains(t, err, server.URL)
		})
	}
}

func TestATruncatedArchiveLeavesNoHome(t *testing.T) {
	whole := archiveOf(t)
	archive := whole[:len(whole)-30]
	url, _ := serve(t, archive)
	cache := t.TempDir()
	_, err := testRelease(url, archive).install(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, []string{"grafana-release-13.0.0.tar.gz.part"}, files(t, cache))
}

func TestAnArchiveCannotWriteOutsideItsFolder(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"parent folder":  {{Name: "grafana-13.0.0/../../escaped", Typeflag: tar.TypeReg}},
		"absolute path":  {{Name: "/tmp/escaped", Typeflag: tar.TypeReg}},
		"link out":       {{Name: "grafana-13.0.0/link", Typeflag: tar.TypeSymlink, Linkname: "../../escaped"}},
		"absolute link":  {{Name: "grafana-13.0.0/link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
		"hard link":      {{Name: "grafana-13.0.0/link", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"device":         {{Name: "grafana-13.0.0/device", Typeflag: tar.TypeChar}},
		"duplicate file": {{Name: "grafana-13.0.0/bin/grafana-server", Typeflag: tar.TypeReg}},
	} {
		t.Run(name, func(t *testing.T) {
			archive := archiveOf(t, entries...)
			url, _ := serve(t, archive)
			cache := filepath.Join(t.TempDir(), "cache")
			_, err := testRelease(url, archive).install(t.Context(), cache, progress.NewPrinter(t.Output()))
			require.ErrorContains(t, err, "entry ")
			require.Equal(t, []string{"grafana-release-13.0.0.tar.gz.part"}, files(t, cache))
			require.Equal(t, []string{"cache"}, files(t, filepath.Dir(cache)))
		})
	}
}

func TestAReleaseThatDoesNotStartIsNotKept(t *testing.T) {
	var broken bytes.Buffer
	compressed := gzip.NewWriter(&broken)
	writer := tar.NewWriter(compressed)
	require.NoError(t, writer.WriteHeader(&tar.Header{Name: "grafana/bin/grafana", Typeflag: tar.TypeReg, Mode: 0o755}))
	require.NoError(t, errors.Join(writer.Close(), compressed.Close()))
	archive := broken.Bytes()
	url, _ := serve(t, archive)
	cache := t.TempDir()
	_, err := testRelease(url, archive).install(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.ErrorContains(t, err, "does not start on this host")
	require.NoDirExists(t, releaseHome(cache, "13.0.0"))
}

func TestAPlatformWithoutAChecksumHasNoRelease(t *testing.T) {
	_, err := pinnedRelease("plan9/mips")
	require.ErrorContains(t, err, "plan9/mips")
	for platform := range releaseChecksums {
		r, err := pinnedRelease(platform)
		require.NoError(t, err)
		require.Contains(t, r.url, "/grafana_"+releaseVersion+"_"+releaseBuild+"_linux_")
		require.Len(t, r.checksum, 2*sha256.Size)
	}
}
