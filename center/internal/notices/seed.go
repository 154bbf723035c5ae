package notices

import (
	"context"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// seed puts the first texts in place. They are our own words and no official
// form; a district replaces them by an approved version of its own.
func seed(ctx context.Context, tx db.Tx) error {
	now := clock.At(tx.Now())
	rows := []templateRow{}
	for _, t := range []struct{ code, name, kind, event, title, body, message, checklist string }{
		{
			code: "rectify.common", name: "责令整改通知（通用）", kind: Rectify, title: "非现场责令整改通知",
			body: "{{商铺}}（{{地址}}）：\n{{时间}}，本机关通过视频点位“{{点位}}”发现，{{事实}}。经人工核对，涉嫌{{行为}}。\n" +
				"违反的规定：\n{{违反条款}}\n请在 {{期限}} 前改正：{{要求}}。改正后请在办理页面上传照片，由执法人员确认。\n" +
				"不改正的后果：\n{{法律后果}}\n违法行为轻微并及时改正，没有造成危害后果的，依法不予行政处罚。\n" +
				"如认为情况不符，可以在 {{异议期限}} 前在办理页面说明，或者联系 {{承办人}}（{{电话}}）。\n查询码：{{查询码}}。编号：{{编号}}。",
			message: "{{商铺}}：请在 {{期限}} 前{{要求}}，改正后上传照片。查看和办理：{{链接}} 查询码 {{查询码}}",
		},
		{
			code: "rectify.sign", name: "责令整改通知（店招）", kind: Rectify, event: "sign", title: "户外招牌核对通知",
			body: "{{商铺}}（{{地址}}）：\n{{时间}}，本机关通过视频点位“{{点位}}”发现，{{事实}}。\n有关规定：\n{{违反条款}}\n" +
				"请在 {{期限}} 前{{要求}}，并在办理页面说明情况、上传店招照片或者备案材料。\n不改正的后果：\n{{法律后果}}\n" +
				"如认为情况不符，可以在 {{异议期限}} 前说明，或者联系 {{承办人}}（{{电话}}）。\n查询码：{{查询码}}。编号：{{编号}}。",
			message: "{{商铺}}：您的店招与登记的不一致，请在 {{期限}} 前说明或改正：{{链接}} 查询码 {{查询码}}",
		},
		{
			code: "compliance.common", name: "合规告知书（通用）", kind: Compliance, title: "合规告知书",
			body: "{{商铺}}（{{地址}}，{{业态}}）：\n{{近况}}。为帮助您避免违法，现将有关事项告知如下。\n留意的情形：{{行为}}。{{事实}}。\n" +
				"有关规定：\n{{违反条款}}\n法律后果：\n{{法律后果}}\n请在 {{期限}} 前对照自查：\n{{自查清单}}\n" +
				"自查后请在办理页面说明情况，也可以上传照片。如有疑问或者不同意见，请联系 {{承办人}}（{{电话}}）。\n查询码：{{查询码}}。编号：{{编号}}。",
			message:   "{{商铺}}：{{机关}}给您一份合规告知书，请在 {{期限}} 前对照自查：{{链接}} 查询码 {{查询码}}",
			checklist: "门口人行道上没有堆放物品\n商品、货架、桌椅没有超出门窗和外墙\n店招已经备案，没有擅自更换\n垃圾按分类投放，没有放在门外",
		},
	} {
		rows = append(rows, templateRow{
			ID: "seed-" + t.code, Code: t.code, Version: 1, Name: t.name, Kind: t.kind, EventKind: t.event, Title: t.title, Body: t.body, Message: t.message, Checklist: t.checklist,
			State: "approved", WrittenBy: "system", WrittenName: "系统内置", WrittenAt: now, DecidedBy: "system", DecidedName: "系统内置", DecidedAt: &now,
			Note: "自拟文字，非官方范本，待法制部门确认", Rev: 1,
		})
	}
	return insertTemplates(ctx, tx, rows...)
}
