package app

import (
	"context"
	"path/filepath"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
	"jiexun/center/internal/shops"
	"jiexun/center/internal/transfer"
)

// wireTransfer makes exports and imports and says which lists they take.
func (a *App) wireTransfer(context.Context) (err error) {
	a.transfer, err = transfer.New(transfer.Options{DB: a.db, Jobs: a.jobs, Dir: filepath.Join(a.o.Data, "exports"), Actor: a.access.ActorOf, Log: a.log})
	if err != nil {
		return err
	}
	a.transfer.Export(a.exportOrders())
	a.transfer.Export(a.exportCameras())
	a.transfer.Export(a.exportAlerts())
	a.transfer.Export(a.exportAuditRows())
	a.transfer.Export(a.exportShops())
	a.transfer.Export(a.exportSightings())
	a.transfer.Import(a.importShops())
	a.transfer.Import(a.importAddresses())
	a.jobs.Every("transfer.sweep", "清理过期的导出文件", time.Hour, a.transfer.Sweep)
	return nil
}

func (a *App) exportOrders() transfer.Exporter {
	return transfer.Exporter{
		Kind: "orders", Title: "工单", Perm: access.OrderView, Columns: orders.Columns(),
		Check: func(q map[string]string) error { _, err := orders.FilterOf(q); return err },
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			f, err := orders.FilterOf(q)
			if err != nil {
				return 0, err
			}
			return a.orders.Count(ctx, f)
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			f, err := orders.FilterOf(q)
			if err != nil {
				return err
			}
			return a.orders.Each(ctx, f, emit)
		},
	}
}

// auditFilter reads the query parameters of the audit list.
func auditFilter(ctx context.Context, q map[string]string) (audit.Filter, error) {
	who, err := access.Need(ctx, access.AuditView)
	if err != nil {
		return audit.Filter{}, err
	}
	f := audit.Filter{Actor: q["actor"], Act: q["act"], Object: q["object"], Region: q["region"], Q: q["q"], Prefixes: who.Scope.Prefixes}
	for name, at := range map[string]*clock.Stamp{"from": &f.From, "to": &f.To} {
		if q[name] == "" {
			continue
		}
		if err := at.UnmarshalText([]byte(q[name])); err != nil {
			return f, errs.Invalidf(name, "%s", err.Error())
		}
	}
	return f, nil
}

func (a *App) exportAuditRows() transfer.Exporter {
	return transfer.Exporter{
		Kind: "audit", Title: "审计记录", Perm: access.AuditView,
		Columns: []sheet.Column{{Title: "序号", Width: 10}, {Title: "时间", Width: 19}, {Title: "人员", Width: 12}, {Title: "操作", Width: 20}, {Title: "对象", Width: 12}, {Title: "对象编号", Width: 28},
			{Title: "摘要", Width: 40}, {Title: "事由", Width: 24}, {Title: "来源", Width: 16}, {Title: "改动前", Width: 40}, {Title: "改动后", Width: 40}},
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			f, err := auditFilter(ctx, q)
			if err != nil {
				return 0, err
			}
			_, n, err := audit.List(ctx, a.db, f, 1, 0)
			return n, err
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			f, err := auditFilter(ctx, q)
			if err != nil {
				return err
			}
			_, err = audit.Each(ctx, a.db, f, sheet.MaxStream, func(r audit.Item) error {
				return emit(r.Seq, r.At.Time().In(clock.Shanghai()).Format(time.DateTime), r.ActorName, r.Act, r.Object, r.ObjectID, r.Summary, r.Reason, r.IP, r.Before, r.After)
			})
			return err
		},
	}
}

func (a *App) importShops() transfer.Importer {
	hints := map[string]string{"街镇区划代码": "9 位，例如 310101013", "经度": "CGCS2000，120.8 到 122.3", "纬度": "CGCS2000，30.6 到 31.9", "登记店招": "留空时同商铺名称", "别名": "几个别名用、隔开", "信用代码": "18 位统一社会信用代码", "承诺书签署日": "例如 2026-01-31"}
	cols := []transfer.ImportColumn{}
	for i, t := range shops.ImportTitles() {
		cols = append(cols, transfer.ImportColumn{Title: t, Needed: i < 5, Hint: hints[t]})
	}
	return transfer.Importer{
		Kind: "shops", Title: "商铺", Perm: access.ShopEdit, Columns: cols,
		Check: func(ctx context.Context, rows [][]string) ([]transfer.Problem, error) {
			list, err := a.shops.CheckImport(ctx, rows)
			out := make([]transfer.Problem, len(list))
			for i, e := range list {
				out[i] = transfer.Problem{Row: e.Row, Column: e.Column, Message: e.Message}
			}
			return out, err
		},
		Load: func(ctx context.Context, tx db.Tx, rows [][]string) error { return a.shops.LoadImport(ctx, tx, rows) },
	}
}
