package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/tsdb/index"
)

// checkBlocks sets aside the blocks that do not open, and those that were found damaged since.
func (s *Store) checkBlocks(found []string) error {
	for _, name := range found {
		id, err := ulid.ParseStrict(name)
		if err != nil {
			continue // It is no block.
		}
		folder := filepath.Join(s.options.Dir, name)
		s.mu.Lock()
		damage := s.suspects[name]
		delete(s.suspects, name)
		s.mu.Unlock()
		meta, opening := openBlock(folder, id)
		if damage == nil {
			damage = opening
		}
		if damage == nil {
			continue
		}
		if !isDamage(damage) {
			return damage
		}
		from, to := blockBounds(meta, id)
		if _, err := s.move(folder, entryName(BlockPart, name, from, to)); err != nil {
			return err
		}
		s.options.Logger.Error("A damaged block was set aside", "block", name, "err", damage)
	}
	return nil
}

// openBlock opens a block and closes it again. The metadata is nil if it cannot be read.
func openBlock(folder string, id ulid.ULID) (meta *tsdb.BlockMeta, err error) {
	defer recovered(&err)
	meta, err = readMeta(folder)
	if err != nil {
		return nil, err
	}
	block, err := tsdb.OpenBlock(nil, folder, nil, nil)
	if err != nil {
		return meta, err
	}
	return meta, errors.Join(checkMeta(meta, id), block.Close())
}

func readMeta(folder string) (*tsdb.BlockMeta, error) {
	file, err := fileutil.OpenMmapFile(filepath.Join(folder, "meta.json"))
	if err != nil {
		return nil, err
	}
	meta := &tsdb.BlockMeta{}
	err = errors.Join(json.Unmarshal(file.Bytes(), meta), file.Close())
	if err != nil {
		return nil, err
	}
	return meta, nil
}

// writingTime bounds how long before the end of its samples a block may have been written, as clocks are set back.
const writingTime = 24 * time.Hour

// checkMeta finds metadata that cannot be a block's. A block that ends in the future would have all new samples refused.
func checkMeta(meta *tsdb.BlockMeta, id ulid.ULID) error {
	switch written := ulid.Time(id.Time()); {
	case meta.ULID != id:
		return fmt.Errorf("the metadata is that of block %s", meta.ULID)
	case meta.MinTime >= meta.MaxTime:
		return fmt.Errorf("the block ends at %d, before it begins at %d", meta.MaxTime, meta.MinTime)
	case time.UnixMilli(meta.MaxTime).After(written.Add(writingTime)):
		return fmt.Errorf("the block ends at %s and was written at %s", time.UnixMilli(meta.MaxTime).UTC(), written.UTC())
	}
	return nil
}

// blockBounds are the times of a block's samples; unknown without metadata.
func blockBounds(meta *tsdb.BlockMeta, id ulid.ULID) (from, to time.Time) {
	if meta == nil || meta.MinTime >= meta.MaxTime || checkMeta(meta, id) != nil {
		return time.Time{}, time.Time{}
	}
	return time.UnixMilli(meta.MinTime), time.UnixMilli(meta.MaxTime)
}

// verifyBlocks reads all blocks once, at half speed, and has those set aside that are damaged inside: opening a block does not read it.
func (s *Store) verifyBlocks(ctx context.Context) {
	for _, block := range s.blocks() {
		begin := time.Now()
		err := verifyBlock(ctx, block.Dir())
		if ctx.Err() != nil {
			return
		}
		name := block.Meta().ULID.String()
		// A block that was merged into another one meanwhile is no longer there.
		present, listing := contains(s.options.Dir, name)
		if err != nil && isDamage(err) && present && listing == nil {
			s.mu.Lock()
			s.suspects[name], s.reopen = err, true
			s.mu.Unlock()
			s.wakeUp()
		}
		s.sleep(ctx, time.Since(begin))
	}
}

// verifyBlock reads all series and chunks of a block, with their checksums.
func verifyBlock(ctx context.Context, folder string) (err error) {
	defer recovered(&err)
	block, err := tsdb.OpenBlock(nil, folder, nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, block.Close()) }()
	series, err := block.Index()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, series.Close()) }()
	samples, err := block.Chunks()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, samples.Close()) }()
	name, value := index.AllPostingsKey()
	all, err := series.Postings(ctx, name, value)
	if err != nil {
		return err
	}
	var (
		builder labels.ScratchBuilder
		found   []chunks.Meta
	)
	for all.Next() && ctx.Err() == nil {
		if err := series.Series(all.At(), &builder, &found); err != nil {
			return err
		}
		for _, one := range found {
			if _, _, err := samples.ChunkOrIterable(one); err != nil {
				return err
			}
		}
	}
	return all.Err()
}
