package patrol

import (
	"fmt"
	"strconv"
	"strings"
)

// Words says a schedule as people would: 工作日 07:30–09:30 每 20 分.
func (s Schedule) Words() string {
	parts := []string{s.dayWords()}
	if s.Pick > 0 {
		unit := "周"
		if s.Repeat == Monthly {
			unit = "月"
		}
		parts = append(parts, fmt.Sprintf("每%s随机抽 %d 天", unit, s.Pick))
	}
	windows := make([]string, len(s.Windows))
	for i, w := range s.Windows {
		windows[i] = w.From + "–" + w.To
		if from, to, ok := w.span(); ok && to > 24*60 && from < to {
			windows[i] = w.From + "–次日 " + w.To
		}
	}
	parts = append(parts, strings.Join(windows, "、"))
	if s.RandomMin > 0 {
		parts = append(parts, fmt.Sprintf("随机 %d 分", s.RandomMin))
	}
	if s.EveryMin > 0 {
		parts = append(parts, fmt.Sprintf("每 %d 分", s.EveryMin))
	}
	switch {
	case s.Holiday == HolidayNext:
		parts = append(parts, "遇假顺延")
	case s.Holiday == HolidaySkip && !s.Workdays && s.Repeat != OnDates:
		parts = append(parts, "遇节假日跳过")
	}
	return strings.Join(parts, " ")
}

func (s Schedule) dayWords() string {
	each := func(unit, one string) string {
		if s.Every > 1 {
			return fmt.Sprintf("每 %d %s", s.Every, unit)
		}
		return one
	}
	head := ""
	switch s.Repeat {
	case Daily:
		if s.Workdays {
			if s.Every > 1 {
				return each("天", "") + "（工作日）"
			}
			return "工作日"
		}
		return each("天", "每日")
	case Weekly:
		names := []string{"一", "二", "三", "四", "五", "六", "日"}
		days := []string{}
		for _, d := range s.Weekdays {
			if d >= 1 && d <= 7 {
				days = append(days, names[d-1])
			}
		}
		head = each("周", "每周") + strings.Join(days, "、")
	case Monthly:
		head = each("个月", "每月") + s.monthDayWords()
	case Quarterly:
		months := []string{}
		for _, m := range s.Months {
			if m >= 1 && m <= 3 {
				months = append(months, []string{"首月", "第二月", "末月"}[m-1])
			}
		}
		head = "每季" + strings.Join(months, "、") + s.monthDayWords()
	case Yearly:
		months := make([]string, len(s.Months))
		for i, m := range s.Months {
			months[i] = strconv.Itoa(m)
		}
		head = "每年 " + strings.Join(months, "、") + " 月" + s.monthDayWords()
	case OnDates:
		head = s.dateWords()
	}
	if s.Workdays {
		head += "（工作日）"
	}
	return head
}

func (s Schedule) dateWords() string {
	switch n := len(s.Dates); {
	case n == 0:
		return "指定日期"
	case n <= 2:
		return strings.Join(s.Dates, "、")
	default:
		return fmt.Sprintf("%s 起 %d 天", s.Dates[0], n)
	}
}

func (s Schedule) monthDayWords() string {
	days := []string{}
	last := false
	for _, d := range s.MonthDays {
		if d == -1 {
			last = true
			continue
		}
		days = append(days, strconv.Itoa(d))
	}
	out := ""
	if len(days) > 0 {
		out = " " + strings.Join(days, "、") + " 日"
	}
	if last {
		if out != "" {
			out += "和"
		}
		out += "最后一天"
	}
	return out
}
