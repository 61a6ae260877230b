package storage_test

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

const (
	seriesCount = 60
	// Blocks end where the head begins, blockHours before its end.
	blocks, blockHours = 3, 2
)

// sampleValue is what a series has at a time, so that every sample that is read can be checked.
func sampleValue(series int, at int64) float64 { return float64(series)*1e6 + float64(at%1e9)/1e3 }

func open(t testing.TB, folder string) *storage.Store {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: folder, Retention: 365 * 24 * time.Hour, RetryInterval: 50 * time.Millisecond})
	require.NoError(t, err)
	return s
}

func write(t testing.TB, s *storage.Store, times ...int64) {
	t.Helper()
	for _, at := range times {
		batch := s.AppenderV2(t.Context())
		for i := range seriesCount {
			_, err := batch.Append(0, labels.FromStrings("__name__", "v", "i", fmt.Sprint(i), "job", "t"), 0, at, sampleValue(i, at), nil, nil, promstorage.AOptions{})
			require.NoError(t, err)
		}
		require.NoError(t, batch.Commit())
	}
}

// stored counts the series of each time, and requires their values to be right.
func stored(t testing.TB, s *storage.Store) map[int64]int {
	t.Helper()
	querier, err := s.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer func() { require.NoError(t, querier.Close()) }()
	found := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "v"))
	out := map[int64]int{}
	for found.Next() {
		var series int
		_, err := fmt.Sscan(found.At().Labels().Get("i"), &series)
		require.NoError(t, err)
		last := int64(math.MinInt64)
		for samples := found.At().Iterator(nil); samples.Next() != chunkenc.ValNone; {
			at, v := samples.At()
			require.Greater(t, at, last)
			require.Equal(t, sampleValue(series, at), v)
			out[at]++
			last = at
		}
	}
	require.NoError(t, found.Err())
	return out
}

// built is a storage that all tests damage copies of.
var built = func() func(t testing.TB) (string, []int64) {
	var (
		once  sync.Once
		times []int64
	)
	return func(t testing.TB) (string, []int64) {
		once.Do(func() { builtFolder, times = build(t) })
		return builtFolder, times
	}
}()

var builtFolder string

// build makes a storage with blocks, a checkpoint, several segments of the log and several files of chunks. It answers its folder and the times
// of its samples.
func build(t testing.TB) (folder string, times []int64) {
	t.Helper()
	folder, err := os.MkdirTemp("", "storage") //nolint:usetesting // The folder outlives the test.
	require.NoError(t, err)
	hour := time.Hour.Milliseconds()
	// The head begins at a block's bound.
	begin := time.Now().UnixMilli()/(blockHours*hour)*(blockHours*hour) - blockHours*hour
	for i := range blocks {
		from := begin - int64(blocks-i)*blockHours*hour
		writer, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), folder, blockHours*hour)
		require.NoError(t, err)
		for at := from; at < from+blockHours*hour; at += 60_000 {
			batch := writer.Appender(t.Context())
			for i := range seriesCount {
				_, err := batch.Append(0, labels.FromStrings("__name__", "v", "i", fmt.Sprint(i), "job", "t"), at, sampleValue(i, at))
				require.NoError(t, err)
			}
			require.NoError(t, batch.Commit())
			times = append(times, at)
		}
		_, err = writer.Flush(t.Context())
		require.NoError(t, err)
		require.NoError(t, writer.Close())
	}
	// Each opening begins a segment, and each closing a file of chunks.
	const openings = 6
	for i := range openings {
		s := open(t, folder)
		length := blockHours * hour / openings
		for at := begin + int64(i)*length; at < begin+int64(i+1)*length; at += 5_000 {
			write(t, s, at)
			times = append(times, at)
		}
		require.NoError(t, s.Close())
	}
	checkpoint(t, filepath.Join(folder, "wal"))
	s := open(t, folder)
	requireAll(t, stored(t, s), times)
	require.NoError(t, s.Close())
	return folder, times
}

// checkpoint replaces the first segments of a log by a checkpoint of all they have.
func checkpoint(t testing.TB, folder string) {
	t.Helper()
	log, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, folder, 16<<20, compression.Snappy)
	require.NoError(t, err)
	_, err = wlog.Checkpoint(slog.New(slog.DiscardHandler), log, 0, 1, func(chunks.HeadSeriesRef) bool { return true }, 0, false, true)
	require.NoError(t, err)
	require.NoError(t, log.Truncate(2))
	require.NoError(t, log.Close())
}

func requireAll(t testing.TB, found map[int64]int, times []int64) {
	t.Helper()
	for _, at := range times {
		require.Equal(t, seriesCount, found[at], "samples of %s", time.UnixMilli(at))
	}
}

// lost lists the times of which samples are missing.
func lost(found map[int64]int, times []int64) (out []int64) {
	for _, at := range times {
		if found[at] < seriesCount {
			out = append(out, at)
		}
	}
	return out
}

func clone(t testing.TB, folder string) string {
	t.Helper()
	out := t.TempDir()
	require.NoError(t, os.CopyFS(out, os.DirFS(folder)))
	return out
}

// glob is the nth of the files that match, from the end if negative.
func glob(t testing.TB, folder, pattern string, n int) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	require.NoError(t, err)
	found = slices.DeleteFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || (info.Mode().IsRegular() && info.Size() == 0)
	})
	if n < 0 {
		n += len(found)
	}
	require.Less(t, n, len(found), "%s has %v", pattern, found)
	return found[n]
}

func TestMain(m *testing.M) {
	code := m.Run()
	if builtFolder != "" {
		_ = os.RemoveAll(builtFolder)
	}
	os.Exit(code)
}

func flip(t testing.TB, path string, share float64) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[int(share*float64(len(content)-1))] ^= 0x55
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func shorten(t testing.TB, path string, share float64) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, int64(share*float64(info.Size()))))
}

const block = "[0-9A-Z]*/"

// damages are ways to damage a storage, one kind each, and how much of the samples they may cost: blocks, or a share of the head.
var damages = []struct {
	name   string
	do     func(t testing.TB, folder string)
	blocks int
	// head is how many minutes of the head may be lost.
	head int
	// kind is what is reported; empty if nothing is.
	kind storage.PartKind
}{
	{"index of a block flipped", func(t testing.TB, f string) { flip(t, glob(t, f, block+"index", 1), 0) }, 1, 0, storage.BlockPart},
	{"index of a block shortened", func(t testing.TB, f string) { shorten(t, glob(t, f, block+"index", 1), 0.5) }, 1, 0, storage.BlockPart},
	{"index of a block empty", func(t testing.TB, f string) { shorten(t, glob(t, f, block+"index", 1), 0) }, 1, 0, storage.BlockPart},
	{"index of a block missing", func(t testing.TB, f string) { require.NoError(t, os.Remove(glob(t, f, block+"index", 1))) }, 1, 0, storage.BlockPart},
	{"series of a block flipped", func(t testing.TB, f string) { flip(t, glob(t, f, block+"index", 1), 0.3) }, 1, 0, storage.BlockPart},
	{"chunks of a block begin wrong", func(t testing.TB, f string) { flip(t, glob(t, f, block+"chunks/000001", 0), 0) }, 1, 0, storage.BlockPart},
	{"chunk of a block flipped", func(t testing.TB, f string) { flip(t, glob(t, f, block+"chunks/000001", 0), 0.5) }, 1, 0, storage.BlockPart},
	{"chunks of a block shortened", func(t testing.TB, f string) { shorten(t, glob(t, f, block+"chunks/000001", 0), 0.5) }, 1, 0, storage.BlockPart},
	{"chunks of a block missing", func(t testing.TB, f string) { require.NoError(t, os.Remove(glob(t, f, block+"chunks/000001", 0))) }, 1, 0, storage.BlockPart},
	{"metadata of a block flipped", func(t testing.TB, f string) { flip(t, glob(t, f, block+"meta.json", 2), 0) }, 1, 0, storage.BlockPart},
	{"metadata of a block empty", func(t testing.TB, f string) { shorten(t, glob(t, f, block+"meta.json", 2), 0) }, 1, 0, storage.BlockPart},
	{"metadata of a block missing", func(t testing.TB, f string) { require.NoError(t, os.Remove(glob(t, f, block+"meta.json", 2))) }, 1, 0, storage.BlockPart},
	{"tombstones of a block wrong", func(t testing.TB, f string) {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(glob(t, f, block+"index", 1)), "tombstones"), []byte("none of them"), 0o600))
	}, 1, 0, storage.BlockPart},
	{"first file of chunks begins wrong", func(t testing.TB, f string) { flip(t, glob(t, f, "chunks_head/*", 0), 0) }, 0, 0, storage.ChunksPart},
	{"chunk flipped", func(t testing.TB, f string) { flip(t, glob(t, f, "chunks_head/*", 1), 0.05) }, 0, 0, storage.ChunksPart},
	{"length of a chunk flipped", func(t testing.TB, f string) { flip(t, glob(t, f, "chunks_head/*", 0), 0.001) }, 0, 0, storage.ChunksPart},
	{"file of chunks shortened", func(t testing.TB, f string) { shorten(t, glob(t, f, "chunks_head/*", 0), 0.05) }, 0, 0, storage.ChunksPart},
	{"file of chunks missing", func(t testing.TB, f string) { require.NoError(t, os.Remove(glob(t, f, "chunks_head/*", 1))) }, 0, 0, storage.ChunksPart},
	{"log flipped", func(t testing.TB, f string) { flip(t, glob(t, f, "wal/0*", 1), 0.5) }, 0, 2, storage.LogPart},
	{"log shortened inside", func(t testing.TB, f string) { shorten(t, glob(t, f, "wal/0*", 0), 0.5) }, 0, 11, ""},
	{"log missing inside", func(t testing.TB, f string) { require.NoError(t, os.Remove(glob(t, f, "wal/0*", 1))) }, 0, 21, storage.LogPart},
	{"log missing behind the checkpoint", func(t testing.TB, f string) { require.NoError(t, os.Remove(glob(t, f, "wal/0*", 0))) }, 0, 21, storage.LogPart},
	{"checkpoint flipped", func(t testing.TB, f string) { flip(t, glob(t, f, "wal/checkpoint.*/0*", 0), 0.5) }, 0, 41, storage.LogPart},
	{"checkpoint shortened", func(t testing.TB, f string) { shorten(t, glob(t, f, "wal/checkpoint.*/0*", 0), 0.5) }, 0, 41, storage.LogPart},
	{"checkpoint empty", func(t testing.TB, f string) {
		require.NoError(t, os.RemoveAll(glob(t, f, "wal/checkpoint.*", 0)))
		require.NoError(t, os.Mkdir(filepath.Join(f, "wal/checkpoint.00000001"), 0o700))
	}, 0, 121, storage.LogPart},
	{"log shortened at its end", func(t testing.TB, f string) { shorten(t, glob(t, f, "wal/0*", -1), 0.5) }, 0, 11, ""},
}

func TestDamageIsSetAside(t *testing.T) {
	t.Parallel()
	intact, times := built(t)
	head := times[len(times)-1] - blockHours*time.Hour.Milliseconds()
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			folder := clone(t, intact)
			d.do(t, folder)
			s := open(t, folder)
			if d.kind != "" {
				require.Eventually(t, func() bool {
					return slices.ContainsFunc(s.Status().SetAside, func(p storage.Part) bool { return p.Kind == d.kind })
				}, time.Minute, time.Millisecond, "nothing is said: %+v", s.Status().SetAside)
			}
			missing := lost(stored(t, s), times)
			inBlocks, inHead := 0, 0
			for _, at := range missing {
				if at < head {
					inBlocks++
				} else {
					inHead++
				}
			}
			require.Equal(t, d.blocks*blockHours*60, inBlocks, "samples of blocks")
			require.LessOrEqual(t, inHead, d.head*12, "samples of the head")
			for _, part := range s.SetAside() {
				if part.Kind == storage.BlockPart && !part.From.IsZero() {
					require.Equal(t, missing[0], part.From.UnixMilli())
				}
			}
			now := time.Now().UnixMilli()
			write(t, s, now)
			require.NoError(t, s.Close())
			again := open(t, folder)
			found := stored(t, again)
			require.Equal(t, seriesCount, found[now], "what is stored afterwards stays")
			require.Equal(t, missing, lost(found, times))
			require.NoError(t, again.Close())
		})
	}
}

func TestAllDamageAtOnce(t *testing.T) {
	t.Parallel()
	intact, times := built(t)
	folder := clone(t, intact)
	for _, name := range []string{"index of a block shortened", "chunk flipped", "log flipped", "checkpoint flipped"} {
		for _, d := range damages {
			if d.name == name {
				d.do(t, folder)
			}
		}
	}
	s := open(t, folder)
	found := stored(t, s)
	require.NotEmpty(t, lost(found, times))
	require.Less(t, len(lost(found, times)), len(times)*2/3)
	now := time.Now().UnixMilli()
	write(t, s, now)
	require.NoError(t, s.Close())
	s = open(t, folder)
	require.Equal(t, seriesCount, stored(t, s)[now])
	require.NoError(t, s.Close())
}

// TestAnyDamageOpens flips and shortens files of a storage at random.
func TestAnyDamageOpens(t *testing.T) {
	t.Parallel()
	intact, times := built(t)
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 13))
			folder := clone(t, intact)
			var files []string
			require.NoError(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					files = append(files, path)
				}
				return err
			}))
			for range 1 + random.IntN(3) {
				path := files[random.IntN(len(files))]
				info, err := os.Stat(path)
				require.NoError(t, err)
				t.Log(path, info.Size())
				switch {
				case info.Size() == 0:
				case random.IntN(3) == 0:
					shorten(t, path, random.Float64())
				default:
					flip(t, path, random.Float64())
				}
			}
			s := open(t, folder)
			now := time.Now().UnixMilli()
			write(t, s, now)
			// A block that is damaged inside is set aside within a moment.
			require.EventuallyWithT(t, func(c *assert.CollectT) { require.NoError(c, readAll(t, s)) }, 20*time.Second, 10*time.Millisecond)
			require.Less(t, len(lost(stored(t, s), times)), len(times))
			require.NoError(t, s.Close())
			s = open(t, folder)
			require.Equal(t, seriesCount, stored(t, s)[now])
			require.NoError(t, s.Close())
		})
	}
}

func readAll(t testing.TB, s *storage.Store) error {
	querier, err := s.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	defer querier.Close()
	found := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "v"))
	for found.Next() {
		samples := found.At().Iterator(nil)
		for samples.Next() != chunkenc.ValNone {
		}
		if err := samples.Err(); err != nil {
			return err
		}
	}
	return found.Err()
}
