// Package shops holds the shops along the streets: their signs, where they
// are, and which zone of which camera watches them.
package shops

import (
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Shop is one shop.
type Shop struct {
	ID               string
	Name             string
	SignName         string
	Address          string
	RegionCode       string
	StreetName       string
	Lng, Lat         float64
	Business         string
	Contact          string
	CameraID         string
	ZoneID           string
	SignReferenceSM3 string
	DeletedAt        *clock.Stamp
	Rev              int64
}

// Input is what a person writes about a shop.
type Input struct {
	Name, SignName, Address string
	RegionCode              string
	Lng, Lat                float64
	Business                string
	// Contact is a telephone number; one with asterisks, as it is shown,
	// keeps the stored one.
	Contact          string
	CameraID, ZoneID string
	SignReferenceSM3 string
	Rev              int64
}

// check trims and validates; street tells the name of a street code, "" for
// an unknown one.
func (in *Input) check(street func(code string) string) error {
	var f errs.Fields
	text := func(name string, s *string, most int, needed bool, what string) {
		*s = strings.TrimSpace(*s)
		f.Check(!needed || *s != "", name, "请填写%s", what)
		f.Check(utf8.RuneCountInString(*s) <= most, name, "%s不能超过 %d 个字", what, most)
	}
	text("name", &in.Name, 60, true, "商铺名称")
	text("signName", &in.SignName, 60, false, "登记店招")
	text("address", &in.Address, 120, true, "地址")
	text("business", &in.Business, 40, false, "业态")
	text("contact", &in.Contact, 20, false, "联系电话")
	f.Check(strings.Trim(in.Contact, "0123456789-+ *") == "", "contact", "联系电话只能有数字、空格、加号和短横")
	f.Check(len(in.RegionCode) == 9 && street(in.RegionCode) != "", "regionCode", "请选择街镇（9 位区划代码）")
	f.Check(in.Lng >= 120.8 && in.Lng <= 122.3, "lng", "经度应在上海范围内（120.8 到 122.3），收到 %g", in.Lng)
	f.Check(in.Lat >= 30.6 && in.Lat <= 31.9, "lat", "纬度应在上海范围内（30.6 到 31.9），收到 %g", in.Lat)
	f.Check(in.ZoneID == "" || in.CameraID != "", "cameraId", "绑定围栏时请一并选择点位")
	if in.SignName == "" {
		in.SignName = in.Name
	}
	return f.Err()
}

// Mask hides the middle of a telephone number.
func Mask(phone string) string {
	if len(phone) < 7 {
		return strings.Repeat("*", len(phone))
	}
	return phone[:3] + strings.Repeat("*", len(phone)-7) + phone[len(phone)-4:]
}

// TopicChanged is published when a shop is written.
const TopicChanged = "shop.changed"

// Changed is the payload of shop.changed.
type Changed struct {
	ID         string `json:"id"`
	RegionCode string `json:"regionCode"`
}
