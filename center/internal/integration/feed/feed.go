// Package feed brings rows in from outside: a table of another database, an
// HTTP interface or a file is read row by row, mapped to fields, checked by
// quality rules, and loaded into shops, cameras or plain records. What fails
// is kept with its reasons and can be run again; every run accounts for each
// row of the source.
package feed

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Kinds of sources and targets.
const (
	Database = "database"
	HTTP     = "http"
	File     = "file"

	TargetShops   = "shops"
	TargetCameras = "cameras"
	TargetRecords = "records"
)

// Map takes one field of the source to one of the target.
type Map struct {
	// From is the column's name or, for HTTP, a path such as "shop.name".
	From string `json:"from" maxLength:"80"`
	// To is the target's field; plain records take any name.
	To string `json:"to" maxLength:"60"`
	// Do changes the text on the way: trim, upper, lower, digits, number,
	// date, or nothing.
	Do string `json:"do,omitempty" enum:",trim,upper,lower,digits,number,date"`
	// Values replaces whole values, for codes that differ.
	Values map[string]string `json:"values,omitempty"`
	// Default stands for an empty value.
	Default string `json:"default,omitempty" maxLength:"200"`
}

// Quality is one rule of quality for a target field.
type Quality struct {
	Field string `json:"field" maxLength:"60"`
	Rule  string `json:"rule" enum:"required,format,range,reference,unique"`
	// Arg is the pattern, "least,most", or the list of allowed values.
	Arg   string `json:"arg,omitempty" maxLength:"500"`
	Level string `json:"level" enum:"warn,reject"`
}

// Connection is how the source is reached; it is stored sealed.
type Connection struct {
	// DSN is postgres://… or sqlite:PATH of a database.
	DSN string `json:"dsn,omitempty" maxLength:"500"`
	// URL and Token are of an HTTP interface that answers
	// {"items":[…],"next":"…"} or a list.
	URL   string `json:"url,omitempty" maxLength:"500"`
	Token string `json:"token,omitempty" maxLength:"500"`
	// Name and SM3 are of an uploaded file.
	Name string `json:"name,omitempty" maxLength:"200"`
	SM3  string `json:"sm3,omitempty" maxLength:"64"`
}

// Feed is one data source.
type Feed struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Kind         string       `json:"kind" enum:"database,http,file"`
	Target       string       `json:"target" enum:"shops,cameras,records"`
	Place        string       `json:"place" doc:"Where it is read from, without secrets"`
	Query        string       `json:"query,omitempty"`
	Mapping      []Map        `json:"mapping"`
	Rules        []Quality    `json:"rules"`
	KeyField     string       `json:"keyField"`
	RowCap       int          `json:"rowCap"`
	EveryMinutes int          `json:"everyMinutes"`
	WorkdaysOnly bool         `json:"workdaysOnly"`
	Enabled      bool         `json:"enabled"`
	NextAt       *clock.Stamp `json:"nextAt,omitempty"`
	OpenRows     int64        `json:"openRows" doc:"Rejected rows that wait"`
	Last         *FeedRun     `json:"last,omitempty"`
	Rev          int64        `json:"rev"`
}

// FeedWrite is what a person writes about a feed.
type FeedWrite struct {
	Name string `json:"name" maxLength:"200"`
	Kind string `json:"kind" enum:"database,http,file"`
	// Connection that is empty keeps the stored one.
	Connection   Connection `json:"connection"`
	Target       string     `json:"target" enum:"shops,cameras,records"`
	Query        string     `json:"query,omitempty" maxLength:"4000"`
	Mapping      []Map      `json:"mapping" maxItems:"60"`
	Rules        []Quality  `json:"rules" maxItems:"100"`
	KeyField     string     `json:"keyField" maxLength:"60"`
	RowCap       int        `json:"rowCap"`
	EveryMinutes int        `json:"everyMinutes"`
	WorkdaysOnly bool       `json:"workdaysOnly"`
	Enabled      bool       `json:"enabled"`
	Rev          int64      `json:"rev,omitempty"`
}

// maxCap bounds the rows of one run.
const maxCap = 1_000_000

// fields are what a target takes; nil takes anything.
func fields(target string) (all, needed []string) {
	switch target {
	case TargetShops:
		return []string{"name", "signName", "address", "regionCode", "lng", "lat", "business", "contact"}, []string{"name", "address", "regionCode", "lng", "lat"}
	case TargetCameras:
		return []string{"code", "name", "address", "regionCode", "lng", "lat", "url", "subUrl", "username", "password"}, []string{"code", "name", "regionCode", "lng", "lat", "url"}
	}
	return nil, nil
}

func (in *FeedWrite) check() error {
	var f errs.Fields
	in.Name, in.Query = strings.TrimSpace(in.Name), strings.TrimSpace(in.Query)
	f.Check(in.Name != "" && utf8.RuneCountInString(in.Name) <= 40, "name", "名称应为 1 到 40 个字")
	f.Check(slices.Contains([]string{Database, HTTP, File}, in.Kind), "kind", "种类应为数据库、接口或文件")
	f.Check(slices.Contains([]string{TargetShops, TargetCameras, TargetRecords}, in.Target), "target", "目标应为商铺、点位或通用记录")
	f.Check(in.RowCap >= 1 && in.RowCap <= maxCap, "rowCap", "每次行数上限应为 1 到 %d", maxCap)
	f.Check(in.EveryMinutes == 0 || in.EveryMinutes >= 5 && in.EveryMinutes <= 43200, "everyMinutes", "间隔应为 5 分钟到 30 天，0 为只手动")
	if in.Kind == Database {
		if err := checkQuery(in.Query); err != "" {
			f.Add("query", "%s", err)
		}
	}
	in.checkConnection(&f)
	in.checkMapping(&f)
	for i, r := range in.Rules {
		if msg := r.fault(); msg != "" {
			f.Add("rules["+strconv.Itoa(i)+"]", "第 %d 条规则：%s", i+1, msg)
		}
	}
	return f.Err()
}

func (in *FeedWrite) checkConnection(f *errs.Fields) {
	c := in.Connection
	if c == (Connection{}) {
		return // keeps the stored one; a new feed is refused by Save
	}
	switch in.Kind {
	case Database:
		f.Check(strings.HasPrefix(c.DSN, "postgres://") || strings.HasPrefix(c.DSN, "postgresql://") || strings.HasPrefix(c.DSN, "sqlite:/"), "connection.dsn", "连接应为 postgres://… 或 sqlite:/绝对路径")
	case HTTP:
		f.Check(strings.HasPrefix(c.URL, "https://") || strings.HasPrefix(c.URL, "http://"), "connection.url", "地址应以 https:// 开头")
	case File:
		low := strings.ToLower(c.Name)
		f.Check(strings.HasSuffix(low, ".csv") || strings.HasSuffix(low, ".xlsx"), "connection.name", "文件应为 CSV 或 xlsx")
		f.Check(len(c.SM3) == 64, "connection.sm3", "请先上传文件")
	}
}

func (in *FeedWrite) checkMapping(f *errs.Fields) {
	all, needed := fields(in.Target)
	have := map[string]bool{}
	for i, m := range in.Mapping {
		at := "mapping[" + strconv.Itoa(i) + "]"
		f.Check(m.From != "" || m.Default != "", at, "第 %d 行映射缺少来源字段或默认值", i+1)
		f.Check(fieldForm.MatchString(m.To), at, "第 %d 行映射的目标字段应为字母开头的字母数字", i+1)
		f.Check(all == nil || slices.Contains(all, m.To), at, "目标没有字段 %.40s", m.To)
		f.Check(!have[m.To], at, "字段 %.40s 映射了两次", m.To)
		have[m.To] = true
	}
	for _, n := range needed {
		f.Check(have[n], "mapping", "目标必填字段 %s 没有映射", n)
	}
	f.Check(have[in.KeyField], "keyField", "请选择一个已映射的字段作为唯一标识")
}

var fieldForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,59}$`)

func (q Quality) fault() string {
	if !fieldForm.MatchString(q.Field) {
		return "没有选择字段"
	}
	if q.Level != "warn" && q.Level != "reject" {
		return "级别应为提醒或拒绝"
	}
	switch q.Rule {
	case "required", "unique":
		return ""
	case "format":
		if _, err := regexp.Compile(q.Arg); err != nil || q.Arg == "" {
			return "格式应为正则表达式"
		}
		return ""
	case "range":
		if _, _, ok := bounds(q.Arg); !ok {
			return "范围应写作 最小,最大"
		}
		return ""
	case "reference":
		if strings.TrimSpace(q.Arg) == "" {
			return "引用应为 region 或用逗号分开的取值"
		}
		return ""
	}
	return "没有这种规则"
}

func bounds(arg string) (lo, hi float64, ok bool) {
	a, b, found := strings.Cut(arg, ",")
	lo, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
	hi, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
	return lo, hi, found && err1 == nil && err2 == nil && lo <= hi
}

// Row is one row of a source or of a target, by field.
type Row map[string]string

// mapped takes a source row to the target's fields.
func mapped(list []Map, in Row) Row {
	out := make(Row, len(list))
	for _, m := range list {
		v := change(m.Do, in[m.From])
		if x, ok := m.Values[v]; ok {
			v = x
		}
		if v == "" {
			v = m.Default
		}
		out[m.To] = v
	}
	return out
}

func change(do, v string) string {
	v = strings.ToValidUTF8(strings.ReplaceAll(v, "\x00", ""), "")
	switch do {
	case "trim":
		return strings.TrimSpace(v)
	case "upper":
		return strings.ToUpper(strings.TrimSpace(v))
	case "lower":
		return strings.ToLower(strings.TrimSpace(v))
	case "digits":
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, v)
	case "number":
		n, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(v), ",", ""), 64)
		if err != nil {
			return strings.TrimSpace(v) // the rules say what is wrong with it
		}
		return strconv.FormatFloat(n, 'f', -1, 64)
	case "date":
		for _, l := range []string{"2006-01-02", "2006/1/2", "20060102", "2006年1月2日", "2006-01-02 15:04:05", time.RFC3339} {
			if t, err := time.Parse(l, strings.TrimSpace(v)); err == nil {
				return t.Format("2006-01-02")
			}
		}
		return strings.TrimSpace(v)
	}
	return v
}

// Reason is why a row was refused or noted.
type Reason struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Level   string `json:"level" enum:"warn,reject"`
}

// checker judges the rows of one run.
type checker struct {
	rules  []Quality
	format map[string]*regexp.Regexp
	seen   map[string]map[string]bool
	region func(code string) bool
}

func newChecker(rules []Quality, region func(string) bool) *checker {
	c := &checker{rules: rules, format: map[string]*regexp.Regexp{}, seen: map[string]map[string]bool{}, region: region}
	for _, r := range rules {
		if r.Rule == "format" {
			if re, err := regexp.Compile(r.Arg); err == nil {
				c.format[r.Arg] = re
			}
		}
		if r.Rule == "unique" {
			c.seen[r.Field] = map[string]bool{}
		}
	}
	return c
}

// check gives what is wrong with a row.
func (c *checker) check(row Row) []Reason {
	out := []Reason{}
	for _, r := range c.rules {
		if msg := c.one(r, row[r.Field]); msg != "" {
			out = append(out, Reason{Field: r.Field, Message: msg, Level: r.Level})
		}
	}
	return out
}

func (c *checker) one(r Quality, v string) string {
	if r.Rule == "required" {
		if strings.TrimSpace(v) == "" {
			return "不能为空"
		}
		return ""
	}
	if v == "" {
		return ""
	}
	switch r.Rule {
	case "format":
		if re := c.format[r.Arg]; re != nil && !re.MatchString(v) {
			return "格式不符"
		}
	case "range":
		lo, hi, _ := bounds(r.Arg)
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || n < lo || n > hi {
			return "应在 " + r.Arg + " 之间"
		}
	case "reference":
		if r.Arg == "region" {
			if !c.region(v) {
				return "没有这个区划"
			}
		} else if !slices.Contains(strings.Split(r.Arg, ","), v) {
			return "应为 " + r.Arg + " 之一"
		}
	case "unique":
		if c.seen[r.Field][v] {
			return "与前面的行重复"
		}
		c.seen[r.Field][v] = true
	}
	return ""
}

// rejected tells whether one of the reasons forbids loading.
func rejected(list []Reason) bool {
	return slices.ContainsFunc(list, func(r Reason) bool { return r.Level == "reject" })
}

// FeedRun is one run. SourceCount is loaded + rejected + skipped, or the run
// is not balanced.
type FeedRun struct {
	ID          string       `json:"id"`
	FeedID      string       `json:"feedId"`
	State       string       `json:"state" enum:"running,done,failed"`
	Kind        string       `json:"kind" enum:"full,again"`
	Position    int64        `json:"position"`
	SourceCount int64        `json:"sourceCount"`
	Loaded      int64        `json:"loaded"`
	Rejected    int64        `json:"rejected"`
	Skipped     int64        `json:"skipped"`
	Warned      int64        `json:"warned"`
	Balanced    bool         `json:"balanced"`
	Note        string       `json:"note,omitempty"`
	ByName      string       `json:"byName"`
	StartedAt   clock.Stamp  `json:"startedAt"`
	EndedAt     *clock.Stamp `json:"endedAt,omitempty"`
}

// FeedRow is a row that was refused or noted.
type FeedRow struct {
	ID      string      `json:"id"`
	RunID   string      `json:"runId"`
	RowNo   int64       `json:"rowNo"`
	RowKey  string      `json:"rowKey"`
	Raw     string      `json:"raw"`
	Reasons []Reason    `json:"reasons"`
	Level   string      `json:"level" enum:"warn,reject"`
	State   string      `json:"state" enum:"open,loaded"`
	At      clock.Stamp `json:"at"`
}

// Target takes rows; it is shops or cameras.
type Target interface {
	// Put creates the row's thing, or changes the one with the id. It gives
	// the id.
	Put(ctx context.Context, id string, row Row) (string, error)
}

// Files keeps uploaded files.
type Files interface {
	Put(ctx context.Context, data []byte) (sm3 string, err error)
	Read(ctx context.Context, sm3 string) ([]byte, error)
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null" // texts and numbers: cannot fail
	}
	return string(b)
}
