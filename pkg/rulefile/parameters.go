package rulefile

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// ReadDuration returns what reads a duration within bounds from a parameter. Its errors are the ends of sentences.
func ReadDuration(to *time.Duration, least, most time.Duration) func(string) error {
	return func(text string) error {
		d, err := model.ParseDuration(text)
		if err != nil {
			return errors.New("write a duration, such as 500ms or 5m")
		}
		if time.Duration(d) < least || time.Duration(d) > most {
			return fmt.Errorf("it must be between %s and %s", model.Duration(least), model.Duration(most))
		}
		*to = time.Duration(d)
		return nil
	}
}

// UnknownParameters lists the parameters of a request that are not among the known ones, nor expected besides.
func UnknownParameters(given url.Values, known []string, besides ...string) []string {
	var out []string
	for name := range given {
		if !slices.Contains(known, name) && !slices.Contains(besides, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
