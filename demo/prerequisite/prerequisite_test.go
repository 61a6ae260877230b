package prerequisite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs makes a folder with programs that print something, and makes it the whole PATH.
func programs(t *testing.T, outputs map[string]string) {
	folder := t.TempDir()
	for name, output := range outputs {
		script := fmt.Sprintf("#!/bin/sh\necho %q\n", output)
		if output == "" {
			script = "#!/bin/sh\nexit 1\n"
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755))
	}
	t.Setenv("PATH", folder)
}

func TestCheck(t *testing.T) {
	complete := map[string]string{"getconf": "glibc 2.36", "go": "go", "gcc": "gcc", "node": "v22.1.0", "npm": "10.0.0", "python3": "3.11.7"}
	for name, test := range map[string]struct {
		change   map[string]string
		remove   []string
		messages []string
	}{
		"all there":           {},
		"no compiler":         {remove: []string{"gcc"}, messages: []string{"gcc is not on PATH", "apt-get install -y gcc"}},
		"no node":             {remove: []string{"node"}, messages: []string{"Node.js 20 or newer is not on PATH", "apt-get install -y nodejs"}},
		"old node":            {change: map[string]string{"node": "v18.19.0"}, messages: []string{"Node.js 18.19.0 is too old"}},
		"no npm":              {remove: []string{"npm"}, messages: []string{"npm, a part of Node.js"}},
		"no python":           {remove: []string{"python3"}, messages: []string{"Python (3.8 to 3.12) is not on PATH", "python3-venv"}},
		"python without venv": {change: map[string]string{"python3": ""}, messages: []string{"python3 cannot make virtual environments"}},
		"new python":          {change: map[string]string{"python3": "3.13.0"}, messages: []string{"python3 is version 3.13.0"}},
		"another python":      {change: map[string]string{"python3": "3.13.0", "python3.12": "3.12.1"}},
		"old glibc":           {change: map[string]string{"getconf": "glibc 2.31"}, messages: []string{"GNU C library is 2.31"}},
		"several at once":     {remove: []string{"go", "node", "python3"}, messages: []string{"go is not on PATH", "Node.js", "Python"}},
	} {
		t.Run(name, func(t *testing.T) {
			outputs := map[string]string{}
			for program, output := range complete {
				outputs[program] = output
			}
			for program, output := range test.change {
				outputs[program] = output
			}
			for _, program := range test.remove {
				delete(outputs, program)
			}
			programs(t, outputs)
			found, err := Check(t.Context())
			if len(test.messages) == 0 {
				require.NoError(t, err)
				require.NotEmpty(t, found.Python)
				return
			}
			for _, message := range test.messages {
				require.ErrorContains(t, err, message)
			}
		})
	}
}
