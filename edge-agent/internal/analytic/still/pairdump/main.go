// Command pairdump turns composed picture pairs into the crops that the
// verifier is trained on. It reads from standard input, for each pair, a
// reference and a current picture as planar 4:2:0 bytes with full-range luma,
// and writes for each pair the number of candidates (uint32, little endian)
// and for each candidate its changed pixels at working size (one byte each,
// 0 or 1), the reference crop, the current crop (64x64x3 each) and the mask
// (64x64).
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/picture"
)

func main() {
	w := flag.Int("w", 768, "width of the pictures")
	h := flag.Int("h", 432, "height of the pictures")
	flag.Parse()
	if err := run(*w, *h, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pairdump:", err)
		os.Exit(1)
	}
}

func run(w, h int, in io.Reader, out io.Writer) error {
	if w < 32 || h < 32 || w > 4096 || h > 4096 {
		return fmt.Errorf("size %dx%d is outside 32..4096", w, h)
	}
	r, o := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	for {
		ref, err := read(r, w, h)
		if errors.Is(err, io.EOF) {
			return o.Flush()
		}
		if err != nil {
			return fmt.Errorf("read reference: %w", err)
		}
		cur, err := read(r, w, h)
		if err != nil {
			return fmt.Errorf("read current picture: %w", err)
		}
		found, err := still.Compare(ref, cur, true)
		if err != nil {
			return err
		}
		if err := write(o, found); err != nil {
			return fmt.Errorf("write candidates: %w", err)
		}
		if r.Buffered() == 0 {
			if err := o.Flush(); err != nil {
				return err
			}
		}
	}
}

func write(o *bufio.Writer, found []still.Candidate) error {
	if err := binary.Write(o, binary.LittleEndian, uint32(len(found))); err != nil {
		return err
	}
	for _, c := range found {
		for _, b := range [][]byte{c.Pixels, c.Look.Reference.Pix, c.Look.Current.Pix, c.Look.Mask.Pix} {
			if _, err := o.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func read(r io.Reader, w, h int) (*picture.YUV, error) {
	p := picture.NewYUV(w, h)
	p.FullRange = true
	for i, b := range [][]byte{p.Y, p.U, p.V} {
		if _, err := io.ReadFull(r, b); err != nil {
			if i > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return p, nil
}
