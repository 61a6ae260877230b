// Command prometheus runs a real Prometheus for the browser tests: it scrapes by the configuration that is on its standard input, writes its
// address to its standard output, and ends when its standard input does.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
)

// end is the line behind the configuration.
const end = "---"

func main() {
	if err := run(bufio.NewReader(os.Stdin), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in *bufio.Reader, out io.Writer) (err error) {
	text, err := configuration(in)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "prometheus-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	server, err := prometheustest.Open(folder)
	if err != nil {
		return err
	}
	defer server.Close()
	stop, err := server.StartScraping(text)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := fmt.Fprintln(out, server.URL); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

func configuration(in *bufio.Reader) (string, error) {
	var lines []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("the configuration has no end (%s): %w", end, err)
		}
		if strings.TrimSpace(line) == end {
			return strings.Join(lines, ""), nil
		}
		lines = append(lines, line)
	}
}
