package feed

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"jiexun/center/internal/platform/errs"
)

// errEnough stops reading.
var errEnough = errors.New("enough rows")

// each is called for every row of a source with its number, from 1.
type each func(n int64, row Row) error

const (
	maxFile    = 16 << 20
	maxAnswer  = 16 << 20
	maxPages   = 5000
	maxColumns = 200
)

var (
	comments  = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
	literals  = regexp.MustCompile(`'(?:[^']|'')*'`)
	forbidden = regexp.MustCompile(`(?i)\b(insert|update|delete|merge|drop|alter|create|truncate|attach|detach|pragma|vacuum|reindex|copy|into|grant|revoke|call|do|execute|prepare|set|reset|lock|listen|notify|load_extension|writefile|readfile|lo_import|lo_export|dblink|pg_[a-z_]+)\b`)
)

// checkQuery says why a query is not a plain SELECT, "" when it is. The
// transaction that runs it is read-only all the same.
func checkQuery(q string) string {
	text := strings.TrimSpace(literals.ReplaceAllString(comments.ReplaceAllString(q, " "), "''"))
	text = strings.TrimSpace(strings.TrimSuffix(text, ";"))
	low := strings.ToLower(text)
	switch {
	case text == "":
		return "请填写查询语句"
	case !utf8.ValidString(q) || strings.ContainsRune(q, 0):
		return "查询语句含有不能识别的字符"
	case strings.Contains(text, ";"):
		return "只能有一条语句"
	case !regexp.MustCompile(`^(select|with)\b`).MatchString(low):
		return "只允许 SELECT 查询"
	case strings.Contains(text, "'") && strings.Count(text, "'")%2 != 0, strings.Contains(text, "$$"):
		return "引号没有成对"
	}
	if m := forbidden.FindString(low); m != "" {
		return "查询中不能出现 " + m
	}
	return ""
}

// readFile reads a CSV or xlsx file; the first row names the columns.
func readFile(name string, data []byte, f each) error {
	if strings.HasSuffix(strings.ToLower(name), ".xlsx") {
		return readSheet(data, f)
	}
	return readCSV(data, f)
}

// readCSV reads UTF-8, with or without a mark, and GB18030 as spreadsheets
// write it. Rows that are too short have empty fields.
func readCSV(data []byte, f each) error {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		d, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err != nil {
			return errs.New(errs.Invalid, "文件不是 UTF-8 或 GB18030 编码")
		}
		data = d
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	head, err := r.Read()
	if err != nil {
		return errs.New(errs.Invalid, "文件没有表头行")
	}
	head, err = columns(head)
	if err != nil {
		return err
	}
	for n := int64(1); ; n++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errs.New(errs.Invalid, "第 %d 行不是正确的 CSV", n+1)
		}
		if err := f(n, rowOf(head, rec)); err != nil {
			return err
		}
	}
}

func columns(head []string) ([]string, error) {
	out := make([]string, 0, len(head))
	for _, h := range head {
		out = append(out, strings.TrimSpace(h))
	}
	if len(out) == 0 || len(out) > maxColumns {
		return nil, errs.New(errs.Invalid, "表头应有 1 到 %d 列", maxColumns)
	}
	return out, nil
}

func rowOf(head, rec []string) Row {
	row := make(Row, len(head))
	for i, h := range head {
		if h != "" && i < len(rec) {
			row[h] = rec[i]
		}
	}
	return row
}

func readSheet(data []byte, f each) error {
	x, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: 256 << 20, UnzipXMLSizeLimit: 64 << 20})
	if err != nil {
		return errs.New(errs.Invalid, "文件不是正确的 xlsx")
	}
	defer func() { _ = x.Close() }()
	names := x.GetSheetList()
	if len(names) == 0 {
		return errs.New(errs.Invalid, "文件没有工作表")
	}
	rows, err := x.Rows(names[0])
	if err != nil {
		return errs.New(errs.Invalid, "工作表读不出来")
	}
	defer func() { _ = rows.Close() }()
	var head []string
	for n := int64(0); rows.Next(); n++ {
		rec, err := rows.Columns()
		if err != nil {
			return errs.New(errs.Invalid, "第 %d 行读不出来", n+1)
		}
		if n == 0 {
			if head, err = columns(rec); err != nil {
				return err
			}
			continue
		}
		if err := f(n, rowOf(head, rec)); err != nil {
			return err
		}
	}
	if head == nil {
		return errs.New(errs.Invalid, "文件没有表头行")
	}
	return nil
}

// readHTTP reads an interface page by page.
func readHTTP(ctx context.Context, c *http.Client, conn Connection, f each) error {
	cursor, n := "", int64(0)
	for range maxPages {
		items, next, err := fetch(ctx, c, conn, cursor)
		if err != nil {
			return err
		}
		for _, it := range items {
			n++
			if err := f(n, flat(it)); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		if next == cursor {
			return errs.New(errs.Unavailable, "对方的分页没有前进，已停止")
		}
		cursor = next
	}
	return errs.New(errs.Unavailable, "对方的数据超过 %d 页", maxPages)
}

func fetch(ctx context.Context, c *http.Client, conn Connection, cursor string) ([]any, string, error) {
	u, err := url.Parse(conn.URL)
	if err != nil {
		return nil, "", errs.Invalidf("connection.url", "地址不正确")
	}
	if cursor != "" {
		q := u.Query()
		q.Set("cursor", cursor)
		u.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", errs.Invalidf("connection.url", "地址不正确")
	}
	if conn.Token != "" {
		req.Header.Set("Authorization", "Bearer "+conn.Token)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, "", errs.Wrap(errs.Unavailable, "数据接口连接不上", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, "", errs.New(errs.Unavailable, "数据接口应答 %d", res.StatusCode)
	case err != nil || len(raw) > maxAnswer:
		return nil, "", errs.Wrap(errs.Unavailable, "数据接口的应答没有读完或过大", err)
	}
	return parseItems(raw)
}

// parseItems reads a list, or an object with items and next.
func parseItems(raw []byte) ([]any, string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, "", errs.New(errs.Unavailable, "数据接口的应答不是 JSON")
	}
	switch x := v.(type) {
	case []any:
		return x, "", nil
	case map[string]any:
		items, ok := x["items"].([]any)
		next, _ := x["next"].(string)
		if ok {
			return items, next, nil
		}
	}
	return nil, "", errs.New(errs.Unavailable, "数据接口的应答应为列表，或含 items 的对象")
}

// flat makes a row of an object: fields inside objects get names with dots.
func flat(v any) Row {
	out := Row{}
	var walk func(prefix string, v any, depth int)
	walk = func(prefix string, v any, depth int) {
		m, ok := v.(map[string]any)
		if ok && depth < 6 {
			for k, e := range m {
				name := k
				if prefix != "" {
					name = prefix + "." + k
				}
				walk(name, e, depth+1)
			}
			return
		}
		if prefix != "" && len(out) < maxColumns {
			out[prefix] = plain(v)
		}
	}
	walk("", v, 0)
	return out
}

func plain(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []byte:
		return string(x)
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case []any, map[string]any:
		return toJSON(x)
	}
	return fmt.Sprint(v)
}
