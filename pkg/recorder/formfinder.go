package recorder

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

// formFinder finds a field of a form (multipart/form-data) while the form passes by, files before it included. Like jsonFinder
// it keeps no more than the field's own text, and a part's header before it.
type formFinder struct {
	field string
	// delimiter stands between the parts. Its "\r" occurs nowhere else in it.
	delimiter []byte
	matched   int // how many bytes of the delimiter were the last ones
	state     formState
	text      []byte
	model     string
	found     bool
}

type formState int

const (
	skippingPart formState = iota
	inPartHeader
	inWantedPart
	formDone
)

// newFormFinder answers false where the request is no form.
func newFormFinder(field string, header http.Header) (*formFinder, bool) {
	kind, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" || strings.Contains(parameters["boundary"], "\r") {
		return nil, false
	}
	// The first delimiter begins the form, as if there was a line before it.
	return &formFinder{field: field, delimiter: []byte("\r\n--" + parameters["boundary"]), matched: len("\r\n")}, true
}

func (f *formFinder) feed(p []byte) bool {
	for len(p) > 0 && f.state != formDone {
		if f.state == skippingPart {
			p = p[f.skipPart(p):]
			continue
		}
		f.text = append(f.text, p[0])
		p = p[1:]
		if f.state == inPartHeader {
			f.stepHeader()
		} else {
			f.stepWanted()
		}
	}
	return f.state == formDone
}

func (f *formFinder) result() (model, version string, found bool) { return f.model, "", f.found }

// skipPart answers how many of the bytes were looked at.
func (f *formFinder) skipPart(p []byte) int {
	if f.matched == 0 {
		start := bytes.IndexByte(p, f.delimiter[0])
		if start < 0 {
			return len(p)
		}
		f.matched = 1
		return start + 1
	}
	if p[0] != f.delimiter[f.matched] {
		f.matched = 0
		return 0
	}
	f.matched++
	if f.matched == len(f.delimiter) {
		f.state, f.matched, f.text = inPartHeader, 0, f.text[:0]
	}
	return 1
}

// stepHeader has a further byte of what follows a delimiter: the end of the form, or a part's header up to its empty line.
func (f *formFinder) stepHeader() {
	const end = "\r\n\r\n"
	switch {
	case string(f.text) == "--", len(f.text) > maxFieldText:
		f.state = formDone
	case bytes.HasSuffix(f.text, []byte(end)):
		f.state = skippingPart
		if partName(string(f.text)) == f.field {
			f.state = inWantedPart
		}
		f.text = f.text[:0]
	}
}

func partName(header string) string {
	for line := range strings.SplitSeq(header, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(name, "Content-Disposition") {
			continue
		}
		if kind, parameters, err := mime.ParseMediaType(value); err == nil && kind == "form-data" {
			return parameters["name"]
		}
	}
	return ""
}

// stepWanted has a further byte of the wanted part, or of the delimiter after it.
func (f *formFinder) stepWanted() {
	value, ended := bytes.CutSuffix(f.text, f.delimiter)
	if !ended && len(f.text) < maxFieldText+len(f.delimiter) {
		return
	}
	f.model, f.found, f.state = string(value), true, formDone
	f.text = nil
}
