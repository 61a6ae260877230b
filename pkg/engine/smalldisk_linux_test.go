package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

const (
	// smallDisk marks the process that has a mount namespace of its own, pagesTarget and pagesFolder the engine's.
	smallDisk      = "MODELSERVING_TEST_SMALL_DISK"
	pagesTarget    = "MODELSERVING_TEST_PAGES_TARGET"
	pagesFolder    = "MODELSERVING_TEST_PAGES_FOLDER"
	smallDiskBytes = 64 << 20
	// pagesBlocks is how much time a block of the engine's storage has; empty for the usual two hours.
	pagesBlocks = "MODELSERVING_TEST_PAGES_BLOCKS"
	// killsNumber is how often an engine is killed; empty for defaultKills.
	killsNumber  = "MODELSERVING_TEST_KILLS"
	defaultKills = 5
	// pageSeries is how many series a page has of its own.
	pageSeries = 50
)

// pageSamples is how many samples a page has that others have, too. Usually its record in the log takes several pages of 32 KiB.
var pageSamples = 6000

// pageValue is the value of a series on a page. It does not compress.
func pageValue(page int64, series string) float64 {
	h := fnv.New64a()
	fmt.Fprint(h, page, " ", series)
	return math.Float64frombits(h.Sum64()&(1<<52-1) | 0x3ff0000000000000)
}

// pageServer serves pages that are numbered.
func pageServer(t *testing.T) (server *httptest.Server, served *atomic.Int64) {
	t.Helper()
	served = &atomic.Int64{}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		page := served.Add(1)
		out := bufio.NewWriter(w)
		defer out.Flush()
		fmt.Fprintf(out, "page %d\n", page)
		for i := range pageSamples {
			fmt.Fprintf(out, "v{i=\"%d\"} %v\n", i, pageValue(page, strconv.Itoa(i)))
		}
		for i := range pageSeries {
			name := fmt.Sprintf("%d-%d", page, i)
			fmt.Fprintf(out, "v{i=\"%s\"} %v\n", name, pageValue(page, name))
		}
	}))
	t.Cleanup(server.Close)
	return server, served
}

// storedPage is what is stored of a page, by the time of its scrape.
type storedPage struct {
	Page int64
	// Right counts samples with the page's value, Wrong others.
	Right, Wrong int
}

// runPages scrapes pages and answers each line of its input with the stored pages, until it ends; the engine is closed then.
func runPages(address, folder string) {
	s := embedded()
	if address != "none" {
		s = embedded(settings.Target{ID: "t", URL: address})
	}
	s.ScrapeLimits.Samples, s.ScrapeLimits.BodyBytes = 100_000, 10<<20
	var stored storage.Options
	if length := os.Getenv(pagesBlocks); length != "" {
		var err error
		if stored.BlockDuration, err = time.ParseDuration(length); err != nil {
			panic(err)
		}
		stored.MaintenanceInterval = stored.BlockDuration / 4
	}
	// All that is stored is read at once.
	limits := admission.Limits{Memory: 16 << 30, OrganizationMemory: 8 << 30, RequestMemory: 8 << 30}
	registry := engine.NewRegistry(engine.Options{DataPath: folder, Logger: log.NewNullLogger(), Storage: stored, Admission: admission.New(limits)})
	handle, err := registry.Acquire(context.Background(), mainKey, s, time.Time{})
	if err != nil {
		panic(err)
	}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := out.Encode(reportPages(handle)); err != nil {
			panic(err)
		}
	}
	if err := registry.Close(); err != nil {
		panic(err)
	}
}

// pagesReport is what an engine says.
type pagesReport struct {
	Stored map[int64]*storedPage
	// Problem is why nothing is stored, Target what is said of the target, and Missing of the last hour.
	Problem, Target string
	Missing         []string
	// Refused is the increase of the series of refused samples.
	Refused float64
	// Failure is why the stored pages cannot be read.
	Failure string
}

func reportPages(h *engine.Handle) (r pagesReport) {
	var err error
	if r.Stored, err = storedPages(h); err != nil {
		r.Failure = err.Error()
	}
	if problem := h.Storage().Problem; problem != nil {
		r.Problem = string(problem.Reason)
	}
	if targets, err := h.Targets(context.Background()); err == nil && len(targets) > 0 {
		r.Target = targets[0].NotStored
	}
	r.Missing = h.NotStored(time.Now().Add(-time.Hour), time.Now())
	refused, err := h.InstantPromQL(context.Background(), "sum(increase("+storage.RefusedMetric+"[5m]))", time.Now())
	if err == nil && len(refused.Series) > 0 {
		r.Refused = refused.Series[0].Values[0]
	}
	return r
}

func storedPages(h *engine.Handle) (map[int64]*storedPage, error) {
	stored := map[int64]*storedPage{}
	pages, err := h.InstantPromQL(context.Background(), "page[1h]", time.Now())
	if err != nil {
		return nil, err
	}
	for _, one := range pages.Series {
		for i, at := range one.Times {
			if !math.IsNaN(one.Values[i]) {
				stored[at] = &storedPage{Page: int64(one.Values[i])}
			}
		}
	}
	samples, err := h.InstantPromQL(context.Background(), "v[1h]", time.Now())
	if err != nil {
		return nil, err
	}
	for _, one := range samples.Series {
		for i, at := range one.Times {
			page := stored[at]
			switch {
			case math.IsNaN(one.Values[i]):
			case page != nil && one.Values[i] == pageValue(page.Page, one.Labels["i"]):
				page.Right++
			case page != nil:
				page.Wrong++
			}
		}
	}
	return stored, nil
}

// pagesEngine is an engine in a process of its own.
type pagesEngine struct {
	t       *testing.T
	command *exec.Cmd
	answers *json.Decoder
	input   interface {
		Write([]byte) (int, error)
		Close() error
	}
}

func startPages(t *testing.T, address, folder string) *pagesEngine {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), pagesTarget+"="+address, pagesFolder+"="+folder)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	return &pagesEngine{t: t, command: command, answers: json.NewDecoder(output), input: input}
}

func (e *pagesEngine) report() (r pagesReport) {
	e.t.Helper()
	_, err := e.input.Write([]byte("\n"))
	require.NoError(e.t, err, "the engine's process has ended")
	require.NoError(e.t, e.answers.Decode(&r), "the engine's process has ended")
	return r
}

func (e *pagesEngine) stored() map[int64]*storedPage {
	e.t.Helper()
	r := e.report()
	require.Empty(e.t, r.Failure)
	return r.Stored
}

// requireSaid waits until it is said everywhere that nothing is stored because the disk is full.
func (e *pagesEngine) requireSaid() {
	e.t.Helper()
	require.EventuallyWithT(e.t, func(c *assert.CollectT) {
		r := e.report()
		require.Equal(c, "disk_full", r.Problem)
		require.Positive(c, r.Refused)
		require.Contains(c, strings.Join(r.Missing, " "), "the file system is full")
	}, patience, interval)
}

// newest is the highest number of a stored page.
func newest(stored map[int64]*storedPage) (page int64) {
	for _, one := range stored {
		page = max(page, one.Page)
	}
	return page
}

func (e *pagesEngine) close() {
	e.t.Helper()
	require.NoError(e.t, e.input.Close())
	require.NoError(e.t, e.command.Wait())
}

func (e *pagesEngine) kill() {
	e.t.Helper()
	require.NoError(e.t, e.command.Process.Kill())
	require.Error(e.t, e.command.Wait())
}

// requireKept checks that each page that was stored is, whole and once.
func requireKept(t *testing.T, before, after map[int64]*storedPage) {
	t.Helper()
	lost := 0
	for at, page := range before {
		if found := after[at]; found == nil || *found != *page {
			lost++
		}
	}
	require.Zero(t, lost, "of %d stored pages, so many are gone or changed", len(before))
	seen := map[int64]int64{}
	for at, page := range after {
		require.Zero(t, page.Wrong, "page %d has values of another", page.Page)
		require.Equal(t, pageSamples+pageSeries, page.Right, "page %d is stored in part", page.Page)
		require.NotContains(t, seen, page.Page, "the page is stored twice")
		seen[page.Page] = at
	}
}

// fill leaves no room on a file system.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			require.ErrorIs(t, err, unix.ENOSPC)
			size /= 2
		}
	}
}

// inNamespace runs a test in a process with mounts of its own.
func inNamespace(t *testing.T) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=9m")
	command.Env = append(os.Environ(), smallDisk+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "--- PASS: "+t.Name(), "the test did not run")
}

func TestFullDiskLosesNothingStored(t *testing.T) {
	if os.Getenv(smallDisk) == "" {
		inNamespace(t)
		return
	}
	for _, end := range []string{"close", "kill", "kill while full"} {
		t.Run(end, func(t *testing.T) {
			folder := t.TempDir()
			require.NoError(t, unix.Mount("tmpfs", folder, "tmpfs", 0, "size="+strconv.Itoa(smallDiskBytes)), "mount a small file system")
			t.Cleanup(func() { require.NoError(t, unix.Unmount(folder, unix.MNT_DETACH)) })
			server, served := pageServer(t)
			e := startPages(t, server.URL, folder)
			require.Eventually(t, func() bool { return newest(e.stored()) >= 5 }, patience, interval)

			filler := filepath.Join(folder, "filler")
			fill(t, filler)
			full := served.Load()
			require.Eventually(t, func() bool { return newest(e.stored()) < served.Load()-10 }, patience, interval, "pages are stored on a full disk")
			before := e.stored()
			require.NotEmpty(t, before, "stored pages are read while the disk is full")
			require.GreaterOrEqual(t, newest(before), full-10)
			e.requireSaid()
			require.Contains(t, e.report().Target, "Make room on the file system")
			if end == "kill while full" {
				e.kill()
				e = startPages(t, server.URL, folder)
				e.requireSaid()
			}
			require.NoError(t, os.Remove(filler))
			room := served.Load()
			require.Eventually(t, func() bool { return newest(e.report().Stored) >= room+10 }, patience, interval, "pages are not stored again")
			after := e.stored()
			requireKept(t, before, after)
			require.Empty(t, e.report().Problem)
			if strings.HasPrefix(end, "kill") {
				e.kill()
			} else {
				e.close()
			}
			e = startPages(t, "none", folder)
			requireKept(t, after, e.stored())
			e.close()
		})
	}
}

// TestKillsLoseNothingStored kills engines at random moments while pages are stored and blocks are written and merged.
func TestKillsLoseNothingStored(t *testing.T) {
	usual := pageSamples
	pageSamples = 300
	t.Cleanup(func() { pageSamples = usual })
	t.Setenv(pagesBlocks, "2s")
	kills := defaultKills
	if text := os.Getenv(killsNumber); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	folder := t.TempDir()
	server, _ := pageServer(t)
	random := rand.New(rand.NewPCG(13, uint64(kills)))
	known := map[int64]*storedPage{}
	for i := range kills {
		e := startPages(t, server.URL, folder)
		time.Sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
		now := e.report()
		require.Empty(t, now.Failure, "after %d kills", i)
		requireKept(t, known, now.Stored)
		known = now.Stored
		time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
		e.kill()
	}
	e := startPages(t, "none", folder)
	r := e.report()
	require.Empty(t, r.Failure)
	require.Empty(t, r.Missing)
	requireKept(t, known, r.Stored)
	e.close()
	blocks, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "meta.json"))
	require.NoError(t, err)
	require.NotEmpty(t, blocks, "no block was written")
	t.Logf("%d kills, %d pages stored, %d blocks", kills, len(r.Stored), len(blocks))
}
