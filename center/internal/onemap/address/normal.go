// Package address reads the addresses of Shanghai as people write them, and
// compares them. It knows the habits of the city (lanes and sub-lanes, house
// numbers with 甲 or a dash, towns, corners of two roads) and the slips of
// writing, but no place: what exists is the business of an index. It is pure.
package address

import (
	"strings"
)

// full maps signs that are written in several ways.
func full(r rune) rune {
	switch {
	case r >= '！' && r <= '～': // full width
		return r - 0xFEE0
	case r == '　':
		return ' '
	}
	switch r {
	case '—', '–', '－', '―', '~', '至', '〜':
		if r == '至' {
			return r
		}
		return '-'
	case '【', '〔', '［':
		return '('
	case '】', '〕', '］':
		return ')'
	case '〇', '零':
		return '零'
	}
	if s, ok := simple(r); ok {
		return s
	}
	return r
}

// simple gives the simplified form of the characters that appear in the
// city's addresses.
func simple(r rune) (rune, bool) {
	const from = "滙匯衛衞號樓區鎮東國華龍寶長寧楊張蘇廣場廈灣灘徑鄉縣內門陽陸濱興慶義業園龢蘭虬嶽發財後單層徳麗闊漢滬淞橋寛關鳳馬鳥飛魚黃齊車書萬豐"
	const to = "汇汇卫卫号楼区镇东国华龙宝长宁杨张苏广场厦湾滩径乡县内门阳陆滨兴庆义业园和兰虬岳发财后单层德丽阔汉沪淞桥宽关凤马鸟飞鱼黄齐车书万丰"
	f, t := []rune(from), []rune(to)
	for i, x := range f {
		if x == r {
			return t[i], f[i] != t[i]
		}
	}
	return r, false
}

// Normal brings a text into one form: simplified characters, half-width signs,
// no spaces, upper-case letters, and # as 号. What stands in brackets is taken
// away and given apart.
func Normal(s string) (plain, note string) {
	var b, n strings.Builder
	depth := 0
	for _, r := range s {
		r = full(r)
		switch {
		case r == '(':
			depth++
			continue
		case r == ')':
			depth = max(depth-1, 0)
			continue
		case r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0' || r == '\u200b' || r == '\ufeff' || r < ' ':
			continue
		case r == '#' || r == '＃':
			r = '号'
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		if depth > 0 {
			n.WriteRune(r)
		} else {
			b.WriteRune(r)
		}
	}
	return strings.ReplaceAll(b.String(), "号号", "号"), n.String()
}

// digits of Chinese numbers; 0 is written 零 by Normal.
func digit(r rune) (int, bool) {
	if r >= '0' && r <= '9' {
		return int(r - '0'), true
	}
	i := strings.IndexRune("零一二三四五六七八九", r)
	if i < 0 {
		if r == '两' {
			return 2, true
		}
		return 0, false
	}
	return i / len("零"), true
}

// unit gives ten, hundred, thousand.
func unit(r rune) (int, bool) {
	switch r {
	case '十':
		return 10, true
	case '百':
		return 100, true
	case '千':
		return 1000, true
	}
	return 0, false
}

func numeral(r rune) bool {
	_, d := digit(r)
	_, u := unit(r)
	return d || u
}

// Number reads an Arabic or Chinese number: 579, 五七九, 五百七十九, 十八.
func Number(s string) (int, bool) {
	if s == "" || len([]rune(s)) > 7 {
		return 0, false
	}
	counted := strings.ContainsAny(s, "十百千")
	total, run, any := 0, 0, false
	for _, r := range s {
		if d, ok := digit(r); ok {
			any = true
			if counted {
				run = d
			} else {
				total = total*10 + d
			}
			continue
		}
		u, ok := unit(r)
		if !ok {
			return 0, false
		}
		any = true
		if run == 0 {
			run = 1 // 十八
		}
		total += run * u
		run = 0
	}
	return total + run, any && total+run < 1_000_000
}
