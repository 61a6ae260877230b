package engine

import "path/filepath"

// stateFolder is where the key's state lies under path.
func (k Key) stateFolder(path string) string { return filepath.Join(k.dataFolder(path), "state") }
