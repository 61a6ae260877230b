package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// Options say how a storage is opened.
type Options struct {
	// Dir is the storage's folder. It is made if there is none.
	Dir string
	// Retention is how long samples stay, and RetentionBytes how much they take at most; 0 for no limit.
	Retention      time.Duration
	RetentionBytes int64
	// Logger gets the lines of Prometheus's TSDB, too; nil for none.
	Logger *slog.Logger
	// RetryInterval is how often a storage that cannot write is tried again; 0 for DefaultRetryInterval.
	RetryInterval time.Duration
	// MaintenanceInterval is how often chunks and blocks are written; 0 for a minute.
	MaintenanceInterval time.Duration
	// HistoryInterval is how often the storage says what it refused; 0 for 15 seconds.
	HistoryInterval time.Duration
	// BlockDuration is how much time the smallest block has; 0 for Prometheus's two hours.
	BlockDuration time.Duration
}

// DefaultRetryInterval is how often a storage that cannot write is tried again.
const DefaultRetryInterval = 10 * time.Second

const (
	// segmentBytes is the size of a file of the write-ahead log.
	segmentBytes = 16 << 20
	// blockFileBytes is the size of a block's file of chunks. All of it is allocated when a file is begun, so that Prometheus's 512 MiB
	// would keep a small file system from ever compacting.
	blockFileBytes = 16 << 20
	// never is longer than any process lives. The TSDB's own maintenance ends the process when a chunk cannot be written.
	never = 100 * 365 * 24 * time.Hour
)

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.RetryInterval == 0 {
		o.RetryInterval = DefaultRetryInterval
	}
	if o.MaintenanceInterval == 0 {
		o.MaintenanceInterval = time.Minute
	}
	if o.HistoryInterval == 0 {
		o.HistoryInterval = historyInterval
	}
	return o
}

// tsdbOptions size the TSDB for thousands of series, where Prometheus's own defaults are for millions.
func (o Options) tsdbOptions() *tsdb.Options {
	out := tsdb.DefaultOptions()
	out.RetentionDuration = o.Retention.Milliseconds()
	out.MaxBytes = o.RetentionBytes
	out.WALSegmentSize = segmentBytes
	out.WALCompression = compression.Snappy
	out.WALReplayConcurrency = 2
	out.StripeSize = 1 << 10
	out.HeadChunksWriteBufferSize = 256 << 10
	out.MaxBlockChunkSegmentSize = blockFileBytes
	out.BlockReloadInterval = never
	// A counter was zero when it began. Without that sample the first failure or cold hit of a model would be in no rate: it is
	// the first value of a new series.
	out.EnableSTAsZeroSample = true
	if o.BlockDuration > 0 {
		out.MinBlockDuration = o.BlockDuration.Milliseconds()
	}
	// Blocks are merged up to a tenth of the retention, so that retention drops data in small pieces.
	longest := min(o.Retention/10, 36*time.Hour)
	out.MaxBlockDuration = max(longest.Milliseconds(), out.MinBlockDuration)
	return out
}

// explainOpening says why a folder cannot be opened and what to do.
func explainOpening(folder string, err error) error {
	const setting = "`[plugin.coldhit-modelserving-datasource] data_path` in grafana.ini"
	switch {
	case isReadOnly(err):
		return fmt.Errorf("the folder %s is on a read-only file system: %w. Mount it writable, or name another folder with %s", folder, err, setting)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the folder %s cannot be written: %w. Give Grafana's user write permission, or name another "+
			"folder with %s", folder, err, setting)
	case isDiskFull(err):
		return fmt.Errorf("the storage in %s cannot be opened: %w. Make room on the file system, or name another folder with %s", folder, err, setting)
	case strings.Contains(err.Error(), "lock DB directory"):
		return fmt.Errorf("the folder %s is in use by another process. Stop the other Grafana, or give each a folder of its "+
			"own with %s", folder, setting)
	}
	return fmt.Errorf("the storage in %s cannot be opened: %w. The folder is set with %s", folder, err, setting)
}
