package directory

import (
	"errors"
	"math"
	"regexp"
	"strings"

	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/errs"
)

// place turns typed coordinates into WGS 84 and refuses what is no place of
// the city.
func (in *CameraInput) place(f *errs.Fields) {
	if in.System == "" {
		in.System = coord.WGS84
	}
	lng, lat, field, err := toWGS(in.System, in.Lng, in.Lat)
	if err != nil {
		f.Add(field, "%s", err.Error())
		return
	}
	in.typed = in.System
	in.System, in.Lng, in.Lat = coord.WGS84, lng, lat
}

// toWGS converts a typed place and names the field that is wrong.
func toWGS(from coord.System, x, y float64) (lng, lat float64, field string, err error) {
	if !from.Known() {
		return 0, 0, "coordSystem", errors.New("坐标系应为 wgs84、cgcs2000、gcj02、bd09 或 sh2000")
	}
	lng, lat, err = coord.Convert(from, coord.WGS84, x, y)
	if err != nil {
		return 0, 0, "lng", err
	}
	const west, south, east, north = 120.8, 30.6, 122.3, 31.9
	switch {
	case !(lng >= west && lng <= east):
		return 0, 0, "lng", errors.New("经度应在上海范围内（120.8 到 122.3）")
	case !(lat >= south && lat <= north):
		return 0, 0, "lat", errors.New("纬度应在上海范围内（30.6 到 31.9）")
	}
	return lng, lat, "", nil
}

// plane gives the Shanghai 2000 coordinates of a place, to a millimetre.
func plane(lng, lat float64) (east, north float64, err error) {
	east, north, err = coord.Convert(coord.WGS84, coord.SH2000, lng, lat)
	return math.Round(east*1000) / 1000, math.Round(north*1000) / 1000, err
}

// gbTypes are the device types that a camera of GB/T 28181 may have: cameras,
// and the channels of recorders and encoders.
func gbTypes() map[string]string {
	return map[string]string{
		"111": "DVR", "112": "视频服务器", "113": "编码器", "118": "NVR", "121": "卡口", "122": "多目设备", "130": "HVR", "131": "摄像机", "132": "网络摄像机", "138": "移动传输设备",
	}
}

var digits20 = regexp.MustCompile(`^[0-9]{20}$`)

// gb checks the 20 digits: 8 of the centre (region and base), 2 of the trade,
// 3 of the type, 1 of the network, 6 of the number.
func (in *CameraInput) gb(f *errs.Fields) {
	in.GBCode = strings.TrimSpace(in.GBCode)
	if in.GBCode == "" && digits20.MatchString(strings.TrimSpace(in.Code)) {
		in.GBCode = strings.TrimSpace(in.Code)
	}
	if in.GBCode == "" {
		return
	}
	if !digits20.MatchString(in.GBCode) {
		f.Add("gbCode", "国标编码应为 20 位数字，收到 %d 位", len([]rune(in.GBCode)))
		return
	}
	if len(in.RegionCode) >= 6 && in.GBCode[:6] != in.RegionCode[:6] {
		f.Add("gbCode", "国标编码前 6 位 %s 不是所在区的区划代码 %s", in.GBCode[:6], in.RegionCode[:6])
	}
	if _, ok := gbTypes()[in.GBCode[10:13]]; !ok {
		f.Add("gbCode", "国标编码第 11 到 13 位 %s 不是视频设备类型（例如 132 网络摄像机、131 摄像机）", in.GBCode[10:13])
	}
}

var roadForm = regexp.MustCompile(`^\p{Han}{1,12}?(?:路|街|大道|公路|大街|弄|巷)`)

// RoadOf finds the road at the start of an address: 南京东路 320 号 gives
// 南京东路. District and street names before it are passed over. It is empty
// when there is none.
func RoadOf(address string) string {
	s := strings.TrimSpace(address)
	for _, mark := range []string{"市", "区", "街道", "镇"} {
		if i := strings.Index(s, mark); i > 0 && i <= 24 {
			s = strings.TrimSpace(s[i+len(mark):])
		}
	}
	road := roadForm.FindString(s)
	// 南京路步行街 and 人民大街 go on after the first mark.
	for _, more := range []string{"步行街"} {
		if strings.HasPrefix(s[len(road):], more) && road != "" {
			road += more
		}
	}
	return road
}
