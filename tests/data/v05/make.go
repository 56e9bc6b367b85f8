// Makes the LTX files that keep database checksums, which Litestream itself does not write, with the library that
// Litestream writes LTX files with; and prints what that library reads in each .ltx file here, as rows of test_ltx.c.
// See README.md. Usage, in a module that requires github.com/superfly/ltx v0.5.2: go run make.go FOLDER
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/superfly/ltx"
)

type page struct {
	number uint32
	data   []byte
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func read(path string) (header ltx.Header, trailer ltx.Trailer, pages []page) {
	content, err := os.ReadFile(path)
	check(err)
	decoder := ltx.NewDecoder(bytes.NewReader(content))
	check(decoder.DecodeHeader())
	header = decoder.Header()
	for {
		var pageHeader ltx.PageHeader
		data := make([]byte, header.PageSize)
		err := decoder.DecodePage(&pageHeader, data)
		if err == io.EOF {
			check(decoder.Close())
			return header, decoder.Trailer(), pages
		}
		check(err)
		pages = append(pages, page{pageHeader.Pgno, data})
	}
}

func write(path string, header ltx.Header, postApply ltx.Checksum, pages []page) {
	var content bytes.Buffer
	encoder, err := ltx.NewEncoder(&content)
	check(err)
	check(encoder.EncodeHeader(header))
	for _, page := range pages {
		check(encoder.EncodePage(ltx.PageHeader{Pgno: page.number}, page.data))
	}
	encoder.SetPostApplyChecksum(postApply)
	check(encoder.Close())
	check(os.WriteFile(path, content.Bytes(), 0o644))
}

func sum(pages []page) (checksum ltx.Checksum) {
	for _, page := range pages {
		checksum = ltx.ChecksumFlag | (checksum ^ ltx.ChecksumPage(page.number, page.data))
	}
	return checksum
}

// The image in `from` with checksums, and a change of its last page after it.
func makeChecksums(folder, from string) {
	header, _, pages := read(filepath.Join(folder, from))
	before := sum(pages)
	header.Flags = 0
	write(filepath.Join(folder, "checksums-1-2.ltx"), header, before, pages)

	last := pages[len(pages)-1]
	last.data[header.PageSize-1] ^= 1
	header.MinTXID, header.MaxTXID = 3, 3
	header.PreApplyChecksum = before
	write(filepath.Join(folder, "checksums-3.ltx"), header, sum(pages), []page{last})
}

func show(path string) {
	header, _, pages := read(path)
	fmt.Printf("{\"v05/%s\", %d, {%d, %d, %d, %d, %d, %d, %#x, %d, %d, {%#x, %#x}}},\n", filepath.Base(path), len(pages),
		header.Flags, header.PageSize, header.Commit, header.MinTXID, header.MaxTXID, header.Timestamp,
		uint64(header.PreApplyChecksum), header.WALOffset, header.WALSize, header.WALSalt1, header.WALSalt2)
}

func main() {
	folder := os.Args[1]
	makeChecksums(folder, "cable-1-2.ltx")
	paths, err := filepath.Glob(filepath.Join(folder, "*.ltx"))
	check(err)
	for _, path := range paths {
		if filepath.Base(path) != "lz4-flags.ltx" { // the library reads the one kind of LZ4 frame that it wrote
			show(path)
		}
	}
}
