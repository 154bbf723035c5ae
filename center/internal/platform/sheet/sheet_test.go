package sheet_test

import (
	"bytes"
	"testing"

	"github.com/xuri/excelize/v2"

	"jiexun/center/internal/platform/sheet"
)

func TestRowsComeBackAsWritten(t *testing.T) {
	w, err := sheet.New("工单", []sheet.Column{{Title: "编号", Width: 20}, {Title: "商铺"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add("GD20261124-0001", "=1+1"); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := w.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows("工单")
	if err != nil {
		t.Fatal(err)
	}
	if formula, err := f.GetCellFormula("工单", "B2"); err != nil || formula != "" {
		t.Fatalf("the text became a formula %q, %v", formula, err)
	}
	if len(rows) != 2 || rows[0][0] != "编号" || rows[1][0] != "GD20261124-0001" || rows[1][1] != "=1+1" {
		t.Fatalf("rows = %q", rows)
	}
}
