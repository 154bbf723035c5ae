package causes

import (
	"context"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// The laws of the first library. The texts that were at hand are of 2018 in
// great part: what a later edition may have changed is not verified, and a
// reviewer publishes the verified version over it.
const (
	sanitation = "上海市市容环境卫生管理条例"
	garbage    = "上海市生活垃圾管理条例"
	property   = "上海市住宅物业管理规定"
	noise      = "中华人民共和国噪声污染防治法"
	planning   = "中华人民共和国城乡规划法"
	greening   = "上海市绿化条例"
	waste      = "上海市建筑垃圾处理管理规定"
	bikes      = "上海市非机动车安全管理条例"
	boards     = "上海市户外招牌设置管理办法"
)

// Sources of what the seed says.
const (
	of2018 = "市容条例 2018 年文本；2022 年修订后的条号和金额未核实"
	of2022 = "市容条例 2022 年修订，执法机关公开案例所引"
	public = "公开法规文本"
	cases  = "执法机关公开案例所引，原文未核实"
)

func since(y int, m time.Month, d int) clock.Stamp {
	return clock.At(time.Date(y, m, d, 0, 0, 0, 0, clock.Shanghai()))
}

// seeded is one version of the first library, in short.
type seeded struct {
	code, name, domain string
	kinds, tags        []string
	law, broken, fined string // law, provision that is broken, provision that punishes
	rule, penalty      string // the gist of either
	low, high          int64
	before, remedy     string
	from               clock.Stamp
	source, note       string
}

func (x seeded) cause(version int, to *clock.Stamp, now clock.Stamp) Cause {
	art := func(role, article, text string) Article {
		return Article{Role: role, Law: x.law, Article: article, Text: text, Digest: true, Source: x.source}
	}
	list := func(l []string) []string {
		if l == nil {
			return []string{}
		}
		return l
	}
	return Cause{
		ID: ids.New(), Code: x.code, Version: version, Name: x.name, Domain: x.domain, Kinds: list(x.kinds), Trades: []string{}, Tags: list(x.tags), Penalty: x.penalty,
		FineMin: x.low, FineMax: x.high, Precondition: x.before, Remedy: x.remedy, From: x.from, To: to, Source: x.source, Note: x.note, MadeName: "系统内置",
		MadeAt: now, Reason: "初始案由库", Articles: []Article{art(Violates, x.broken, x.rule), art(Penalty, x.fined, x.penalty)},
	}
}

// seed stores the causes whose code has no version yet. A code that stands
// twice in the list has two versions, one ending where the next begins.
func seed(ctx context.Context, tx db.Tx) error {
	have, err := known(ctx, tx)
	if err != nil {
		return err
	}
	all := append(streets(), houses()...)
	n := map[string]int{}
	for i, x := range all {
		if have[x.code] {
			continue
		}
		n[x.code]++
		var to *clock.Stamp
		if i+1 < len(all) && all[i+1].code == x.code {
			to = &all[i+1].from
		}
		if err := insert(ctx, tx, x.cause(n[x.code], to, clock.At(tx.Now())), "system"); err != nil {
			return err
		}
	}
	return nil
}

// streets are the causes of street order and of waste.
func streets() []seeded {
	const city, dirt = "市容环卫", "生活垃圾"
	old, now := since(2018, 12, 20), since(2022, 12, 1)
	off := []string{"offsite"}
	return []seeded{
		{
			code: "01-0001", name: "超出门窗和外墙经营", domain: city, kinds: []string{"frontage"}, tags: off, law: sanitation, broken: "第二十五条第五款", fined: "第二十五条第五款",
			rule: "沿街商店的经营者不得超出门窗和外墙经营。", penalty: "责令改正，可处五十元以上五百元以下罚款。", low: 50, high: 500,
			remedy: "把门口的物品搬回店内，门外不再摆放商品、货架和桌椅", from: old, source: of2018, note: "又称跨门经营",
		},
		{
			code: "01-0002", name: "占用道路及其他公共场所设摊兜售", domain: city, law: sanitation, broken: "第二十五条第二款", fined: "第二十五条第二款",
			rule: "不得擅自占用道路及其他公共场所设摊经营、兜售物品。", penalty: "责令改正，可处五十元以上五百元以下罚款，可暂扣物品和工具。", low: 50, high: 500, remedy: "收起摊位，到划定的区域经营", from: old, source: of2018,
		},
		{
			code: "01-0002", name: "占用道路及其他公共场所设摊兜售", domain: city, law: sanitation, broken: "设摊经营条款（条号未核实）", fined: "设摊经营罚则（条号未核实）",
			rule: "不得擅自占用道路及其他公共场所设摊经营、兜售物品，区和乡镇划定的区域除外。", penalty: "责令改正，可处一百元以上一千元以下罚款，可暂扣物品和工具。", low: 100, high: 1000, remedy: "收起摊位，到划定的区域经营", from: now, source: of2022,
		},
		{
			code: "01-0003", name: "擅自占道堆物", domain: city, kinds: []string{"stacking"}, tags: off, law: sanitation, broken: "第二十五条第三款", fined: "第二十五条第三款",
			rule: "未经批准不得占用道路、桥梁、人行天桥、地下通道及其他公共场所堆放物品。", penalty: "责令改正，可处五百元以上五千元以下罚款。", low: 500, high: 5000,
			remedy: "把门口人行道上的物品搬走，保持人行道畅通", from: old, source: of2018,
		},
		{
			code: "01-0004", name: "违反规定设置户外广告设施", domain: city, law: sanitation, broken: "第二十条第二款", fined: "第二十条第二款",
			rule: "设置户外广告设施应当符合规划、阵地实施方案和技术规范。", penalty: "责令限期改造或者拆除；逾期不改造、不拆除的强制拆除，处五千元以上五万元以下罚款。", low: 5000, high: 50000,
			before: "限期改造或者拆除，逾期不履行的方可罚款", remedy: "按要求改造或者拆除户外广告设施", from: old, source: of2018,
		},
		{
			code: "01-0005", name: "违反规定设置店招店牌等户外设施", domain: city, kinds: []string{"sign"}, tags: off, law: sanitation, broken: "第二十条第二款", fined: "第二十条第二款",
			rule: "设置户外招牌等户外设施应当符合设置规划和技术规范。", penalty: "责令限期改造或者拆除；逾期不改造、不拆除的强制拆除，处五百元以上五千元以下罚款。", low: 500, high: 5000,
			before: "限期改造或者拆除，逾期不履行的方可罚款", remedy: "核对店招是否已经备案，未按规定设置的改造或者拆除", from: old, source: of2018, note: boards + "（市政府令第 41 号）第二十三条转引；招牌安全检测另见第二十二条",
		},
		{
			code: "01-0006", name: "乱张贴、悬挂、刻画、涂写、散发宣传品", domain: city, law: sanitation, broken: "乱张贴条款（2018 年文本）", fined: "乱张贴罚则（2018 年文本）",
			rule: "不得在公共场所擅自张贴、悬挂宣传品，不得刻画、涂写。", penalty: "责令改正或者清除，可处五十元以上五百元以下罚款。", low: 50, high: 500, remedy: "清除张贴、悬挂、刻画、涂写的内容", from: old, source: of2018,
		},
		{
			code: "01-0006", name: "乱张贴、悬挂、刻画、涂写、散发宣传品", domain: city, law: sanitation, broken: "第二十条", fined: "第二十条",
			rule: "不得在公共场所擅自张贴、悬挂、散发宣传品，不得刻画、涂写。", penalty: "责令改正或者清除，可处警告或者一百元以上一千元以下罚款；组织张贴、散发的，处一万元以上十万元以下罚款。", low: 100, high: 1000, remedy: "清除张贴、悬挂、刻画、涂写的内容", from: now, source: of2022,
		},
		{
			code: "01-0007", name: "车辆容貌不整洁", domain: city, law: sanitation, broken: "第二十三条", fined: "第二十三条", rule: "车辆应当保持容貌整洁。", penalty: "当场处罚实例，幅度未核实。", remedy: "清洗车辆后上路", from: now, source: of2022,
		},
		{
			code: "02-0001", name: "单位未分类投放生活垃圾", domain: dirt, law: garbage, broken: "第五十七条第一款", fined: "第五十七条第一款", rule: "单位应当将生活垃圾分别投放至相应的收集容器。",
			penalty: "责令立即改正；拒不改正的，处五千元以上五万元以下罚款。", low: 5000, high: 50000, before: "拒不改正的方可罚款", remedy: "按四分类投放垃圾", from: since(2019, 7, 1), source: public,
		},
		{
			code: "02-0002", name: "个人混合投放生活垃圾", domain: dirt, law: garbage, broken: "第五十七条第二款", fined: "第五十七条第二款", rule: "个人应当将生活垃圾分别投放至相应的收集容器。",
			penalty: "责令立即改正；拒不改正的，处五十元以上二百元以下罚款。", low: 50, high: 200, before: "拒不改正的方可罚款", remedy: "按四分类投放垃圾", from: since(2019, 7, 1), source: public,
		},
		{
			code: "02-0003", name: "管理责任人未分类驳运生活垃圾", domain: dirt, law: garbage, broken: "第五十八条第二款", fined: "第五十八条第二款", rule: "管理责任人应当将生活垃圾分类驳运至交付点。",
			penalty: "责令立即改正；拒不改正的，处五百元以上五千元以下罚款。", low: 500, high: 5000, before: "拒不改正的方可罚款", remedy: "分类驳运垃圾", from: since(2019, 7, 1), source: public,
		},
		{
			code: "02-0004", name: "生活垃圾混装混运", domain: dirt, law: garbage, broken: "第六十条第二项", fined: "第六十条第二项", rule: "收集、运输单位不得将已分类投放的生活垃圾混合收集、运输。",
			penalty: "责令限期改正；逾期不改正的，处五千元以上五万元以下罚款；情节严重的，吊销许可证。", low: 5000, high: 50000, before: "逾期不改正的方可罚款", remedy: "分类收集、运输垃圾", from: since(2019, 7, 1), source: public,
		},
	}
}

// houses are the causes of construction waste, noise and buildings.
func houses() []seeded {
	const muck, build = "建筑垃圾", "房屋与工地"
	old, now := since(2018, 12, 20), since(2022, 12, 1)
	dirty := []string{"muck"}
	return []seeded{
		{
			code: "03-0001", name: "未取得处置证或委托无证单位运输建设工程垃圾", domain: muck, tags: dirty, law: sanitation, broken: "第五十条第二款", fined: "第五十条第二款", rule: "运输建设工程垃圾应当取得处置证并委托有证的单位。",
			penalty: "处一万元以上十万元以下罚款。", low: 10000, high: 100000, remedy: "停止运输，办理处置证并委托有证的单位", from: now, source: of2022,
		},
		{
			code: "03-0002", name: "无证承运或承运未取得处置证的垃圾", domain: muck, tags: dirty, law: sanitation, broken: "无证承运条款（2018 年文本）", fined: "无证承运罚则（2018 年文本）", rule: "承运建筑垃圾应当取得运输许可证，不得承运没有处置证的垃圾。",
			penalty: "处五千元以上三万元以下罚款，可暂扣运输工具。", low: 5000, high: 30000, remedy: "停止承运，办理许可", from: old, source: of2018,
		},
		{
			code: "03-0002", name: "无证承运或承运未取得处置证的垃圾", domain: muck, tags: dirty, law: sanitation, broken: "第五十条第三款", fined: "第五十条第三款", rule: "承运建筑垃圾应当取得运输许可证，不得承运没有处置证的垃圾。",
			penalty: "处五千元以上五万元以下罚款，可暂扣运输工具。", low: 5000, high: 50000, remedy: "停止承运，办理许可", from: now, source: of2022,
		},
		{
			code: "03-0003", name: "擅自倾倒、抛撒装修垃圾", domain: muck, tags: dirty, law: sanitation, broken: "第五十一条第三款", fined: "第五十一条第三款", rule: "不得擅自倾倒、抛撒、堆放装修垃圾。",
			penalty: "处一千元以上一万元以下罚款。", low: 1000, high: 10000, remedy: "清除装修垃圾，投放到规定的场所", from: now, source: of2022,
		},
		{
			code: "03-0004", name: "装修垃圾未按投放要求投放", domain: muck, law: waste, broken: "第四十七条", fined: "第四十七条", rule: "装修垃圾应当装袋并投放到指定的堆放场所。", penalty: "可处一百元以上一千元以下罚款。", low: 100, high: 1000, remedy: "装袋投放到指定的堆放场所", from: since(2018, 1, 1), source: cases,
		},
		{
			code: "03-0005", name: "运输车船未密闭或未覆盖", domain: muck, tags: dirty, law: sanitation, broken: "第二十七条第二款", fined: "第二十七条第二款", rule: "运输散装、流体物品的车船应当密闭或者覆盖。", penalty: "可对责任单位处一千元以上一万元以下罚款。", low: 1000, high: 10000, remedy: "密闭或者覆盖后运输", from: old, source: of2018,
		},
		{
			code: "03-0006", name: "运输泄漏、散落、飞扬", domain: muck, tags: dirty, law: sanitation, broken: "第二十七条第二款", fined: "第二十七条第二款", rule: "运输中不得泄漏、散落、飞扬。", penalty: "责令停驶并立即清除；拒不清除的代为清除，处三百元以上三千元以下罚款。", low: 300, high: 3000, remedy: "立即清除散落物", from: old, source: of2018,
		},
		{
			code: "04-0001", name: "夜间违法施工产生噪声", domain: build, law: noise, broken: "第四十三条", fined: "第七十七条第二项", rule: "在噪声敏感建筑物集中区域，禁止夜间进行产生噪声的建筑施工作业，抢修、抢险和工艺要求必须连续作业等除外。", penalty: "责令改正，处一万元以上十万元以下罚款；拒不改正的，可以责令暂停施工。", low: 10000, high: 100000, remedy: "停止夜间施工，确需连续作业的先取得证明", from: since(2022, 6, 5), source: public,
		},
		{
			code: "04-0002", name: "物业管理区域内违法搭建", domain: build, law: property, broken: "第五十六条第二款第二项", fined: "第八十四条", rule: "物业管理区域内不得违法搭建建筑物、构筑物。", penalty: "责令拆除，可处一万元以上十万元以下罚款。", low: 10000, high: 100000, remedy: "拆除违法搭建", from: since(2018, 1, 1), source: public,
		},
		{
			code: "04-0003", name: "损坏房屋承重结构", domain: build, tags: []string{"discretion"}, law: property, broken: "禁止行为条款（条号未核实）", fined: "第八十三条", rule: "不得损坏房屋承重结构。", penalty: "责令立即改正、恢复原状，可处一万元以上十万元以下罚款；情节严重的，处十万元以上二十万元以下罚款。", low: 10000, high: 200000, remedy: "停止施工，恢复承重结构并提交检测报告", from: since(2018, 1, 1), source: public,
		},
		{
			code: "04-0004", name: "破坏房屋外貌或占用共用部分", domain: build, law: property, broken: "禁止行为条款（条号未核实）", fined: "第八十五条", rule: "不得破坏房屋外貌，不得擅自占用物业共用部分。", penalty: "责令改正、恢复原状，可处一千元以上一万元以下罚款；情节严重的，处一万元以上十万元以下罚款。", low: 1000, high: 100000, remedy: "恢复原状", from: since(2018, 1, 1), source: public,
		},
		{
			code: "04-0005", name: "擅自改变物业使用性质", domain: build, law: property, broken: "禁止行为条款（条号未核实）", fined: "第八十六条", rule: "不得擅自改变物业使用性质。", penalty: "责令限期恢复，处一万元以上五万元以下罚款。", low: 10000, high: 50000, remedy: "恢复原使用性质", from: since(2018, 1, 1), source: public, note: "又称居改非",
		},
		{
			code: "04-0006", name: "未取得规划许可进行建设", domain: build, law: planning, broken: "第四十条", fined: "第六十四条", rule: "建设应当取得建设工程规划许可证。", penalty: "可以改正的，限期改正并处建设工程造价百分之五以上百分之十以下罚款；无法改正的，限期拆除或者没收，可以并处造价百分之十以下罚款。", before: "罚款按工程造价计算", remedy: "停止建设，按要求改正或者拆除", from: since(2015, 4, 24), source: public,
		},
		{
			code: "04-0007", name: "擅自占用绿地", domain: build, law: greening, broken: "第四十四条第二款", fined: "第四十四条第二款", rule: "不得擅自占用绿地。", penalty: "责令限期归还，可按占用面积处每平方米五百元以上二千元以下罚款。", before: "罚款按占用面积计算", remedy: "归还绿地并恢复", from: since(2018, 1, 1), source: public,
		},
		{
			code: "04-0008", name: "电动自行车飞线充电", domain: build, law: bikes, broken: "第二十九条第一款", fined: "飞线充电罚则（条号未核实）", rule: "不得违反用电安全要求私拉电线和插座为电动自行车充电。", penalty: "有当场罚款五十元的实例，幅度未核实。", remedy: "拆除电线和插座，到充电设施充电", from: since(2024, 6, 1), source: cases,
		},
	}
}
