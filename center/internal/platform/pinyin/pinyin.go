// Package pinyin tells how Chinese names sound, for searching by letters and
// for comparing names that are written differently. Names whose characters
// sound otherwise than usual (长宁, 厦门, 银行) are known.
package pinyin

import (
	"strings"
	"sync"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

// words are names whose characters sound otherwise than usual. The longest
// that fits wins.
const words = `长宁=chang ning;重庆=chong qing;厦门=xia men;银行=yin hang;行业=hang ye;商行=shang hang;车行=che hang;音乐=yin yue;乐器=yue qi;` +
	`成都=cheng du;首都=shou du;都市=du shi;大厦=da sha;单县=shan xian;大世界=da shi jie;六安=lu an;蚌埠=beng bu;番禺=pan yu;莘庄=xin zhuang;` +
	`漕河泾=cao he jing;重固=chong gu;洪行=hong hang;闵行=min hang;徐行=xu hang;南行=nan hang;柏树=bai shu;柏油=bai you;参茸=shen rong;` +
	`重建=chong jian;重新=chong xin;朝阳=chao yang;朝天=chao tian;校场=jiao chang;会计=kuai ji;仔鸡=zi ji;粘糕=nian gao;大夫=dai fu;降价=jiang jia`

// usual are characters whose first reading in the dictionary is not the one
// that names of places and shops have.
const usual = `长=chang;厦=sha;都=du;曾=zeng;泾=jing;堡=bao;圩=wei;弄=long;地=di;的=de;了=le;着=zhe;和=he;得=de;南=nan;大=da;车=che;石=shi;洋=yang;合=he;家=jia;广=guang;` +
	`万=wan;区=qu;解=jie;仇=qiu;查=cha;尉=wei;盛=sheng;宁=ning;薄=bo;便=bian;差=cha;传=chuan;单=dan;调=diao;干=gan;假=jia;角=jiao;空=kong;乐=le;行=xing;重=zhong;朝=chao;柏=bai`

func table(s string) map[string][]string {
	out := map[string][]string{}
	for _, w := range strings.Split(s, ";") {
		name, sound, _ := strings.Cut(w, "=")
		out[name] = strings.Fields(sound)
	}
	return out
}

// reader is how characters sound; nothing changes it once it is made.
type reader struct {
	words, usual map[string][]string
	longest      int
	// syllables are all there are, and starts the beginnings of them.
	syllables, starts map[string]bool
}

// shared is made once, in some milliseconds, when it is first needed.
var shared = sync.OnceValue(func() *reader {
	r := &reader{words: table(words), usual: table(usual), syllables: map[string]bool{}, starts: map[string]bool{}}
	for w := range r.words {
		r.longest = max(r.longest, len([]rune(w)))
	}
	for _, list := range pinyin.PinyinDict {
		for s := range strings.SplitSeq(list, ",") {
			s = plain(s)
			if !latin(s) {
				continue
			}
			r.syllables[s] = true
			for i := 1; i <= len(s); i++ {
				r.starts[s[:i]] = true
			}
		}
	}
	return r
})

// Syllable tells whether letters are a whole syllable.
func Syllable(s string) bool { return shared().syllables[s] }

// Starts tells whether letters begin a syllable.
func Starts(s string) bool { return shared().starts[s] }

// Of gives the usual reading of a character, "" when there is none.
func Of(c rune) string {
	if s, ok := shared().usual[string(c)]; ok {
		return s[0]
	}
	list, _, _ := strings.Cut(pinyin.PinyinDict[int(c)], ",")
	return plain(list)
}

// Full joins the syllables of a text.
func Full(s string) string { return strings.Join(Syllables(s), "") }

// plain drops the tone marks of a syllable; ü is written v.
func plain(s string) string {
	const marked, bare = "āáǎàēéěèōóǒòīíǐìūúǔùüǖǘǚǜńňǹḿ", "aaaaeeeeooooiiiiuuuuvvvvvnnnm"
	m := []rune(marked)
	var b strings.Builder
	for _, c := range s {
		for i, x := range m {
			if x == c {
				c = rune(bare[i])
				break
			}
		}
		if c < unicode.MaxASCII {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func latin(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

// Syllables gives how a text sounds: one syllable for each character, and
// letters and digits as they are, in lower case and in runs. Everything else
// is left out.
func Syllables(s string) []string {
	r, text := shared(), []rune(Fold(s))
	out := []string{}
	for i := 0; i < len(text); {
		c := text[i]
		if c <= unicode.MaxASCII {
			j := i
			for j < len(text) && alnum(text[j]) {
				j++
			}
			if j > i {
				out = append(out, string(text[i:j]))
			}
			i = max(j, i+1)
			continue
		}
		if w, n := r.word(text[i:]); n > 0 {
			out, i = append(out, w...), i+n
			continue
		}
		if s := Of(c); s != "" {
			out = append(out, s)
		}
		i++
	}
	return out
}

// word finds the longest special word that a text begins with.
func (r *reader) word(text []rune) ([]string, int) {
	for n := min(r.longest, len(text)); n > 1; n-- {
		if w, ok := r.words[string(text[:n])]; ok {
			return w, n
		}
	}
	return nil, 0
}

// Initials gives the first letter of each syllable; digits stay whole.
func Initials(s string) string {
	var b strings.Builder
	for _, x := range Syllables(s) {
		if x[0] >= '0' && x[0] <= '9' {
			b.WriteString(x)
		} else {
			b.WriteByte(x[0])
		}
	}
	return b.String()
}

func alnum(c rune) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// Fold makes one of the ways to write the same: lower case, and full width
// letters and digits as plain ones.
func Fold(s string) string {
	return strings.ToLower(strings.Map(func(c rune) rune {
		switch {
		case c >= '！' && c <= '～':
			return c - '！' + '!'
		case c == '　':
			return ' '
		}
		return c
	}, s))
}
