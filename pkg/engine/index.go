package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/coldhit/modelserving-datasource/pkg/state"
)

const (
	// indexKey is the list of data sources in the registry's state.
	indexKey = "datasources"
	// maxIndexed bounds the list, well within what the state stores.
	maxIndexed = 10_000
)

// index is the list of data sources to scrape after a restart: their records are in folders that only their keys name. It belongs to one
// process at a time.
type index struct {
	folder string
	state  *state.Store

	mu      sync.Mutex
	release func() error
	keys    map[Key]struct{}
	// damage is what was wrong with the stored list.
	damage error
	// problem is why the list is not kept; empty if it is.
	problem string
}

type storedIndex struct {
	DataSources []storedKey `json:"datasources"`
}

type storedKey struct {
	OrgID int64  `json:"org"`
	UID   string `json:"uid"`
}

func newIndex(dataPath string) *index {
	folder := filepath.Join(dataPath, "state")
	return &index{folder: folder, state: state.Open(folder)}
}

// list returns all keys, in their order. Beside an error the list may be an older one. Without a stored list nothing is made on disk.
func (i *index) list() ([]Key, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.stored() {
		return nil, nil
	}
	if err := i.open(); err != nil {
		return nil, err
	}
	return i.sorted(), i.damage
}

// stored says whether there is a list on disk, a damaged one, too.
func (i *index) stored() bool {
	text, damage := state.Open(i.folder).Get(indexKey)
	return len(text) > 0 || damage != nil
}

// add puts a key on the list.
func (i *index) add(key Key) error {
	return i.change(func() bool {
		_, known := i.keys[key]
		i.keys[key] = struct{}{}
		return !known
	})
}

// remove takes a key off the list.
func (i *index) remove(key Key) error {
	if !i.stored() {
		return nil
	}
	return i.change(func() bool {
		_, known := i.keys[key]
		delete(i.keys, key)
		return known
	})
}

// change makes a change, which reports whether it is one, and stores the list.
func (i *index) change(change func() bool) (err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	defer func() {
		i.problem = ""
		if err != nil {
			i.problem = err.Error()
		}
	}()
	if err := i.open(); err != nil {
		return err
	}
	if !change() && i.problem == "" {
		return nil
	}
	if len(i.keys) > maxIndexed {
		return fmt.Errorf("%d data sources are recorded, and at most %d are", len(i.keys), maxIndexed)
	}
	text, err := json.Marshal(storedIndex{DataSources: storedKeys(i.sorted())})
	if err != nil {
		return err
	}
	return i.state.Put(indexKey, text)
}

// open locks and reads the list when it is first used. The caller holds mu.
func (i *index) open() error {
	if i.release != nil {
		return nil
	}
	release, err := i.state.Lock(indexKey)
	if err != nil {
		return err
	}
	i.release, i.keys = release, map[Key]struct{}{}
	text, damage := i.state.Get(indexKey)
	i.damage = damage
	var found storedIndex
	if len(text) > 0 {
		if err := json.Unmarshal(text, &found); err != nil {
			i.damage = errors.Join(damage, fmt.Errorf("the list of data sources is not JSON: %w", err))
		}
	}
	for _, key := range found.DataSources {
		if known := Key(key); known.valid() {
			i.keys[known] = struct{}{}
		}
	}
	return nil
}

func (i *index) sorted() []Key {
	return slices.SortedFunc(maps.Keys(i.keys), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.UID, b.UID))
	})
}

func storedKeys(keys []Key) (out []storedKey) {
	for _, key := range keys {
		out = append(out, storedKey(key))
	}
	return out
}

// notes are sentences about a list that is not kept.
func (i *index) notes() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.problem == "" {
		return nil
	}
	return []string{fmt.Sprintf("After a restart of the plugin, scraping starts with the first request, because the list of data sources cannot be recorded: %s.", i.problem)}
}

// close gives the list free for another process.
func (i *index) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.release == nil {
		return nil
	}
	release := i.release
	i.release = nil
	return release()
}
