// Package shops holds the shops along the streets: who they are, their signs,
// where they are, which zone of which camera watches them, and what surveys
// saw of them. Each write keeps the state before it, so that the history of
// every field can be read and acts on several shops can be taken back.
package shops

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Shop is one shop. The JSON form is what the history keeps; the telephone
// number is not in it.
type Shop struct {
	ID       string `json:"id"`
	No       string `json:"no"`
	Name     string `json:"name"`
	SignName string `json:"signName"`
	// Aliases are other names, and those that it had before.
	Aliases    []ShopAlias `json:"aliases"`
	Address    string      `json:"address"`
	RegionCode string      `json:"regionCode"`
	StreetName string      `json:"streetName"`
	// Road, HouseNo and Side come from the address; Side is odd, even or
	// empty.
	Road     string   `json:"road"`
	HouseNo  int64    `json:"houseNo"`
	Side     string   `json:"side"`
	Lng      float64  `json:"lng"`
	Lat      float64  `json:"lat"`
	DoorLine DoorLine `json:"doorLine"`
	Business string   `json:"business"`
	// Operator is the person or company that runs it.
	Operator   string `json:"operator"`
	CreditCode string `json:"creditCode"`
	// ContactMask is the telephone number as it may be shown.
	ContactMask      string       `json:"contactMask"`
	CameraID         string       `json:"cameraId"`
	ZoneID           string       `json:"zoneId"`
	SignReferenceSM3 string       `json:"signReferenceSm3"`
	Permits          []ShopPermit `json:"permits"`
	PledgeYMD        int64        `json:"pledgeYmd"`
	PledgeSM3        string       `json:"pledgeSm3"`
	Smart            bool         `json:"smart"`
	State            string       `json:"state"`
	Source           string       `json:"source"`
	SeenAt           *clock.Stamp `json:"seenAt,omitempty"`
	MergedInto       string       `json:"mergedInto,omitempty"`
	DeletedAt        *clock.Stamp `json:"deletedAt,omitempty"`
	DeletedBy        string       `json:"deletedBy,omitempty"`
	DeletedWhy       string       `json:"deletedWhy,omitempty"`
	Rev              int64        `json:"rev"`
	UpdatedAt        clock.Stamp  `json:"-"`

	// contact is the telephone number in full while it is being written, and
	// sealed as it is stored otherwise.
	contact string
	blind   string
}

// States of a shop.
const (
	Open   = "open"
	Closed = "closed"
)

// Sources of a shop.
const (
	FromPerson = "manual"
	FromFile   = "import"
	FromSurvey = "survey"
)

// DoorLine is a line of places, longitude before latitude.
type DoorLine [][2]float64

// ShopAlias is another name of a shop.
type ShopAlias struct {
	Name string `json:"name"`
	// Kind is alias, or former for a name that it had.
	Kind string `json:"kind" enum:"alias,former"`
	// Until is the day on which a former name ended, 20261124.
	Until int64 `json:"until,omitempty"`
}

// ShopPermit is a licence or permission that a shop has.
type ShopPermit struct {
	Kind string `json:"kind" maxLength:"80" doc:"What it allows, such as 食品经营许可 or 外摆许可"`
	No   string `json:"no,omitempty" maxLength:"80"`
	From int64  `json:"from,omitempty" doc:"First day, 20260101"`
	To   int64  `json:"to,omitempty" doc:"Last day"`
	SM3  string `json:"sm3,omitempty" maxLength:"64"`
}

// Names are all names by which the shop may be called on its sign.
func (s *Shop) Names() []string {
	out := []string{s.SignName}
	if s.Name != s.SignName {
		out = append(out, s.Name)
	}
	for _, a := range s.Aliases {
		if a.Kind == "alias" {
			out = append(out, a.Name)
		}
	}
	return out
}

// Input is what a person writes about a shop. A field with asterisks, as it
// is shown, keeps the stored one: Contact, Operator, CreditCode.
type Input struct {
	Name, SignName, Address string
	Aliases                 []string
	RegionCode              string
	Lng, Lat                float64
	DoorLine                DoorLine
	Business                string
	Operator, CreditCode    string
	Contact                 string
	CameraID, ZoneID        string
	SignReferenceSM3        string
	Permits                 []ShopPermit
	PledgeYMD               int64
	PledgeSM3               string
	Smart                   bool
	State                   string
	Source                  string
	Reason                  string
	Rev                     int64
}

// InputOf gives what would write a shop as it is, for callers that change
// some fields and keep the rest.
func InputOf(s Shop) Input {
	in := Input{
		Name: s.Name, SignName: s.SignName, Address: s.Address, RegionCode: s.RegionCode, Lng: s.Lng, Lat: s.Lat, DoorLine: s.DoorLine,
		Business: s.Business, Operator: MaskName(s.Operator), CreditCode: MaskCode(s.CreditCode), Contact: s.ContactMask, CameraID: s.CameraID, ZoneID: s.ZoneID,
		SignReferenceSM3: s.SignReferenceSM3, Permits: s.Permits, PledgeYMD: s.PledgeYMD, PledgeSM3: s.PledgeSM3, Smart: s.Smart, State: s.State, Source: s.Source, Rev: s.Rev,
	}
	for _, a := range s.Aliases {
		if a.Kind == "alias" {
			in.Aliases = append(in.Aliases, a.Name)
		}
	}
	return in
}

// check trims and validates; street tells the name of a street code, "" for
// an unknown one.
func (in *Input) check(street func(code string) string) error {
	var f errs.Fields
	text := func(name string, s *string, most int, needed bool, what string) {
		*s = strings.TrimSpace(*s)
		f.Check(!needed || *s != "", name, "请填写%s", what)
		f.Check(utf8.RuneCountInString(*s) <= most, name, "%s不能超过 %d 个字", what, most)
		f.Check(utf8.ValidString(*s) && !strings.ContainsRune(*s, 0), name, "%s有不能识别的字符", what)
	}
	text("name", &in.Name, 60, true, "商铺名称")
	text("signName", &in.SignName, 60, false, "登记店招")
	text("address", &in.Address, 120, true, "地址")
	text("business", &in.Business, 40, false, "业态")
	text("operator", &in.Operator, 40, false, "经营者")
	text("contact", &in.Contact, 20, false, "联系电话")
	f.Check(strings.Trim(in.Contact, "0123456789-+ *") == "", "contact", "联系电话只能有数字、空格、加号和短横")
	in.CreditCode = strings.ToUpper(strings.TrimSpace(in.CreditCode))
	if in.CreditCode != "" && !strings.Contains(in.CreditCode, "*") {
		if msg := CreditCodeFault(in.CreditCode); msg != "" {
			f.Check(false, "creditCode", "%s", msg)
		}
	}
	f.Check(len(in.RegionCode) == 9 && street(in.RegionCode) != "", "regionCode", "请选择街镇（9 位区划代码）")
	f.Check(in.Lng >= 120.8 && in.Lng <= 122.3, "lng", "经度应在上海范围内（120.8 到 122.3），收到 %g", in.Lng)
	f.Check(in.Lat >= 30.6 && in.Lat <= 31.9, "lat", "纬度应在上海范围内（30.6 到 31.9），收到 %g", in.Lat)
	f.Check(in.ZoneID == "" || in.CameraID != "", "cameraId", "绑定围栏时请一并选择点位")
	in.checkMore(&f)
	if in.SignName == "" {
		in.SignName = in.Name
	}
	if in.State == "" {
		in.State = Open
	}
	return f.Err()
}

func (in *Input) checkMore(f *errs.Fields) {
	f.Check(len(in.Aliases) <= 10, "aliases", "别名不能超过 10 个")
	kept := in.Aliases[:0:0]
	for _, a := range in.Aliases {
		a = strings.TrimSpace(a)
		f.Check(utf8.RuneCountInString(a) <= 60 && utf8.ValidString(a), "aliases", "每个别名不能超过 60 个字")
		if a != "" && a != in.Name && a != in.SignName {
			kept = append(kept, a)
		}
	}
	in.Aliases = kept
	f.Check(len(in.DoorLine) == 0 || len(in.DoorLine) >= 2 && len(in.DoorLine) <= 12, "doorLine", "门线应有 2 到 12 个点")
	for _, p := range in.DoorLine {
		f.Check(metres(in.Lng, in.Lat, p[0], p[1]) <= 200, "doorLine", "门线离商铺超过 200 米，请核对")
	}
	f.Check(len(in.Permits) <= 20, "permits", "许可不能超过 20 项")
	for _, p := range in.Permits {
		f.Check(strings.TrimSpace(p.Kind) != "" && utf8.RuneCountInString(p.Kind) <= 40 && utf8.RuneCountInString(p.No) <= 40, "permits", "请填写许可名称和编号，各不超过 40 个字")
		f.Check(p.From == 0 || p.To == 0 || p.From <= p.To, "permits", "%s的有效期起应早于止", p.Kind)
		f.Check(goodDay(p.From) && goodDay(p.To), "permits", "%s的日期应像 20260131", p.Kind)
	}
	f.Check(goodDay(in.PledgeYMD), "pledgeYmd", "签署日期应像 20260131")
	f.Check(in.PledgeSM3 == "" || in.PledgeYMD != 0, "pledgeYmd", "上传了告知承诺书，请填写签署日期")
	f.Check(!in.Smart || in.PledgeYMD != 0, "smart", "签署告知承诺书后才能纳入智能监管")
	f.Check(in.State == "" || in.State == Open || in.State == Closed, "state", "状态只能是在营或停业")
	f.Check(utf8.RuneCountInString(in.Reason) <= 200, "reason", "原因不能超过 200 个字")
}

// goodDay tells whether a number may be a day; 0 is none.
func goodDay(ymd int64) bool {
	if ymd == 0 {
		return true
	}
	m, d := ymd/100%100, ymd%100
	return ymd >= 19800101 && ymd <= 29991231 && m >= 1 && m <= 12 && d >= 1 && d <= 31
}

// Mask hides the middle of a telephone number.
func Mask(phone string) string {
	if len(phone) < 7 {
		return strings.Repeat("*", len(phone))
	}
	return phone[:3] + strings.Repeat("*", len(phone)-7) + phone[len(phone)-4:]
}

// MaskName hides the middle of a person's name; the name of a company, which
// is longer than four characters, stays as it is.
func MaskName(name string) string {
	r := []rune(name)
	switch {
	case len(r) < 2 || len(r) > 4:
		return name
	case len(r) == 2:
		return string(r[0]) + "*"
	}
	return string(r[0]) + strings.Repeat("*", len(r)-2) + string(r[len(r)-1])
}

// MaskCode hides a part of a credit code.
func MaskCode(code string) string {
	if len(code) != 18 {
		return code
	}
	return code[:12] + "****" + code[16:]
}

// TopicChanged is published when a shop is written.
const TopicChanged = "shop.changed"

// Changed is the payload of shop.changed.
type Changed struct {
	ID         string `json:"id"`
	RegionCode string `json:"regionCode"`
	// MergedInto is the shop that this one has become a part of.
	MergedInto string `json:"mergedInto,omitempty"`
}

// asJSON writes what cannot fail to be written.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
