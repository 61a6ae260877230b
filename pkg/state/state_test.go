package state_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/state"
)

const key = "settings"

// childFolder is where a child process stores numbers, one after the other, until it is killed.
const childFolder = "MODELSERVING_TEST_CHILD_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		runChild(folder)
		return
	}
	os.Exit(m.Run())
}

func get(t *testing.T, folder string) string {
	t.Helper()
	got, err := state.Open(folder).Get(key)
	require.NoError(t, err)
	return string(got)
}

func put(t *testing.T, folder string, values ...string) {
	t.Helper()
	s := state.Open(folder)
	for _, v := range values {
		require.NoError(t, s.Put(key, []byte(v)))
	}
}

func path(folder, name string) string { return filepath.Join(folder, key, name) }

func TestTheLastValueIsThereForTheNextProcess(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "not", "there", "yet")
	require.Empty(t, get(t, folder))
	require.NoDirExists(t, folder, "reading makes no folder")
	for i := range 5 {
		put(t, folder, fmt.Sprint(i))
		require.Equal(t, fmt.Sprint(i), get(t, folder))
	}
	put(t, folder, "a", "b", "c", "")
	require.Empty(t, get(t, folder))
	other := state.Open(folder)
	require.NoError(t, other.Put("other", []byte("x")))
	put(t, folder, "mine")
	require.Equal(t, "mine", get(t, folder))
	got, err := other.Get("other")
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
}

func TestTheSameValueIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := state.Open(folder)
	require.NoError(t, s.Put(key, []byte("same")))
	before, err := os.ReadFile(path(folder, "00000001"))
	require.NoError(t, err)
	require.NoError(t, s.Put(key, []byte("same")))
	after, err := os.ReadFile(path(folder, "00000001"))
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoFileExists(t, path(folder, "00000002"))
}

// newestSlot is the file of the second of two values.
const newestSlot = "00000002"

// A newest version that lost its end, or any byte of it, is said to be damaged, and the one before it counts.
func TestDamageOfAnyByteFallsBackToTheVersionBefore(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put(t, folder, "the first", "the second")
	whole, err := os.ReadFile(path(folder, newestSlot))
	require.NoError(t, err)
	require.Contains(t, string(whole), "the second")
	check := func(content []byte, what string) {
		require.NoError(t, os.WriteFile(path(folder, newestSlot), content, 0o600))
		s := state.Open(folder)
		got, err := s.Get(key)
		require.Equal(t, "the first", string(got), what)
		var damage *state.DamageError
		require.ErrorAs(t, err, &damage, what)
		require.ErrorContains(t, err, path(folder, newestSlot), what)
	}
	for i := range whole {
		check(whole[:i], fmt.Sprintf("the first %d bytes", i))
		flipped := append([]byte{}, whole...)
		flipped[i] ^= 1
		check(flipped, fmt.Sprintf("byte %d is another", i))
	}
	check(append(append([]byte{}, whole...), 0), "a byte more")
	s := state.Open(folder)
	require.NoError(t, s.Put(key, []byte("the third")))
	_, err = s.Get(key)
	require.NoError(t, err, "what is stored next replaces the damaged version")
	require.Equal(t, "the third", get(t, folder))
}

func TestAllDamagedIsSaidAndReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put(t, folder, "one", "two")
	require.NoError(t, os.WriteFile(path(folder, "00000001"), []byte("nonsense"), 0o600))
	require.NoError(t, os.WriteFile(path(folder, newestSlot), nil, 0o600))
	s := state.Open(folder)
	got, err := s.Get(key)
	require.Nil(t, got)
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, s.Put(key, []byte("three")))
	require.NoError(t, s.Put(key, []byte("four")))
	require.Equal(t, "four", get(t, folder))
}

// Killed at any byte of writing, the value before is there, undamaged, and the next is stored.
func TestInterruptionsAtAnyByteOfWriting(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put(t, folder, "an older one", "the last")
	whole, err := os.ReadFile(path(folder, newestSlot))
	require.NoError(t, err)
	for i := range len(whole) + 1 {
		require.NoError(t, os.WriteFile(path(folder, "00000003"), whole[:i], 0o600))
		before := fmt.Sprint("before ", i)
		if i == 0 {
			before = "the last"
		}
		require.Equal(t, before, get(t, folder))
		put(t, folder, fmt.Sprint("before ", i+1))
		require.Equal(t, fmt.Sprint("before ", i+1), get(t, folder))
	}
	require.LessOrEqual(t, sizeOf(t, folder), int64(4*len(whole)))
}

func sizeOf(t *testing.T, folder string) (size int64) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(folder, key))
	require.NoError(t, err)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		size += info.Size()
	}
	return size
}

func TestTheSizeOnDiskIsBounded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := state.Open(folder)
	require.ErrorContains(t, s.Put(key, make([]byte, state.MaxBytes+1)), "at most")
	for i := range 200 {
		require.NoError(t, s.Put(key, []byte(strings.Repeat("x", 1000+i))))
	}
	require.Less(t, sizeOf(t, folder), int64(4*1300))
	large := strings.Repeat("y", state.MaxBytes)
	put(t, folder, large)
	require.Equal(t, large, get(t, folder))
}

// fillDisk has every write of a next version fail as on a full disk, until it is called again.
func fillDisk(t *testing.T, folder string) (makeRoom func()) {
	t.Helper()
	next := path(folder, "00000003")
	require.NoError(t, os.Symlink("/dev/full", next))
	return func() { require.NoError(t, os.Remove(next)) }
}

func TestAFullDiskLeavesTheOldValue(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := state.Open(folder)
	require.NoError(t, s.Put(key, []byte("one")))
	makeRoom := fillDisk(t, folder)
	for range 3 {
		err := s.Put(key, []byte("two"))
		require.ErrorContains(t, err, "no space left on device")
		require.ErrorContains(t, err, filepath.Join(folder, key))
		got, err := s.Get(key)
		require.NoError(t, err)
		require.Equal(t, "one", string(got))
		require.Equal(t, "one", get(t, folder))
	}
	makeRoom()
	require.NoError(t, s.Put(key, []byte("two")))
	require.Equal(t, "two", get(t, folder))
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, state.Open(file).Put(key, []byte("x")), file)
}

func TestKeysCannotLeaveTheFolder(t *testing.T) {
	t.Parallel()
	s := state.Open(t.TempDir())
	for _, k := range []string{"", "..", "../x", "a/b", "A", "a.b", strings.Repeat("a", 33)} {
		require.ErrorContains(t, s.Put(k, nil), "key", k)
	}
}

func TestOnlyOneProcessHoldsALock(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	release, err := state.Open(folder).Lock(key)
	require.NoError(t, err)
	_, err = state.Open(folder).Lock(key)
	require.ErrorContains(t, err, "in use by another process")
	require.NoError(t, release())
	release, err = state.Open(folder).Lock(key)
	require.NoError(t, err)
	require.NoError(t, release())
}

// childBytes is long enough for many kills in the middle of a write.
const childBytes = 1 << 20

// runChild stores 1, 2, 3 … and prints each when it is stored.
func runChild(folder string) {
	s := state.Open(folder)
	for i := 1; ; i++ {
		if err := s.Put(key, []byte(fmt.Sprint(i)+strings.Repeat(" ", childBytes))); err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintln(os.Stdout, i)
	}
}

// A process that is killed at moments of no choice leaves the last value that it had stored, or the one that it was storing.
func TestKillsLoseNothingThatWasStored(t *testing.T) {
	t.Parallel()
	const kills = 30
	for i := range kills {
		folder := t.TempDir()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childFolder+"="+folder)
		output, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewReader(output)
		stored := ""
		for range 1 + i {
			stored, err = lines.ReadString('\n')
			require.NoError(t, err)
		}
		require.NoError(t, child.Process.Kill())
		for err == nil {
			var line string
			if line, err = lines.ReadString('\n'); err == nil {
				stored = line
			}
		}
		require.ErrorIs(t, err, io.EOF)
		require.Error(t, child.Wait())
		least, err := strconv.Atoi(strings.TrimSpace(stored))
		require.NoError(t, err)
		got, err := strconv.Atoi(strings.TrimSpace(get(t, folder)))
		require.NoError(t, err)
		require.Contains(t, []int{least, least + 1}, got)
		put(t, folder, "next")
		require.Equal(t, "next", get(t, folder))
	}
}

func BenchmarkPut(b *testing.B) {
	s := state.Open(b.TempDir())
	for i := range b.N {
		require.NoError(b, s.Put(key, fmt.Appendf(nil, `{"until":%d}`, i)))
	}
}
