package remote

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds what decompressing needs; servers use windows of at most 8 MB.
const maxZstdWindow = 8 << 20

var errTooManyBytes = errors.New("too many bytes")

// unknownEncoding is an answer that is compressed in a way that nobody asked for.
type unknownEncoding struct{ name string }

func (u *unknownEncoding) Error() string {
	return fmt.Sprintf("it is compressed with %.20q, but only gzip and zstd were requested", u.name)
}

// responseBody is an answer's body, decompressed and bounded.
type responseBody struct {
	*bufio.Reader
	close func()
}

func (b *responseBody) Close() { b.close() }

// decompressed undoes what Accept-Encoding allowed. Reading more than limit bytes is an error.
func decompressed(response *http.Response, limit int64) (*responseBody, error) {
	var reader io.Reader = response.Body
	end := func() {}
	switch encoding := strings.ToLower(response.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		// The reader reads the header at once, which an empty answer does not have.
		peeking := bufio.NewReader(response.Body)
		if _, err := peeking.Peek(1); errors.Is(err, io.EOF) {
			reader = peeking
			break
		}
		unzipped, err := gzip.NewReader(peeking)
		if err != nil {
			return nil, err
		}
		reader, end = unzipped, func() { _ = unzipped.Close() }
	case "zstd":
		unpacked, err := zstd.NewReader(response.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		reader, end = unpacked, unpacked.Close
	default:
		return nil, &unknownEncoding{encoding}
	}
	return &responseBody{bufio.NewReaderSize(&bounded{reader, limit, limit}, 4096), end}, nil
}

// isWebPage looks at how an answer begins, whatever its content type says.
func (b *responseBody) isWebPage() (bool, error) {
	if _, err := b.Peek(1); errors.Is(err, io.EOF) {
		return false, io.ErrUnexpectedEOF
	} else if err != nil {
		return false, err
	}
	start, _ := b.Peek(b.Buffered()) // never more than there is
	return bytes.HasPrefix(bytes.TrimSpace(start), []byte("<")), nil
}

type bounded struct {
	io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// The limit itself is allowed, if nothing follows.
		var one [1]byte
		n, err := b.Reader.Read(one[:])
		if n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("%w: larger than the limit of %d bytes", errTooManyBytes, b.limit)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.Reader.Read(p)
	b.left -= int64(n)
	return n, err
}
