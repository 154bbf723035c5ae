package guidance

import (
	"time"

	"jiexun/center/internal/platform/clock"
)

// firstGuides are short explanations in our own words; they quote no law by
// number that is not verified.
func firstGuides() []Guide {
	from := clock.At(time.Date(2022, 12, 1, 0, 0, 0, 0, clock.Shanghai()))
	return []Guide{
		{
			Kind: "law", Title: "门口能不能摆商品", Summary: "沿街商店不能超出门窗和外墙经营；确有需要的，先问街道有没有外摆点位。", Trades: []string{}, Causes: []string{"01-0001"}, From: from, Source: "市容环境卫生管理条例，条号以案由库为准",
			Body: "沿街商店的商品、货架、桌椅应当放在店内，不能超出门窗和外墙。\n需要外摆的，可以向街道申请外摆点位，并按批准的范围和时间摆放。\n收到通知后请在期限内搬回店内，并上传照片。轻微并及时改正、没有造成危害后果的，依法不予处罚。",
		},
		{
			Kind: "law", Title: "人行道上能不能临时放东西", Summary: "不能占用人行道堆放物品；装卸货请即卸即走。", Trades: []string{}, Causes: []string{"01-0003"}, From: from, Source: "市容环境卫生管理条例，条号以案由库为准",
			Body: "人行道是行人走的地方，不能堆放货物、纸箱、桌椅和废弃物。\n装卸货物请即卸即走，不要留在人行道上。\n装修产生的垃圾要装袋，投放到指定的堆放场所。",
		},
		{
			Kind: "rule", Title: "换店招要做什么", Summary: "更换店招前先了解设置要求并备案，保证牢固安全。", Trades: []string{}, Causes: []string{"01-0005"}, From: from, Source: "户外招牌设置管理办法",
			Body: "更换店招前，请先向街道了解本路段的设置要求，并办理备案。\n店招应当牢固，设置满规定年限的要做安全检测。\n收到店招核对通知的，请上传现在的店招照片或者备案材料。",
		},
		{
			Kind: "standard", Title: "餐饮店门前自查清单", Summary: "餐饮店每天开门前后各看一遍的六件事。", Trades: []string{"餐饮"}, Causes: []string{"01-0001", "01-0003", "02-0001"}, From: from, Source: "自拟清单，供参考",
			Body: "门外没有餐桌、座椅和货架。\n人行道上没有菜筐、泔水桶和纸箱。\n垃圾按四分类投放，桶盖关好。\n油烟和污水没有排到门外。\n店招完好，没有松动。\n外卖车辆停放在划定的位置。",
		},
		{
			Kind: "case", Title: "及时改正，没有处罚", Summary: "一家五金店收到短信后半小时搬走货物，执法人员确认后没有处罚。", Trades: []string{"零售", "五金"}, Causes: []string{"01-0003"}, From: from, Source: "根据常见情形编写，非真实案例",
			Body: "某五金店到货后把纸箱放在门口人行道上。\n店主收到通知，半小时内搬回店内并上传照片。\n执法人员确认已经改正，没有造成危害后果，依法不予处罚。",
		},
	}
}
