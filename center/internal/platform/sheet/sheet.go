// Package sheet writes lists as xlsx files, row by row, so that a long list
// does not stay in memory.
package sheet

import (
	"fmt"
	"io"
	"net/url"

	"github.com/xuri/excelize/v2"
)

// MaxRows bounds one export; a longer list is refused and not cut silently.
const MaxRows = 100_000

// Column is a heading and its width in characters.
type Column struct {
	Title string
	Width float64
}

// Writer is an xlsx file being written.
type Writer struct {
	file   *excelize.File
	stream *excelize.StreamWriter
	row    int
}

// New begins a file with one sheet and its headings.
func New(name string, columns []Column) (*Writer, error) {
	f := excelize.NewFile()
	w := &Writer{file: f}
	if err := f.SetSheetName("Sheet1", name); err != nil {
		return nil, fmt.Errorf("begin sheet %s: %w", name, err)
	}
	s, err := f.NewStreamWriter(name)
	if err != nil {
		return nil, fmt.Errorf("begin sheet %s: %w", name, err)
	}
	w.stream = s
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, fmt.Errorf("begin sheet %s: %w", name, err)
	}
	head := make([]any, len(columns))
	for i, c := range columns {
		head[i] = excelize.Cell{StyleID: bold, Value: c.Title}
		if c.Width > 0 {
			if err := s.SetColWidth(i+1, i+1, c.Width); err != nil {
				return nil, fmt.Errorf("begin sheet %s: %w", name, err)
			}
		}
	}
	return w, w.add(head)
}

// Add writes one row. A text is a text cell: a spreadsheet never runs it as
// a formula.
func (w *Writer) Add(values ...any) error { return w.add(values) }

func (w *Writer) add(values []any) error {
	w.row++
	cell, err := excelize.CoordinatesToCellName(1, w.row)
	if err != nil {
		return fmt.Errorf("write row %d: %w", w.row, err)
	}
	if err := w.stream.SetRow(cell, values); err != nil {
		return fmt.Errorf("write row %d: %w", w.row, err)
	}
	return nil
}

// WriteTo ends the file and writes it out.
func (w *Writer) WriteTo(out io.Writer) (int64, error) {
	if err := w.stream.Flush(); err != nil {
		return 0, fmt.Errorf("end sheet: %w", err)
	}
	n, err := w.file.WriteTo(out)
	if err != nil {
		return n, fmt.Errorf("write sheet: %w", err)
	}
	return n, w.file.Close()
}

// File is an answer with an xlsx file, for the HTTP layer.
type File struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

// Attachment makes an answer of a finished file. The name may be Chinese.
func Attachment(name string, body []byte) *File {
	return &File{
		ContentType:        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		ContentDisposition: "attachment; filename*=UTF-8''" + url.PathEscape(name),
		Body:               body,
	}
}
