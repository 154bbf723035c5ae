package alerts

import (
	"fmt"
	"math"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
)

// Facts puts an event into a sentence. It says only what the event holds:
// zone, moments, area, thresholds, readings; never what the thing might be.
func Facts(kind string, e edgev1.Event) string {
	switch edgev1.Kind(kind) {
	case edgev1.Stacking:
		return still(e, "人行道围栏", "内有物品静置")
	case edgev1.Frontage:
		return still(e, "门外围栏", "内有物品超出门线摆放")
	case edgev1.Sign:
		return signFacts(e)
	case edgev1.Picture:
		s := fmt.Sprintf("画面异常，%s 起", clockOf(e.Since))
		if e.Detail != "" {
			s += "：" + e.Detail
		}
		return s
	}
	return e.Detail
}

func still(e edgev1.Event, what, did string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s%s，%s 起", what, quoted(e.ZoneName), did, clockOf(e.Since))
	end, word := e.ConfirmedAt, "至确认已"
	if e.EndedAt != nil {
		end, word = *e.EndedAt, "共"
	}
	fmt.Fprintf(&b, "，%s %s", word, span(end.Sub(e.Since.Time)))
	if e.Area > 0 {
		fmt.Fprintf(&b, "，约占画面 %s%%", trim(e.Area*100))
	}
	if e.Rule.DwellS > 0 {
		fmt.Fprintf(&b, "，超过 %s静置阈值后确认", span(time.Duration(e.Rule.DwellS*float64(time.Second))))
	}
	fmt.Fprintf(&b, "，置信度 %.2f", e.Score)
	if e.ZoneHours != "" {
		fmt.Fprintf(&b, "，围栏时段 %s", e.ZoneHours)
	}
	return b.String()
}

func signFacts(e edgev1.Event) string {
	head := fmt.Sprintf("店招围栏%s，%s 起：", quoted(e.ZoneName), clockOf(e.Since))
	if e.Sign == nil {
		return head + "店招与登记不符"
	}
	return head + SignText(*e.Sign)
}

// SignText puts a reading of a sign into words.
func SignText(s edgev1.SignReading) string {
	reg := "登记店招" + quoted(s.Registered)
	votes := ""
	if s.Looks > 0 {
		votes = fmt.Sprintf("，%d 次识别中 %d 次一致", s.Looks, s.Votes)
	}
	switch s.Verdict {
	case edgev1.SignChanged:
		if s.Text == "" {
			return "店招图样已变更，" + reg + "，文字没有读出" + votes
		}
		return fmt.Sprintf("店招疑似变更，%s，现读出%s%s", reg, quoted(s.Text), votes)
	case edgev1.SignCovered:
		return "店招被遮挡，" + reg + "，没有读出" + votes
	case edgev1.SignGone:
		return "原位置未见店招，" + reg + votes
	case edgev1.SignUnreadable:
		return "店招无法辨认，请人工核对，" + reg + votes
	case edgev1.SignSame:
		return "店招与登记一致，" + reg + votes
	}
	return reg
}

func quoted(s string) string { return "“" + s + "”" }

func clockOf(t edgev1.Time) string { return t.In(clock.Shanghai()).Format(time.TimeOnly) }

// span says a length of time in words: 3 分 44 秒.
func span(d time.Duration) string {
	s := int64(math.Round(d.Seconds()))
	if s < 0 {
		s = 0
	}
	h, m, sec := s/3600, s%3600/60, s%60
	switch {
	case h > 0 && m > 0:
		return fmt.Sprintf("%d 时 %d 分", h, m)
	case h > 0:
		return fmt.Sprintf("%d 时", h)
	case m > 0 && sec > 0:
		return fmt.Sprintf("%d 分 %d 秒", m, sec)
	case m > 0:
		return fmt.Sprintf("%d 分", m)
	}
	return fmt.Sprintf("%d 秒", sec)
}

// trim prints a percentage with as many digits as it needs to be above zero.
func trim(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
