package driver

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
)

// Value is the newest value of the frame whose labels include all of want; it fails where there is none.
func Value(t testing.TB, r backend.DataResponse, want map[string]string) float64 {
	t.Helper()
	v, ok := Find(r, want)
	require.True(t, ok, "no series %v in %s", want, Describe(r))
	return v
}

// Find is like Value and says whether there is one.
func Find(r backend.DataResponse, want map[string]string) (float64, bool) {
	for _, f := range r.Frames {
		for _, field := range f.Fields {
			if field.Type() != data.FieldTypeFloat64 || !Includes(field.Labels, want) || field.Len() == 0 {
				continue
			}
			v, _ := field.ConcreteAt(field.Len() - 1)
			number, ok := v.(float64)
			return number, ok
		}
	}
	return 0, false
}

// Includes says whether labels have all of want.
func Includes(have data.Labels, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// Describe writes a response for the message of a test that fails.
func Describe(r backend.DataResponse) string {
	var b bytes.Buffer
	if r.Error != nil {
		fmt.Fprintf(&b, "error: %v\n", r.Error)
	}
	for _, f := range r.Frames {
		text, err := f.StringTable(5, 10)
		fmt.Fprintf(&b, "%s %v\n", text, err)
		if f.Meta != nil {
			fmt.Fprintf(&b, "notices: %v\nexecuted: %s\n", f.Meta.Notices, f.Meta.ExecutedQueryString)
		}
	}
	return b.String()
}

// Notices are the texts of all notices, a line each.
func Notices(r backend.DataResponse) string {
	var b bytes.Buffer
	for _, f := range r.Frames {
		if f.Meta != nil {
			for _, n := range f.Meta.Notices {
				b.WriteString(n.Text + "\n")
			}
		}
	}
	return b.String()
}
