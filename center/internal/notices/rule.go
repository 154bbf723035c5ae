package notices

import (
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Rule are the numbers that decide about notices; a notice keeps the version
// that it was made under.
type Rule struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	// PushMinutes and SMSMinutes are how long a way may take without a
	// receipt before the next one is taken.
	PushMinutes int64 `json:"pushMinutes"`
	SMSMinutes  int64 `json:"smsMinutes"`
	LinkDays    int64 `json:"linkDays"`
	// ObjectionHours is how long after delivery the shop may object, and
	// ObjectionPauses whether the deadline stands meanwhile.
	ObjectionHours  int64 `json:"objectionHours"`
	ObjectionPauses bool  `json:"objectionPauses"`
	// AutoIssue makes the notice of a new order by itself.
	AutoIssue  bool        `json:"autoIssue"`
	PhotoLimit int64       `json:"photoLimit"`
	Urgent     bool        `json:"urgent"`
	Contact    string      `json:"contact"`
	Source     string      `json:"source"`
	Verified   bool        `json:"verified"`
	From       clock.Stamp `json:"effectiveFrom" format:"date-time"`
	MadeName   string      `json:"madeName"`
	Reason     string      `json:"reason"`
}

// RuleInput is a new version of the rule.
type RuleInput struct {
	PushMinutes     int64  `json:"pushMinutes"`
	SMSMinutes      int64  `json:"smsMinutes"`
	LinkDays        int64  `json:"linkDays"`
	ObjectionHours  int64  `json:"objectionHours"`
	ObjectionPauses bool   `json:"objectionPauses"`
	AutoIssue       bool   `json:"autoIssue"`
	PhotoLimit      int64  `json:"photoLimit"`
	Urgent          bool   `json:"urgent"`
	Contact         string `json:"contact" maxLength:"40"`
	Source          string `json:"source" maxLength:"300"`
	Verified        bool   `json:"verified"`
	Reason          string `json:"reason" maxLength:"300"`
	Base            int    `json:"base" doc:"The version that it follows"`
}

func (in *RuleInput) check() error {
	var f errs.Fields
	between := func(name string, v, low, high int64, what string) {
		f.Check(v >= low && v <= high, name, "%s应在 %d 到 %d 之间", what, low, high)
	}
	between("pushMinutes", in.PushMinutes, 1, 1440, "随申办等待分钟数")
	between("smsMinutes", in.SMSMinutes, 1, 2880, "短信等待分钟数")
	between("linkDays", in.LinkDays, 1, 90, "链接有效天数")
	between("objectionHours", in.ObjectionHours, 1, 720, "异议时限小时数")
	between("photoLimit", in.PhotoLimit, 1, 20, "照片张数")
	in.Contact, in.Source, in.Reason = strings.TrimSpace(in.Contact), strings.TrimSpace(in.Source), strings.TrimSpace(in.Reason)
	f.Check(strings.Trim(in.Contact, "0123456789-+ ") == "" && len(in.Contact) <= 20, "contact", "咨询电话只能有数字、空格、加号和短横")
	f.Check(in.Source != "" && utf8.RuneCountInString(in.Source) <= 100, "source", "请填写规则来源，不超过 100 个字")
	f.Check(in.Reason != "" && utf8.RuneCountInString(in.Reason) <= 100, "reason", "请填写修改理由，不超过 100 个字")
	return f.Err()
}
