package sheet

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"jiexun/center/internal/platform/errs"
)

// maxFile bounds an uploaded list, and what a spreadsheet may unpack to.
const maxFile = 20 << 20

func tooLong() error {
	return errs.New(errs.TooLarge, "文件超过 %d 行，请分几次导入", MaxImport)
}

func readCSV(r io.Reader) ([][]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read list: %w", err)
	}
	if len(b) > maxFile {
		return nil, errs.New(errs.TooLarge, "文件超过 %d MB", maxFile>>20)
	}
	if !utf8.Valid(b) { // what Chinese spreadsheet programs save by default
		if b, err = simplifiedchinese.GB18030.NewDecoder().Bytes(b); err != nil {
			return nil, errs.Invalidf("file", "文件的编码应为 UTF-8 或 GBK")
		}
	}
	c := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(b), "\ufeff")))
	c.FieldsPerRecord = -1
	c.LazyQuotes = true
	out := [][]string{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, errs.Invalidf("file", "第 %d 行读不出来，请检查引号和逗号", len(out)+1)
		}
		if len(out) > MaxImport {
			return nil, tooLong()
		}
		out = append(out, row)
	}
}

func readXLSX(r io.Reader) ([][]string, error) {
	f, err := excelize.OpenReader(io.LimitReader(r, maxFile), excelize.Options{UnzipSizeLimit: 20 * maxFile, UnzipXMLSizeLimit: maxFile})
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, "文件打不开，请另存为 xlsx 或 CSV 后再传", err)
	}
	defer func() { _ = f.Close() }()
	rows, err := f.Rows(f.GetSheetName(0))
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, "文件里没有可读的工作表", err)
	}
	defer func() { _ = rows.Close() }()
	out := [][]string{}
	for rows.Next() {
		row, err := rows.Columns()
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, fmt.Sprintf("第 %d 行读不出来", len(out)+1), err)
		}
		if len(out) > MaxImport {
			return nil, tooLong()
		}
		out = append(out, row)
	}
	return out, rows.Error()
}
