package deadline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/sheet"
)

// calendar gives the calendar as it is now; it is read again after a change.
func (s *Service) calendar(ctx context.Context, r reader) (calendar.Calendar, error) {
	rev, err := calendarRev(ctx, r)
	if err != nil {
		return calendar.Calendar{}, err
	}
	s.mu.Lock()
	c, known := s.cal, s.rev == rev
	s.mu.Unlock()
	if known {
		return c, nil
	}
	if c, err = readCalendar(ctx, r); err != nil {
		return calendar.Calendar{}, err
	}
	s.mu.Lock()
	s.cal, s.rev = c, rev
	s.mu.Unlock()
	return c, nil
}

// Holiday is one exception of the calendar.
type Holiday struct {
	YMD  int    `json:"ymd"`
	Kind string `json:"kind"` // off | on
	Name string `json:"name"`
}

// Year is the calendar of one year.
type Year struct {
	Year     int             `json:"year"`
	Entered  bool            `json:"entered"`
	Source   string          `json:"source"`
	Verified bool            `json:"verified"`
	Days     []Holiday       `json:"days"`
	Hours    []calendar.Span `json:"hours"`
	Workdays int64           `json:"workdays"`
	// Missing are this year and the next as far as they are not entered.
	Missing []int `json:"missing"`
}

// Year gives the calendar of one year to anyone who is signed in.
func (s *Service) Year(ctx context.Context, year int) (Year, error) {
	out := Year{Year: year, Days: []Holiday{}}
	if _, err := access.From(ctx); err != nil {
		return out, err
	}
	c, err := s.calendar(ctx, s.db.Read())
	if err != nil {
		return out, err
	}
	if out.Days, err = daysOf(ctx, s.db.Read(), year); err != nil {
		return out, err
	}
	row, found, err := yearOf(ctx, s.db.Read(), year)
	if err != nil {
		return out, err
	}
	out.Entered, out.Source, out.Verified = found, row.Source, row.Verified == 1
	out.Hours = c.Hours
	first := time.Date(year, 1, 1, 0, 0, 0, 0, clock.Shanghai())
	out.Workdays = c.WorkdayNumber(first.AddDate(1, 0, 0)) - c.WorkdayNumber(first)
	now := s.db.Now()
	out.Missing = c.Missing(now, now.AddDate(1, 0, 0))
	return out, nil
}

// changeCalendar runs a change of the calendar, and has open clocks computed
// again in the background.
func (s *Service) changeCalendar(ctx context.Context, summary, reason string, before, after any, f func(ctx context.Context, tx db.Tx, by string) error) (string, error) {
	who, err := access.Need(ctx, access.CalendarManage)
	if err != nil {
		return "", err
	}
	job := ""
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := f(ctx, tx, who.Name); err != nil {
			return err
		}
		if err := bumpCalendar(ctx, tx); err != nil {
			return err
		}
		var err error
		if job, err = s.timers.Enqueue(ctx, tx, recomputeKind, recomputeTask{Why: summary}, jobs.Titled("重算期限：工作日历变更")); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "deadline.calendar", Object: "calendar", Summary: summary, Reason: reason, Before: before, After: after})
	})
	return job, err
}

// SetDay makes a day a day off ("off"), a working day ("on"), or what its
// weekday says ("").
func (s *Service) SetDay(ctx context.Context, h Holiday, reason string) (string, error) {
	if err := h.validate("ymd"); err != nil {
		return "", err
	}
	word := map[string]string{"off": "放假", "on": "上班", "": "按星期"}[h.Kind]
	return s.changeCalendar(ctx, fmt.Sprintf("工作日历：%d %s %s", h.YMD, word, h.Name), reason, nil, h, func(ctx context.Context, tx db.Tx, by string) error {
		return putDay(ctx, tx, h, by)
	})
}

func (h Holiday) validate(field string) error {
	t, ok := dateOf(h.YMD)
	if !ok {
		return errs.Invalidf(field, "日期 %d 不存在", h.YMD)
	}
	if h.Kind != "off" && h.Kind != "on" && h.Kind != "" {
		return errs.Invalidf(field, "应为放假、上班或按星期")
	}
	weekend := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
	if h.Kind == "on" && !weekend {
		return errs.Invalidf(field, "%d 本来就是工作日，不需要标为调休上班", h.YMD)
	}
	return nil
}

func dateOf(ymd int) (time.Time, bool) {
	if ymd < 19000101 || ymd > 29991231 {
		return time.Time{}, false
	}
	t := time.Date(ymd/10000, time.Month(ymd/100%100), ymd%100, 0, 0, 0, 0, clock.Shanghai())
	return t, clock.YMD(t) == ymd
}

// ImportYear is a year's exceptions as staff paste them: a line each with the
// date, 放假 or 上班, and a name.
type ImportYear struct {
	Year     int    `json:"year" minimum:"2000" maximum:"2100"`
	Text     string `json:"text" maxLength:"20000"`
	Source   string `json:"source" minLength:"1" maxLength:"200"`
	Verified bool   `json:"verified"`
	Reason   string `json:"reason" maxLength:"200"`
}

// Import replaces the exceptions of a year.
func (s *Service) Import(ctx context.Context, in ImportYear) (string, error) {
	days, err := ParseDays(in.Text, in.Year)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(in.Source) == "" {
		return "", errs.Invalidf("source", "请写明依据，例如国务院办公厅通知的文号")
	}
	return s.changeCalendar(ctx, fmt.Sprintf("导入 %d 年工作日历，%d 天", in.Year, len(days)), in.Reason, nil, days, func(ctx context.Context, tx db.Tx, by string) error {
		return replaceYear(ctx, tx, in.Year, in.Source, in.Verified, days, by)
	})
}

var dayLine = regexp.MustCompile(`^(\d{4})\D?(\d{1,2})\D?(\d{1,2})日?$`)

// ParseDays reads pasted lines of a year: date, kind and name, separated by
// tabs, commas or spaces. Every wrong line is named.
func ParseDays(text string, year int) ([]Holiday, error) {
	var f errs.Fields
	out := []Holiday{}
	seen := map[int]bool{}
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || strings.HasPrefix(line, "日期") {
			continue
		}
		name := fmt.Sprintf("text[%d]", i+1)
		parts := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' || r == ',' || r == '，' || r == ' ' })
		if len(parts) < 2 {
			f.Add(name, "第 %d 行应有日期和放假或上班", i+1)
			continue
		}
		m := dayLine.FindStringSubmatch(parts[0])
		if m == nil {
			f.Add(name, "第 %d 行的日期“%.20s”应写作 2027-01-01 的样式", i+1, parts[0])
			continue
		}
		y, _ := strconv.Atoi(m[1]) // digits, by the pattern
		mo, _ := strconv.Atoi(m[2])
		d, _ := strconv.Atoi(m[3])
		h := Holiday{YMD: y*10000 + mo*100 + d}
		switch parts[1] {
		case "放假", "休", "off":
			h.Kind = "off"
		case "上班", "班", "on":
			h.Kind = "on"
		default:
			f.Add(name, "第 %d 行的“%.20s”应为放假或上班", i+1, parts[1])
			continue
		}
		if len(parts) > 2 {
			h.Name = strings.Join(parts[2:], " ")
		}
		switch err := h.validate(name); {
		case err != nil:
			f.Add(name, "第 %d 行：%s", i+1, message(err))
		case y != year:
			f.Add(name, "第 %d 行不是 %d 年的日期", i+1, year)
		case seen[h.YMD]:
			f.Add(name, "第 %d 行的日期重复", i+1)
		case len(h.Name) > 60:
			f.Add(name, "第 %d 行的名称太长", i+1)
		default:
			seen[h.YMD] = true
			out = append(out, h)
		}
	}
	f.Check(len(out) > 0 || f.Len() > 0, "text", "没有可以导入的行")
	return out, f.Err()
}

func message(err error) string {
	if e, ok := err.(*errs.Error); ok { //nolint:errorlint // made above, not wrapped
		return e.Message
	}
	return err.Error()
}

// SetHours sets the hours of working days.
func (s *Service) SetHours(ctx context.Context, hours []calendar.Span, reason string) (string, error) {
	var f errs.Fields
	f.Check(len(hours) > 0 && len(hours) <= 4, "hours", "请填写一到四段工作时间")
	last := 0
	for i, h := range hours {
		f.Check(h.From >= last && h.To > h.From && h.To <= 24*60, fmt.Sprintf("hours[%d]", i), "第 %d 段应在前一段之后，结束晚于开始", i+1)
		last = h.To
	}
	if err := f.Err(); err != nil {
		return "", err
	}
	b, err := json.Marshal(hours)
	if err != nil {
		return "", fmt.Errorf("set working hours: %w", err)
	}
	return s.changeCalendar(ctx, "修改工作时间", reason, nil, hours, func(ctx context.Context, tx db.Tx, _ string) error {
		return putHours(ctx, tx, string(b))
	})
}

// ExportYear writes a year as xlsx in the form that Import reads.
func (s *Service) ExportYear(ctx context.Context, year int, out io.Writer) error {
	y, err := s.Year(ctx, year)
	if err != nil {
		return err
	}
	w, err := sheet.New(fmt.Sprintf("%d 年", year), []sheet.Column{{Title: "日期", Width: 14}, {Title: "放假或上班", Width: 14}, {Title: "名称", Width: 24}})
	if err != nil {
		return err
	}
	for _, d := range y.Days {
		if err := w.Add(fmt.Sprintf("%d-%02d-%02d", d.YMD/10000, d.YMD/100%100, d.YMD%100), map[string]string{"off": "放假", "on": "上班"}[d.Kind], d.Name); err != nil {
			return err
		}
	}
	_, err = w.WriteTo(out)
	return err
}
