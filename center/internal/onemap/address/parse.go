package address

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parts are the pieces of an address; what it does not say is empty or 0.
type Parts struct {
	District string `json:"district"` // 黄浦区
	Town     string `json:"town"`     // 外滩街道, 川沙新镇
	Village  string `json:"village"`  // 村、新村、小区 before or instead of a road
	Road     string `json:"road"`
	// Cross is the second road of a corner.
	Cross   string `json:"cross"`
	Lane    int    `json:"lane"`
	SubLane int    `json:"subLane"`
	Number  int    `json:"number"`
	// To is the last number of a range (579-583号).
	To int `json:"to"`
	// Suffix is 甲, 乙 or what follows a dash (579-1号, 579号-1).
	Suffix   string `json:"suffix"`
	Building string `json:"building"`
	Unit     string `json:"unit"`
	Floor    string `json:"floor"`
	Room     string `json:"room"`
	// Rest is what was not understood: the name of a house or shop.
	Rest string `json:"rest"`
	// Near tells that the place lies near the address, not at it.
	Near bool `json:"near"`
}

// Book is what the reader knows of the city. The zero value knows nothing
// and reads by form alone.
type Book struct {
	// Districts and Towns are full names (黄浦区, 外滩街道).
	Districts, Towns []string
	// Road tells whether a road of the name exists; nil knows none.
	Road func(name string) bool
}

// cutPrefix drops one of the words.
func cutPrefix(s string, words ...string) (string, bool) {
	for _, w := range words {
		if r, ok := strings.CutPrefix(s, w); ok {
			return r, true
		}
	}
	return s, false
}

// Parse reads an address. It takes any text: what it does not understand is
// in Rest.
func (b Book) Parse(s string) Parts {
	s, note := Normal(s)
	if utf8.RuneCountInString(s) > 120 {
		s = string([]rune(s)[:120])
	}
	p := Parts{}
	s = strings.NewReplacer(",", "", "，", "", "。", "", ";", "", "、、", "、", ":", "", "：", "").Replace(s)
	s, _ = cutPrefix(s, "中国")
	s, _ = cutPrefix(s, "上海市市辖区", "上海市", "上海")
	s = b.district(s, &p)
	s = b.town(s, &p)
	s = b.road(s, &p)
	s = numbers(s, &p)
	s = rooms(s, &p)
	s = strings.Trim(s, "-、.·/")
	p.Rest = near(s, &p)
	if strings.HasPrefix(note, "近") || strings.HasPrefix(note, "靠近") {
		if c, ok := corner(strings.TrimPrefix(strings.TrimPrefix(note, "靠"), "近")); ok && p.Cross == "" {
			p.Cross = c
		}
	}
	return p
}

// district takes a district's name from the front, also without 区.
func (b Book) district(s string, p *Parts) string {
	for _, d := range b.Districts {
		if r, ok := strings.CutPrefix(s, d); ok {
			p.District = d
			return r
		}
	}
	if r, ok := cutPrefix(s, "浦东"); ok { // 浦东张杨路, but 浦东大道, 浦东南路
		if !strings.HasPrefix(r, "大道") && !strings.HasPrefix(r, "南路") && !strings.HasPrefix(r, "北路") && slices.Contains(b.Districts, "浦东新区") {
			p.District = "浦东新区"
			return r
		}
		return s
	}
	for _, d := range b.Districts {
		short := strings.TrimSuffix(d, "区")
		r, ok := strings.CutPrefix(s, short)
		if !ok || utf8.RuneCountInString(short) < 2 {
			continue
		}
		// 黄浦 before another name is the district; before 路 it is a road.
		if name := roadName(r); name != "" && utf8.RuneCountInString(name) > 2 && !roadSuffix(r) && (b.Road == nil || !b.Road(short+name) || b.Road(name)) {
			p.District = d
			return r
		}
	}
	return s
}

// roadSuffix tells whether a text goes on as the end of a road's name would
// (路, 东路, 中路, 一路, 大道 …).
func roadSuffix(s string) bool {
	s, _ = cutPrefix(s, "东", "南", "西", "北", "中", "一", "二", "三", "四", "五", "支", "新", "老")
	_, ok := cutPrefix(s, "路", "街", "大道", "公路", "村", "里", "坊", "弄", "镇")
	return ok
}

// town takes a street's or town's name from the front.
func (b Book) town(s string, p *Parts) string {
	best := ""
	for _, t := range b.Towns {
		if strings.HasPrefix(s, t) && len(t) > len(best) {
			best = t
		}
	}
	if best != "" {
		p.Town = best
		return s[len(best):]
	}
	for _, t := range b.Towns { // 瑞金二路街道 as 瑞金二路街道办事处, 张江镇 as 张江高科技园区镇 do not occur
		if r, ok := strings.CutPrefix(s, strings.TrimSuffix(t, "街道")+"街"); ok && strings.HasSuffix(t, "街道") && !numeralFirst(r) {
			p.Town = t
			return r
		}
	}
	if i := strings.Index(s, "街道"); i > 0 && utf8.RuneCountInString(s[:i]) <= 8 && !strings.ContainsAny(s[:i], "0123456789号弄") {
		p.Town = s[:i+len("街道")]
		return s[i+len("街道"):]
	}
	if i := strings.Index(s, "镇"); i > 0 {
		head, tail := s[:i], s[i+len("镇"):]
		if n := utf8.RuneCountInString(head); n >= 2 && n <= 5 && !strings.ContainsAny(head, "路街弄号0123456789") && !roadSuffix(tail) && tail != "" {
			p.Town = s[:i+len("镇")]
			return tail
		}
	}
	return s
}

func numeralFirst(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && numeral(r)
}

// ends of roads' names, the longer ones first.
func ends() []string { return []string{"路步行街", "公路", "大道", "路", "街", "道", "巷"} }

// roadName gives the road's name at the front of a text, "" without one.
func roadName(s string) string {
	at, end := -1, ""
	for _, e := range ends() {
		i := strings.Index(s, e)
		if i <= 0 {
			continue
		}
		// The first end wins; at the same place the longer one.
		if at < 0 || i+len(e) < at+len(end) || i == at && len(e) > len(end) {
			at, end = i, e
		}
	}
	if at < 0 {
		return ""
	}
	name := s[:at+len(end)]
	if end == "路" && strings.HasPrefix(s[at:], "路步行街") {
		name = s[:at+len("路步行街")]
	}
	if strings.HasSuffix(name, "街") && strings.HasPrefix(s[len(name):], "道") {
		return ""
	}
	if n := utf8.RuneCountInString(name); n < 2 || n > 14 || strings.ContainsAny(name, "0123456789弄号室") {
		return ""
	}
	return name
}

// road takes the road, a village before it, and the second road of a corner.
func (b Book) road(s string, p *Parts) string {
	s, close := cutPrefix(s, "靠近", "近", "临近")
	p.Near = p.Near || close
	name := roadName(s)
	if name == "" {
		return village(s, p)
	}
	rest := s[len(name):]
	p.Road = b.known(name, p)
	if c, tail, ok := b.second(rest); ok {
		p.Cross = c
		return tail
	}
	return rest
}

// known splits what stands before a road that exists (新天地太仓路).
func (b Book) known(name string, p *Parts) string {
	if b.Road == nil || b.Road(name) {
		return name
	}
	for i := range name {
		if i == 0 {
			continue
		}
		if tail := name[i:]; utf8.RuneCountInString(tail) >= 3 && b.Road(tail) {
			p.Village = strings.TrimSpace(name[:i])
			return tail
		}
	}
	return name
}

// second reads the second road of a corner: 四川中路、福州路路口.
func (b Book) second(s string) (name, rest string, ok bool) {
	t, mark := cutPrefix(s, "与", "和", "、", "/", "-", "近", "靠近", "(近")
	n := roadName(t)
	if n == "" {
		return "", s, false
	}
	tail := t[len(n):]
	after, corner := cutPrefix(tail, "路口", "交叉口", "交汇处", "口", "转角", "交界处")
	switch {
	case corner:
		return n, after, true
	case mark && (tail == "" || !numeralFirst(tail)):
		return n, tail, true
	}
	return "", s, false
}

// corner reads a road's name in brackets (近福州路).
func corner(s string) (string, bool) {
	n := roadName(s)
	return n, n != ""
}

// village takes a village's or quarter's name where there is no road.
func village(s string, p *Parts) string {
	for _, e := range []string{"新村", "小区", "花园", "公寓", "村", "苑", "坊", "里", "队", "组"} {
		i := strings.Index(s, e)
		if i <= 0 {
			continue
		}
		head := s[:i]
		if n := utf8.RuneCountInString(head); n > 10 || strings.ContainsAny(head, "0123456789号弄室") {
			continue
		}
		p.Village = s[:i+len(e)]
		return s[i+len(e):]
	}
	return s
}

// lead reads a number at the front, in either writing.
func lead(s string) (n int, rest string, ok bool) {
	end := 0
	for i, r := range s {
		if !numeral(r) {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	if end == 0 {
		return 0, s, false
	}
	n, ok = Number(s[:end])
	return n, s[end:], ok
}

// numbers reads lane, sub-lane and house number.
func numbers(s string, p *Parts) string {
	for range 6 {
		s, _ = cutPrefix(s, "门牌", "第", "NO.", "NO")
		n, rest, ok := lead(s)
		if !ok {
			return s
		}
		switch {
		case strings.HasPrefix(rest, "支弄"):
			p.SubLane, s = n, rest[len("支弄"):]
		case strings.HasPrefix(rest, "弄") && p.Lane == 0:
			p.Lane, s = n, rest[len("弄"):]
		case strings.HasPrefix(rest, "弄"):
			p.SubLane, s = n, rest[len("弄"):]
		case p.Number == 0:
			t, done := house(n, rest, p)
			if !done {
				return s
			}
			s = t
		default:
			return s
		}
		if p.Number != 0 {
			return s
		}
	}
	return s
}

// stopWords follow a number that is none of a house.
func stopWord(s string) bool {
	_, ok := cutPrefix(s, "号楼", "幢", "栋", "座", "单元", "室", "楼", "层", "F", "米", "M", "组", "队", "期", "区", "路", "房")
	return ok
}

// house reads a house number: 579号, 579号甲, 579甲号, 579-1号, 579-583号,
// 579、581号, 579.
func house(n int, rest string, p *Parts) (string, bool) {
	if stopWord(rest) || n == 0 {
		return rest, false
	}
	p.Number = n
	for _, x := range []string{"甲", "乙", "丙", "丁", "A", "B", "C", "D"} {
		if t, ok := strings.CutPrefix(rest, x+"号"); ok {
			p.Suffix = x
			return t, true
		}
	}
	if t, ok := cutPrefix(rest, "-", "、", "至", "/", "号-", "号、", "号至", "号/", "之", "号之"); ok {
		if m, tail, ok := lead(t); ok && !stopWord(tail) {
			tail, had := cutPrefix(tail, "号")
			dash := strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "号-") || strings.HasPrefix(rest, "之") || strings.HasPrefix(rest, "号之")
			switch {
			case dash && m <= n: // 579-1号 is a part of 579
				p.Suffix = fmt.Sprint(m)
				return tail, true
			case had || !dash || m > n && m-n < 200:
				p.To = max(m, n)
				return tail, true
			}
		}
	}
	t, had := cutPrefix(rest, "号")
	if !had {
		return rest, true
	}
	for _, x := range []string{"甲", "乙", "丙", "丁"} {
		if tail, ok := strings.CutPrefix(t, x); ok {
			p.Suffix = x
			return tail, true
		}
	}
	return t, true
}

// token reads letters and numerals that end in one of the words: 12幢, B座,
// 三楼, 601室, 2001-2002室.
func token(s string, words ...string) (value, rest string, ok bool) {
	end := 0
	for i, r := range s {
		if !numeral(r) && !(r >= 'A' && r <= 'Z') && r != '-' && r != '、' && r != '东' && r != '西' && r != '南' && r != '北' {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	if end == 0 {
		return "", s, false
	}
	for _, w := range words {
		if t, ok := strings.CutPrefix(s[end:], w); ok {
			v := strings.Trim(s[:end], "-、")
			if n, ok := Number(v); ok {
				v = fmt.Sprint(n)
			}
			return v, t, v != ""
		}
	}
	return "", s, false
}

// rooms reads building, unit, floor and room in any order.
func rooms(s string, p *Parts) string {
	for range 8 {
		if v, t, ok := token(s, "号楼", "幢", "栋", "座", "号房"); ok && p.Building == "" {
			p.Building, s = v, t
		} else if v, t, ok := token(s, "单元", "门"); ok && p.Unit == "" {
			p.Unit, s = v, t
		} else if v, t, ok := token(s, "室", "房", "铺", "号铺", "号商铺", "号室"); ok && p.Room == "" {
			p.Room, s = v, t
		} else if v, t, ok := token(s, "层", "楼", "F"); ok && p.Floor == "" {
			p.Floor, s = strings.TrimSuffix(v, "F"), t
		} else if v, t, ok := floorF(s); ok && p.Floor == "" {
			p.Floor, s = v, t
		} else if _, t, ok := token(s, "号"); ok && p.Number != 0 && p.Building == "" && p.Lane == 0 {
			v, _, _ := token(s, "号")
			p.Building, s = v, t
		} else {
			break
		}
	}
	if n, t, ok := lead(s); ok && t == "" && p.Room == "" && p.Number != 0 && n >= 100 { // 579号601
		p.Room, s = fmt.Sprint(n), ""
	}
	return s
}

// floorF reads 1F and B1, which token takes as one word.
func floorF(s string) (string, string, bool) {
	for i := 1; i <= 3 && i < len(s); i++ {
		if s[i] == 'F' && s[i-1] >= '0' && s[i-1] <= '9' {
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}

// near takes away the words for beside, opposite, east of.
func near(s string, p *Parts) string {
	for _, w := range []string{"东侧", "西侧", "南侧", "北侧", "东首", "对面", "旁边", "旁", "附近", "路口", "门口", "门前", "沿街", "沿线", "周边", "前", "处"} {
		if t, ok := strings.CutSuffix(s, w); ok {
			p.Near = true
			return strings.Trim(t, "-、")
		}
	}
	return s
}

// Standard writes the address in the one form that is kept: city, district,
// town, road, lane, number, room.
func (p Parts) Standard() string {
	var b strings.Builder
	b.WriteString("上海市" + p.District + p.Town + p.Street())
	if p.Building != "" {
		b.WriteString(p.Building + "号楼")
	}
	if p.Unit != "" {
		b.WriteString(p.Unit + "单元")
	}
	if p.Floor != "" && p.Room == "" {
		b.WriteString(p.Floor + "层")
	}
	if p.Room != "" {
		b.WriteString(p.Room + "室")
	}
	return b.String()
}

// Street writes village, road, lane and number.
func (p Parts) Street() string {
	var b strings.Builder
	if p.Road == "" {
		b.WriteString(p.Village)
	}
	b.WriteString(p.Road)
	if p.Lane > 0 {
		fmt.Fprintf(&b, "%d弄", p.Lane)
	}
	if p.SubLane > 0 {
		fmt.Fprintf(&b, "%d支弄", p.SubLane)
	}
	switch {
	case p.Number > 0 && p.Suffix != "" && p.Suffix[0] >= '0' && p.Suffix[0] <= '9':
		fmt.Fprintf(&b, "%d-%s号", p.Number, p.Suffix)
	case p.Number > 0 && p.To > 0:
		fmt.Fprintf(&b, "%d-%d号", p.Number, p.To)
	case p.Number > 0:
		fmt.Fprintf(&b, "%d号%s", p.Number, p.Suffix)
	case p.Cross != "":
		b.WriteString(p.Cross + "路口")
	}
	return b.String()
}

// LaneKey writes lane and sub-lane as one key, "" without a lane.
func (p Parts) LaneKey() string {
	switch {
	case p.SubLane > 0:
		return fmt.Sprintf("%d/%d", p.Lane, p.SubLane)
	case p.Lane > 0:
		return fmt.Sprint(p.Lane)
	}
	return ""
}
