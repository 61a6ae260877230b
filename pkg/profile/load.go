package profile

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed servers/*.yaml
var servers embed.FS

const serversFolder = "servers"

// Embedded loads the profiles that come with the plugin.
func Embedded() (Set, error) {
	files, err := EmbeddedFiles()
	if err != nil {
		return nil, err
	}
	return Load(files)
}

// EmbeddedFiles are the files of the profiles that come with the plugin, in the order of their names.
func EmbeddedFiles() ([]File, error) {
	entries, err := servers.ReadDir(serversFolder)
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(entries))
	for _, entry := range entries {
		text, err := servers.ReadFile(path.Join(serversFolder, entry.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: entry.Name(), Text: string(text)})
	}
	return files, nil
}

// Load loads built-in profiles from their files, whose order does not matter: the set is in the order of precedence, which every
// profile needs. Its error names every file that cannot be used, with the line.
func Load(files []File) (Set, error) {
	var set Set
	var problems []error
	loaded := map[*Profile]File{}
	for _, file := range files {
		p, err := Parse([]byte(file.Text))
		if err == nil && p.Precedence == 0 {
			err = atPath(errors.New("precedence is missing. Add a number that no other profile of the layer has"), "layer").inText(file.Text)
		}
		if err == nil {
			err = set.conflict(p, file.Text, func(other *Profile) string { return loaded[other].Name })
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file.Name, err))
			continue
		}
		set, loaded[p] = append(set, p), file
	}
	set.sort()
	return set, errors.Join(problems...)
}

// File is a profile's YAML file.
type File struct{ Name, Text string }

// With is the set and the user's own profiles. Those without a precedence come before all others, in the order of the files. A
// profile with a mistake is left out; its error names file, line and reason.
func (s Set) With(files []File) (Set, []error) {
	var own Set
	var problems []error
	for _, file := range files {
		p, err := Parse([]byte(file.Text))
		if err == nil {
			err = slices.Concat(s, own).conflict(p, file.Text, func(other *Profile) string { return other.ID })
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file.Name, err))
			continue
		}
		p.Own, p.file = true, file
		own = append(own, p)
	}
	all := slices.Concat(own, s)
	all.sort()
	return all, problems
}

// sort orders profiles by precedence. Profiles of different layers may have the same, and their order decides no number: it goes by
// the id, so that texts have an order too. Users' own profiles without a precedence stay in their order.
func (s Set) sort() {
	slices.SortStableFunc(s, func(a, b *Profile) int {
		if a.Precedence == 0 && b.Precedence == 0 {
			return 0
		}
		return cmp.Or(cmp.Compare(a.Precedence, b.Precedence), strings.Compare(a.ID, b.ID))
	})
}

// conflict is why a profile cannot join the set; nil if it can. Of two profiles of one layer that measure the same thing one has to
// be preferred, so their precedences differ; between layers the layer decides. Named is what the error calls another profile.
func (s Set) conflict(p *Profile, text string, named func(*Profile) string) error {
	for _, other := range s {
		switch {
		case other.ID == p.ID:
			return atPath(fmt.Errorf("id %q is already that of %s. Choose another id", p.ID, named(other)), "id").inText(text)
		case p.Precedence != 0 && other.Precedence == p.Precedence && other.Layer == p.Layer:
			return atPath(fmt.Errorf("precedence %d is already that of %s, which is of the layer %s too. Choose another number; the lower one is preferred",
				p.Precedence, named(other), p.Layer), "precedence").inText(text)
		}
		for _, custom := range p.Defined() {
			if _, taken := other.CustomSignals[custom.Name]; taken {
				return atPath(fmt.Errorf("signal %q is already defined by %s. Choose another name", custom.Name, named(other)), "custom_signals", custom.Name).inText(text)
			}
		}
	}
	return nil
}
