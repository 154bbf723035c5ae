package sheet

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxStream is how many rows one sheet of a spreadsheet program can hold,
// less its heading.
const MaxStream = 1_048_000

// Rows is a long list being written, in one of the formats.
type Rows interface {
	// Add writes one row: texts, numbers, times as texts.
	Add(values ...any) error
	// Close ends the file; what it was written to stays open.
	Close() error
}

// XLSX begins a spreadsheet that goes to out row by row, so that a million
// rows need no memory. The lines stand above the headings, as a watermark.
func XLSX(out io.Writer, name string, lines []string, columns []Column) (Rows, error) {
	z := zip.NewWriter(out)
	for _, p := range parts(name) {
		f, err := z.Create(p[0])
		if err != nil {
			return nil, fmt.Errorf("begin sheet: %w", err)
		}
		if _, err := io.WriteString(f, xml.Header+p[1]); err != nil {
			return nil, fmt.Errorf("begin sheet: %w", err)
		}
	}
	f, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, fmt.Errorf("begin sheet: %w", err)
	}
	x := &xlsx{zip: z, out: bufio.NewWriterSize(f, 64<<10), columns: len(columns)}
	x.text(xml.Header + `<worksheet xmlns="` + mainNS + `"><sheetViews><sheetView workbookViewId="0"><pane ySplit="` + strconv.Itoa(len(lines)+1) +
		`" topLeftCell="A` + strconv.Itoa(len(lines)+2) + `" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`)
	head := make([]any, len(columns))
	for i, c := range columns {
		w := c.Width
		if w <= 0 {
			w = 12
		}
		x.text(fmt.Sprintf(`<col min="%d" max="%d" width="%g" customWidth="1"/>`, i+1, i+1, w))
		head[i] = c.Title
	}
	x.text("</cols><sheetData>")
	for _, l := range lines {
		if err := x.row([]any{l}, 2); err != nil {
			return nil, err
		}
	}
	return x, x.row(head, 1)
}

const (
	mainNS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relNS  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packNS = "http://schemas.openxmlformats.org/package/2006/"
)

// parts are the small files of a spreadsheet with one sheet.
func parts(name string) [][2]string {
	var n strings.Builder
	_ = xml.EscapeText(&n, []byte(sheetName(name))) // a builder never fails
	ct := "application/vnd.openxmlformats-officedocument.spreadsheetml."
	return [][2]string{
		{"[Content_Types].xml", `<Types xmlns="` + packNS + `content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + ct + `sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + ct + `worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="` + ct + `styles+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + packNS + `relationships"><Relationship Id="rId1" Type="` + relNS + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + mainNS + `" xmlns:r="` + relNS + `"><sheets><sheet name="` + n.String() + `" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packNS + `relationships"><Relationship Id="rId1" Type="` + relNS + `/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + relNS + `/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", `<styleSheet xmlns="` + mainNS + `"><fonts count="3"><font><sz val="11"/><name val="等线"/></font><font><b/><sz val="11"/><name val="等线"/></font><font><sz val="9"/><color rgb="FF888888"/><name val="等线"/></font></fonts>` +
			`<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>` +
			`<cellXfs count="3"><xf/><xf fontId="1" applyFont="1"/><xf fontId="2" applyFont="1"/></cellXfs></styleSheet>`},
	}
}

// sheetName makes a name that spreadsheet programs accept.
func sheetName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\'`, r) {
			return '_'
		}
		return r
	}, s)
	for utf8.RuneCountInString(s) > 31 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if s == "" {
		return "Sheet1"
	}
	return s
}

type xlsx struct {
	zip     *zip.Writer
	out     *bufio.Writer
	columns int
	n       int
	err     error
}

// text writes what needs no escape; the first error stays.
func (x *xlsx) text(s string) {
	if x.err == nil {
		_, x.err = x.out.WriteString(s)
	}
}

func (x *xlsx) row(values []any, style int) error {
	x.n++
	st := ""
	if style > 0 {
		st = ` s="` + strconv.Itoa(style) + `"`
	}
	x.text(`<row r="` + strconv.Itoa(x.n) + `">`)
	for _, v := range values {
		switch v := v.(type) {
		case int:
			x.text("<c" + st + "><v>" + strconv.Itoa(v) + "</v></c>")
		case int64:
			x.text("<c" + st + "><v>" + strconv.FormatInt(v, 10) + "</v></c>")
		case float64:
			x.text("<c" + st + "><v>" + strconv.FormatFloat(v, 'g', -1, 64) + "</v></c>")
		default:
			// An inline text is never run as a formula.
			x.text("<c" + st + ` t="inlineStr"><is><t xml:space="preserve">`)
			if x.err == nil {
				x.err = xml.EscapeText(x.out, []byte(cut(plainText(v))))
			}
			x.text("</t></is></c>")
		}
	}
	x.text("</row>")
	if x.err != nil {
		return fmt.Errorf("write row %d: %w", x.n, x.err)
	}
	return nil
}

// maxCell is how many characters a cell may hold.
const maxCell = 32_000

func cut(s string) string {
	if len(s) <= maxCell {
		return s
	}
	return strings.ToValidUTF8(s[:maxCell], "") + "…"
}

func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.Format(time.DateTime)
	}
	return fmt.Sprint(v)
}

// Add implements Rows.
func (x *xlsx) Add(values ...any) error { return x.row(values, 0) }

// Close implements Rows.
func (x *xlsx) Close() error {
	x.text("</sheetData></worksheet>")
	if x.err == nil {
		x.err = x.out.Flush()
	}
	if x.err == nil {
		x.err = x.zip.Close()
	}
	if x.err != nil {
		return fmt.Errorf("end sheet: %w", x.err)
	}
	return nil
}

type csvRows struct {
	out *bufio.Writer
	err error
}

// CSV begins a text list that spreadsheet programs open with Chinese intact:
// with a byte order mark, and with texts that would be run as formulas made
// harmless.
func CSV(out io.Writer, lines []string, columns []Column) (Rows, error) {
	c := &csvRows{out: bufio.NewWriterSize(out, 64<<10)}
	_, c.err = c.out.WriteString("\ufeff")
	for _, l := range lines {
		if err := c.Add(l); err != nil {
			return nil, err
		}
	}
	head := make([]any, len(columns))
	for i, x := range columns {
		head[i] = x.Title
	}
	return c, c.Add(head...)
}

// Add implements Rows.
func (c *csvRows) Add(values ...any) error {
	for i, v := range values {
		if i > 0 {
			c.write(",")
		}
		switch v := v.(type) {
		case int, int64, float64:
			c.write(fmt.Sprint(v))
		default:
			c.write(`"` + strings.ReplaceAll(harmless(plainText(v)), `"`, `""`) + `"`)
		}
	}
	c.write("\r\n")
	if c.err != nil {
		return fmt.Errorf("write row: %w", c.err)
	}
	return nil
}

func (c *csvRows) write(s string) {
	if c.err == nil {
		_, c.err = c.out.WriteString(s)
	}
}

// Close implements Rows.
func (c *csvRows) Close() error {
	if c.err == nil {
		c.err = c.out.Flush()
	}
	if c.err != nil {
		return fmt.Errorf("end list: %w", c.err)
	}
	return nil
}

// harmless puts a quote before a text that a spreadsheet would run.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r|", rune(s[0])) {
		return "'" + s
	}
	return s
}

// MaxImport bounds the rows of an imported file.
const MaxImport = 50_000

// Read gives the rows of an uploaded xlsx or CSV file as texts, the heading
// too, with no more than MaxImport rows after it.
func Read(r io.Reader, name string) ([][]string, error) {
	if strings.HasSuffix(strings.ToLower(name), ".csv") {
		return readCSV(r)
	}
	return readXLSX(r)
}
