package address

// Similar gives how alike two names are, from 0 to 1: the share of the longer
// one that need not be changed, where taking a character for another that is
// often confused with it costs half.
func Similar(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	longest := max(len(x), len(y))
	if longest == 0 {
		return 0
	}
	prev, cur := make([]float64, len(y)+1), make([]float64, len(y)+1)
	for j := range prev {
		prev[j] = float64(j)
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = float64(i)
		for j := 1; j <= len(y); j++ {
			cost := 1.0
			switch {
			case x[i-1] == y[j-1]:
				cost = 0
			case confused(x[i-1], y[j-1]):
				cost = 0.5
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
		}
		prev, cur = cur, prev
	}
	return 1 - prev[len(y)]/float64(longest)
}

// groups of characters that sound or look alike in the names of the city's
// roads; each is read as a set.
func groups() []string {
	return []string{
		"汇会惠慧", "徐许", "浦蒲普埔", "肇兆照", "嘉家佳加", "浜滨邦帮", "漕曹槽", "溪西希锡", "桥乔侨", "钥药跃岳", "陕闪", "淮怀", "瑞锐", "斜邪",
		"茅毛", "巨具拒", "鹿路", "延沿颜", "衡恒横", "复付福富", "兴新心辛", "龙隆", "吴武梧", "闸闹", "虹红洪鸿", "杨扬阳", "静敬净", "宁凝", "临林邻",
		"凯楷恺", "祁齐歧", "沪户", "场厂", "控空", "江疆", "彰张章", "翔祥详", "莘新", "闵敏", "宝保堡", "淞松", "青清", "崇重", "奉凤", "愚愚余", "安案",
		"蓬彭", "莱来", "制治", "局居", "蒙孟", "自字", "忠中钟", "建健", "国果", "权全", "五武", "角脚", "场长常", "逸易", "仙先", "霞夏", "遵尊", "义议", "娄楼",
	}
}

func confused(a, b rune) bool {
	for _, g := range groups() {
		ina, inb := false, false
		for _, r := range g {
			ina, inb = ina || r == a, inb || r == b
		}
		if ina && inb {
			return true
		}
	}
	return false
}
