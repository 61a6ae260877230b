package grafana

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// The official release that is downloaded. To update: pick a release at https://grafana.com/grafana/download?edition=oss, copy
// the version and the build number from the URL of its "Standalone Linux Binaries", and copy the SHA-256 that the page shows
// beside them, which is also served at the URL with .sha256 appended. Use the URL with the build number: the archives at
// https://dl.grafana.com/oss/release/ have been replaced after their release.
const (
	releaseVersion = "13.1.3"
	releaseBuild   = "31135815010"
	releaseFolder  = "https://dl.grafana.com/grafana/release/" + releaseVersion
)

// releaseChecksums are the SHA-256 of the archives, by GOOS/GOARCH.
var releaseChecksums = map[string]string{
	"linux/amd64": "e0fd22aa63901ebc961ee64195da60eef8624a831683ca10b26c7b068082e92b",
	"linux/arm64": "83eef49ccc6529da5ef3ffd2bc76dadfa66cca9a9684278bf858346cf2271b5d",
}

const (
	// responseTimeout bounds the wait for a connection and for the response header: what a closed network costs.
	responseTimeout = 5 * time.Second
	// stallTimeout ends a download that delivers no bytes for so long.
	stallTimeout = 20 * time.Second
	// archiveLimit bounds the download, which is about 360 MB.
	archiveLimit = 1 << 30
	// releaseBytes is free disk space for the archive and the unpacked release.
	releaseBytes = 3 << 30
)

// release is an official archive of Grafana and how to fetch it.
type release struct {
	version, url string
	// checksum is the SHA-256 of the archive in lower-case hex.
	checksum string
	// responseTimeout and stallTimeout are the constants of the same names, shorter in tests.
	responseTimeout, stallTimeout time.Duration
}

// pinnedRelease returns the release for a platform, or an error where no checksum is pinned for it.
func pinnedRelease(platform string) (release, error) {
	checksum, pinned := releaseChecksums[platform]
	if !pinned {
		return release{}, fmt.Errorf("no checksum of the archive for %s is pinned", platform)
	}
	name := fmt.Sprintf("grafana_%s_%s_%s.tar.gz", releaseVersion, releaseBuild, strings.ReplaceAll(platform, "/", "_"))
	return release{
		version: releaseVersion, url: releaseFolder + "/" + name, checksum: checksum,
		responseTimeout: responseTimeout, stallTimeout: stallTimeout,
	}, nil
}

// hostPlatform is this host's, as in releaseChecksums.
func hostPlatform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// releaseHome is the home path of the unpacked release.
func releaseHome(cache, version string) string {
	return filepath.Join(cache, "grafana-release-"+version)
}

// install downloads, verifies and unpacks the release into the cache folder and returns its home path. An interrupted download
// continues at the next call. The home path appears only when it is complete.
func (r release) install(ctx context.Context, cache string, out *progress.Printer) (string, error) {
	home := releaseHome(cache, r.version)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := supervise.WaitLock(ctx, home+".lock", func() { out.Printf("Grafana: waiting for another download of release %s", r.version) })
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	if isComplete(home) {
		return home, nil
	}
	if err := checkSpace(cache, releaseBytes); err != nil {
		return "", err
	}
	archive := home + ".tar.gz.part"
	if r.verify(archive) != nil {
		if err := r.download(ctx, archive, out); err != nil {
			return "", err
		}
		if err := r.verify(archive); err != nil {
			// It would fail again, so the next attempt starts from the first byte.
			return "", errors.Join(err, os.Remove(archive))
		}
	}
	if err := removeAll(home + ".unpacking-*"); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(cache, filepath.Base(home)+".unpacking-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	out.Printf("Grafana: unpacking release %s", r.version)
	if err := unpack(archive, folder); err != nil {
		return "", fmt.Errorf("unpack %s: %w", r.url, err)
	}
	if _, err := atHome(ctx, folder, ""); err != nil {
		return "", fmt.Errorf("the release does not start on this host: %w", err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(folder, home); err != nil {
		return "", err
	}
	return home, os.Remove(archive)
}

// download fetches the archive into a file and continues where an earlier download ended.
func (r release) download(ctx context.Context, path string, out *progress.Printer) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := r.get(ctx, have)
	if err != nil {
		return r.explain(ctx, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK: // the server sends the archive from the first byte
		if err := file.Truncate(0); err != nil {
			return err
		}
		if have, err = file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable: // all bytes are there; the checksum decides
		return nil
	default:
		return fmt.Errorf("HTTP %d from %s", response.StatusCode, r.url)
	}
	out.Printf("Grafana: downloading release %s, %d MB, from %s", r.version, (have+response.ContentLength)>>20, r.url)
	stall := time.AfterFunc(r.stallTimeout, func() { cancel(fmt.Errorf("no data from %s for %s", r.url, r.stallTimeout)) })
	defer stall.Stop()
	body := &progressReader{source: response.Body, read: func() { stall.Reset(r.stallTimeout) }, report: func(bytes int64) {
		out.Printf("Grafana: downloaded %d MB", (have+bytes)>>20)
	}, reported: time.Now()}
	written, err := io.Copy(file, io.LimitReader(body, archiveLimit-have+1))
	switch {
	case err != nil:
		return r.explain(ctx, err)
	case have+written > archiveLimit:
		return fmt.Errorf("%s is larger than %d MB", r.url, archiveLimit>>20)
	}
	return file.Close()
}

// get requests the archive from an offset on.
func (r release) get(ctx context.Context, offset int64) (*http.Response, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: r.responseTimeout}).DialContext
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = r.responseTimeout, r.responseTimeout
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	return (&http.Client{Transport: transport}).Do(request)
}

// explain names the URL and, where the context ended, its cause.
func (r release) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if strings.Contains(err.Error(), r.url) {
		return err
	}
	return fmt.Errorf("GET %s: %w", r.url, err)
}

// verify compares the archive's SHA-256 with the pinned one.
func (r release) verify(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != r.checksum {
		return fmt.Errorf("SHA-256 of %s is %s instead of %s: the archive is discarded", r.url, got, r.checksum)
	}
	return nil
}

// reportInterval is the time between two reports of a download.
const reportInterval = 10 * time.Second

// progressReader calls read after each read and report every reportInterval with the number of bytes so far.
type progressReader struct {
	source   io.Reader
	read     func()
	report   func(bytes int64)
	reported time.Time
	bytes    int64
}

func (p *progressReader) Read(buffer []byte) (int, error) {
	n, err := p.source.Read(buffer)
	p.bytes += int64(n)
	p.read()
	if now := time.Now(); now.Sub(p.reported) >= reportInterval {
		p.reported = now
		p.report(p.bytes)
	}
	return n, err
}
