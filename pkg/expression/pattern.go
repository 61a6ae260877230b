package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/util/strutil"
)

const (
	// maxPatterns is how much all regular expressions of a text may become: half a second of compiling, which nothing can stop, and some 20 MB.
	// It leaves room for MaxBytes of values without repetitions.
	maxPatterns = 300_000
	// unicodeClass is what a class like \pL takes, and foldedRange a range of characters beyond ASCII that ignores case, beside a character.
	unicodeClass, foldedRange = 500, 5000
	// mostRepeated is the largest count of a repetition that compiles.
	mostRepeated = 1000
)

// checkPatterns returns an error for regular expressions that take long to compile, or much memory.
func checkPatterns(size float64) error {
	if size > maxPatterns {
		return fmt.Errorf("the regular expressions of the PromQL expression have %.0f characters once their repetitions are written out, and %d are "+
			"allowed: use fewer and smaller repetitions like {100}, and fewer classes like \\pL", size, maxPatterns)
	}
	return nil
}

// patternSize is how many characters and classes a quoted regular expression has once its repetitions are written out. It reads the text
// once, because parsing is part of what is bounded. What is no regular expression has some size, too.
func patternSize(quoted string) float64 {
	text, err := strutil.Unquote(quoted)
	if err != nil {
		return 0 // the parser refuses it
	}
	s := patternScan{text: text, groups: []patternGroup{{}}, folds: ignoresCase(text)}
	for s.at < len(s.text) {
		s.next()
	}
	for len(s.groups) > 1 {
		s.closeGroup()
	}
	return s.groups[0].size + s.groups[0].last + s.classes
}

// ignoresCase reports whether any group has the flag i.
func ignoresCase(text string) bool {
	for {
		_, after, found := strings.Cut(text, "(?")
		if !found {
			return false
		}
		if flags := after[:len(after)-len(strings.TrimLeft(after, "imsU"))]; strings.Contains(flags, "i") {
			return true
		}
		text = after
	}
}

// patternGroup is a group that is being read: what it has so far, and its last part, which a repetition may follow.
type patternGroup struct{ size, last float64 }

type patternScan struct {
	text   string
	at     int
	folds  bool
	groups []patternGroup
	// classes is what classes take, once each: repetitions share them.
	classes float64
}

// part begins a part of the current group.
func (s *patternScan) part(size float64) {
	g := &s.groups[len(s.groups)-1]
	g.size, g.last = g.size+g.last, size
}

func (s *patternScan) closeGroup() {
	inner := s.groups[len(s.groups)-1]
	s.groups = s.groups[:len(s.groups)-1]
	s.part(inner.size + inner.last + 1)
}

// next reads a character, an escape, a class or a repetition.
func (s *patternScan) next() {
	c := s.text[s.at]
	s.at++
	switch c {
	case '\\':
		s.escape()
		s.part(1)
	case '[':
		s.class()
		s.part(1)
	case '(':
		s.groups = append(s.groups, patternGroup{})
	case ')':
		if len(s.groups) > 1 {
			s.closeGroup()
		}
	case '{':
		s.repetition()
	default:
		s.part(1)
	}
}

// escape reads what follows a backslash.
func (s *patternScan) escape() {
	if s.at < len(s.text) {
		if c := s.text[s.at]; c == 'p' || c == 'P' {
			s.classes += unicodeClass
		}
		s.at++
	}
}

// class reads what follows an opening bracket.
func (s *patternScan) class() {
	for first := true; s.at < len(s.text); first = false {
		c := s.text[s.at]
		s.at++
		switch {
		case c == ']' && !first:
			return
		case c == '\\':
			s.escape()
		case c == '-' && s.folds && s.at < len(s.text) && (s.text[s.at] == '\\' || s.text[s.at] >= utf8.RuneSelf):
			s.classes += foldedRange
		}
		s.classes++
	}
}

// repetition reads what follows an opening brace, and multiplies the part before it.
func (s *patternScan) repetition() {
	inside, _, closed := strings.Cut(s.text[s.at:min(len(s.text), s.at+len("1000,1000}"))], "}")
	if !closed || strings.Trim(inside, "0123456789,") != "" {
		s.part(1)
		return
	}
	s.at += len(inside) + 1
	most := 0
	for _, number := range strings.Split(inside, ",") {
		count := 0
		for _, digit := range number {
			count = min(10*count+int(digit-'0'), mostRepeated)
		}
		most = max(most, count)
	}
	s.groups[len(s.groups)-1].last *= float64(max(most, 1))
}
