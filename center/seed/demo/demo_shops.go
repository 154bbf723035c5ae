package demo

import (
	"context"
	"fmt"

	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/shops"
)

// along fills two sides of a road with shops that no camera watches, so that
// the strip, the search and the filters have something to show.
func (s *seeder) along(ctx context.Context) error {
	res, err := s.Shops.List(ctx, shops.Filter{Road: "演示东路"}, httpx.Paging{Page: 1, Size: 1})
	if err != nil || res.Total > 0 {
		return err
	}
	names := [][2]string{
		{"老城面馆", "餐饮"}, {"佳佳水果", "水果"}, {"兴旺五金", "五金"}, {"永盛烟酒", "烟酒"}, {"小月服饰", "服饰"}, {"顺达电器", "维修"},
		{"康民药房", "药店"}, {"鲜花物语", "花店"}, {"阿宝烘焙", "餐饮"}, {"金剪刀理发", "美业"}, {"福满粮油", "食品"}, {"美家窗帘", "家居"},
	}
	for i, n := range names {
		in := shops.Input{
			Name: n[0], Business: n[1], Address: fmt.Sprintf("演示东路 %d 号", 2*(i/2)+1+i%2), RegionCode: street,
			Lng: 121.4890 + 0.00007*float64(i/2), Lat: 31.2375 + 0.0002*float64(i%2), Operator: "演示人", Contact: fmt.Sprintf("139000099%02d", i),
		}
		switch i {
		case 0:
			in.Aliases, in.PledgeYMD, in.Smart = []string{"老城牛肉面"}, 20260302, true
		case 6:
			in.Permits = []shops.ShopPermit{{Kind: "药品经营许可", No: "演示 0001", To: 20281231}}
		}
		if _, err := s.Shops.Create(ctx, in); err != nil {
			return fmt.Errorf("make shop %s: %w", n[0], err)
		}
	}
	return nil
}
