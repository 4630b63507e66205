package subset

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// maxDocument is more than any single advisory of the sources takes.
const maxDocument = 16 << 20

// picked is a new archive and how many documents it holds.
type picked struct {
	zip   []byte
	count int
}

// pickZip makes a new archive of the files that keep chooses, in the order,
// with the names and times of the archive at name.
func pickZip(name string, keep func(name string, raw []byte) (bool, error)) (picked, error) {
	data, err := readFile(name)
	if err != nil {
		return picked{}, err
	}
	in, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return picked{}, fmt.Errorf("open %s: %w", name, err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	out.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	n := 0
	for _, f := range in.File {
		if f.FileInfo().IsDir() {
			continue
		}
		raw, err := readZipped(f)
		if err != nil {
			return picked{}, fmt.Errorf("read %s in %s: %w", f.Name, name, err)
		}
		ok, err := keep(f.Name, raw)
		if err != nil {
			return picked{}, err
		}
		if !ok {
			continue
		}
		w, err := out.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: f.Modified})
		if err == nil {
			_, err = w.Write(raw)
		}
		if err != nil {
			return picked{}, err
		}
		n++
	}
	if err := out.Close(); err != nil {
		return picked{}, err
	}
	return picked{b.Bytes(), n}, nil
}

func readZipped(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxDocument {
		return nil, fmt.Errorf("%d bytes, at most %d", f.UncompressedSize64, maxDocument)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxDocument))
	return raw, errors.Join(err, r.Close())
}
