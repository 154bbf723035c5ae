package sheet_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
)

func write(t *testing.T, r sheet.Rows, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]any{{"GD1", "=cmd|' /C calc'!A0", 3}, {"甲\"乙\"", "a<b>&c\n下一行", -1.5}, {"-1", "@x", int64(7)}, {"坏\x01字", strings.Repeat("长", 20_000), nil}} {
		if err := r.Add(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// Another library reads what was streamed: texts stay texts, numbers numbers.
func TestXLSXIsReadByOthers(t *testing.T) {
	var b bytes.Buffer
	r, err := sheet.XLSX(&b, "工单/2026", []string{"张三 导出于 2026-11-24"}, []sheet.Column{{Title: "编号", Width: 20}, {Title: "内容"}, {Title: "数"}})
	write(t, r, err)
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	name := f.GetSheetName(0)
	rows, err := f.GetRows(name)
	if err != nil || name != "工单_2026" || len(rows) != 6 {
		t.Fatalf("sheet %q with %d rows, %v", name, len(rows), err)
	}
	if rows[0][0] != "张三 导出于 2026-11-24" || rows[1][1] != "内容" || rows[2][1] != "=cmd|' /C calc'!A0" || rows[2][2] != "3" || rows[3][0] != `甲"乙"` || rows[3][1] != "a<b>&c\n下一行" {
		t.Fatalf("rows %.300q", rows)
	}
	if formula, err := f.GetCellFormula(name, "B3"); err != nil || formula != "" {
		t.Fatalf("a formula %q, %v", formula, err)
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	r, err := sheet.CSV(&b, nil, []sheet.Column{{Title: "编号"}, {Title: "内容"}, {Title: "数"}})
	write(t, r, err)
	s := b.String()
	for _, want := range []string{"\ufeff\"编号\",\"内容\",\"数\"\r\n", `"'=cmd|' /C calc'!A0",3`, `"甲""乙""","a<b>&c`, `-1.5`, `"'-1","'@x",7`} {
		if !strings.Contains(s, want) {
			t.Errorf("the list lacks %q: %.300q", want, s)
		}
	}
	rows, err := sheet.Read(strings.NewReader(s), "x.csv")
	if err != nil || len(rows) != 5 || rows[0][0] != "编号" || rows[2][0] != `甲"乙"` {
		t.Fatalf("read back %.300q, %v", rows, err)
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("名称,地址\r\n好吃面馆,南京东路 1 号\r\n")
	if err != nil {
		t.Fatal(err)
	}
	rows, err = sheet.Read(strings.NewReader(gbk), "X.CSV")
	if err != nil || rows[1][0] != "好吃面馆" {
		t.Fatalf("GBK: %q, %v", rows, err)
	}
	if _, err := sheet.Read(strings.NewReader(strings.Repeat("a\n", sheet.MaxImport+2)), "x.csv"); !errs.Is(err, errs.TooLarge) {
		t.Errorf("a list that is too long: %v", err)
	}
	if _, err := sheet.Read(strings.NewReader("not a spreadsheet"), "x.xlsx"); !errs.Is(err, errs.Invalid) {
		t.Errorf("not a spreadsheet: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	r, err := sheet.XLSX(&b, "x", nil, []sheet.Column{{Title: "a"}})
	if err != nil {
		f.Fatal(err)
	}
	if err := r.Add("b"); err != nil {
		f.Fatal(err)
	}
	if err := r.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), false)
	f.Add([]byte("\ufeffa,b\r\n\"c\",d"), true)
	f.Add([]byte{0x81, 0x30, '\n'}, true)
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		name := "x.xlsx"
		if text {
			name = "x.csv"
		}
		rows, err := sheet.Read(bytes.NewReader(data), name)
		if err == nil && len(rows) > sheet.MaxImport+1 {
			t.Fatal("too many rows were read")
		}
	})
}

func BenchmarkXLSXRow(b *testing.B) {
	r, err := sheet.XLSX(io.Discard, "x", nil, []sheet.Column{{Title: "a"}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := r.Add("GD20261124-0001", "占道堆物", "待签收", "好吃面馆", "南京东路 1 号", "2026-11-24 14:30:00", 7); err != nil {
			b.Fatal(err)
		}
	}
}
