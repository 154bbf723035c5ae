// Package region holds the tree of regions: the city, its districts and their
// streets and towns. A code is a prefix of the codes below it: 310000 stands
// for the city whose prefix is 31, 6 digits are a district, 9 a street.
package region

import (
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Region is one node of the tree.
type Region struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Level  string `json:"level" enum:"city,district,street"`
	Parent string `json:"parent"`
}

// CityCode is the root.
const CityCode = "310000"

// Tree is read-only and safe for concurrent use.
type Tree struct {
	list   []Region
	byCode map[string]Region
}

var codeForm = regexp.MustCompile(`^[0-9]{6}$|^[0-9]{9}$`)

// Parse reads a CSV with the columns code, name, level, parent. Lines that
// begin with # are notes on the source.
func Parse(r io.Reader) (*Tree, error) {
	c := csv.NewReader(r)
	c.Comment = '#'
	c.FieldsPerRecord = 4
	rows, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read regions: %w", err)
	}
	t := &Tree{byCode: map[string]Region{}}
	for i, row := range rows {
		if i == 0 && row[0] == "code" {
			continue
		}
		g := Region{Code: row[0], Name: row[1], Level: row[2], Parent: row[3]}
		if !codeForm.MatchString(g.Code) || g.Name == "" {
			return nil, fmt.Errorf("read regions: row %d: code %q or name %q is wrong", i+1, g.Code, g.Name)
		}
		if _, twice := t.byCode[g.Code]; twice {
			return nil, fmt.Errorf("read regions: row %d: code %s is there twice", i+1, g.Code)
		}
		if _, ok := t.byCode[g.Parent]; !ok && g.Level != "city" {
			return nil, fmt.Errorf("read regions: row %d: parent %q of %s comes not before it", i+1, g.Parent, g.Code)
		}
		t.byCode[g.Code] = g
		t.list = append(t.list, g)
	}
	return t, nil
}

// All gives every region, parents first.
func (t *Tree) All() []Region { return slices.Clone(t.list) }

// Get finds a region by its code.
func (t *Tree) Get(code string) (Region, bool) {
	g, ok := t.byCode[code]
	return g, ok
}

// Name gives the name of a region, or the code when it is unknown.
func (t *Tree) Name(code string) string {
	if g, ok := t.byCode[code]; ok {
		return g.Name
	}
	return code
}

// Street gives the name of the street that a code lies in, "" without one.
func (t *Tree) Street(code string) string {
	if len(code) < 9 {
		return ""
	}
	return t.byCode[code[:9]].Name
}

// District gives the district's code of a code, "" for the city.
func (t *Tree) District(code string) string {
	if len(code) < 6 || strings.HasSuffix(code[:6], "0000") {
		return ""
	}
	return code[:6]
}

// Prefix gives the scope prefix of a region: 31 for the city, else the code.
func Prefix(code string) string {
	if strings.HasSuffix(code, "0000") && len(code) == 6 {
		return code[:2]
	}
	return code
}
