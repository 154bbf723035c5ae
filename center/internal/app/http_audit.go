package app

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// auditExportMax bounds one export of audit records.
const auditExportMax = 100_000

type auditIn struct {
	httpx.Paging
	Actor  string      `query:"actor" maxLength:"64"`
	Act    string      `query:"act" maxLength:"64"`
	Object string      `query:"object" maxLength:"64"`
	Region string      `query:"region" maxLength:"9" pattern:"^[0-9]*$"`
	From   clock.Stamp `query:"from"`
	To     clock.Stamp `query:"to"`
}

// AuditChain is the chain as the page shows it.
type AuditChain struct {
	audit.State
	KeepDays int                 `json:"keepDays"`
	Checks   []audit.Check       `json:"checks"`
	Archives []audit.ArchiveInfo `json:"archives"`
}

// registerAudit adds the audit records: for the audit administrator, cut to
// the region as all lists are, and the story of one record for whoever may
// see that record.
func (a *App) registerAudit() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"audit"}}
	}
	httpx.Register(a.api, access.AuditView, op("list-audit", http.MethodGet, "/api/audit", "Audit records"),
		func(ctx context.Context, in *auditIn) (*httpx.Body[httpx.List[audit.Item]], error) {
			who, err := access.Need(ctx, access.AuditView)
			if err != nil {
				return nil, err
			}
			f := audit.Filter{Actor: in.Actor, Act: in.Act, Object: in.Object, Region: in.Region, From: in.From, To: in.To, Q: in.Q, Prefixes: who.Scope.Prefixes}
			list, n, err := audit.List(ctx, a.db, f, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, in.Paging, a.db.Now()), err)
		})
	httpx.Register(a.api, access.AuditView, op("audit-state", http.MethodGet, "/api/audit/state", "State of the audit chain and its last checks"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[AuditChain], error) {
			if _, err := access.Need(ctx, access.AuditView); err != nil {
				return nil, err
			}
			return httpx.Out(a.auditState(ctx))
		})
	httpx.Register(a.api, access.AuditView, op("verify-audit", http.MethodPost, "/api/audit/verify", "Check the whole audit chain now"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[audit.Check], error) {
			if _, err := access.Need(ctx, access.AuditView); err != nil {
				return nil, err
			}
			return httpx.Out(a.checkAudit(ctx))
		})
	httpx.Register(a.api, httpx.SignedIn, op("audit-timeline", http.MethodGet, "/api/audit/of/{object}/{id}", "What happened to one record"), a.auditTimeline)
	httpx.Raw(a.fiber, a.api, access.ExportData, http.MethodGet, "/api/audit/export", a.exportAudit)
}

func (a *App) auditState(ctx context.Context) (AuditChain, error) {
	var out AuditChain
	var err error
	if out.State, err = audit.Now(ctx, a.db); err != nil {
		return out, err
	}
	if out.Checks, err = audit.Checks(ctx, a.db, 10); err != nil {
		return out, err
	}
	out.Archives, err = audit.Archives(ctx, a.db)
	out.KeepDays = a.o.AuditKeepDays
	if out.KeepDays == 0 {
		out.KeepDays = defaultAuditKeep
	}
	return out, err
}

type timelineIn struct {
	Object string `path:"object" maxLength:"64"`
	ID     string `path:"id" maxLength:"64"`
}

// auditTimeline gives the story of a record to whoever may see the record,
// and to the audit administrator within the own region.
func (a *App) auditTimeline(ctx context.Context, in *timelineIn) (*httpx.Body[httpx.List[audit.Item]], error) {
	if err := a.seesRecord(ctx, in.Object, in.ID); err != nil {
		who, denied := access.Need(ctx, access.AuditView)
		if denied != nil {
			return nil, err
		}
		list, err := audit.Timeline(ctx, a.db, in.Object, in.ID)
		if err != nil {
			return nil, err
		}
		for _, i := range list {
			if !who.Scope.Covers(orCity(i.RegionCode)) {
				return nil, errs.NotFound("记录")
			}
		}
		return httpx.Out(httpx.NewList(list, int64(len(list)), httpx.Paging{Page: 1, Size: len(list)}, a.db.Now()), nil)
	}
	list, err := audit.Timeline(ctx, a.db, in.Object, in.ID)
	for i := range list { // addresses are for the audit administrator
		list[i].IP = ""
	}
	return httpx.Out(httpx.NewList(list, int64(len(list)), httpx.Paging{Page: 1, Size: len(list)}, a.db.Now()), err)
}

// orCity is the region of a record; one without belongs to the whole city.
func orCity(region string) string {
	if region == "" {
		return "310000"
	}
	return region
}

// seesRecord asks the owner of a kind of record whether the actor may see
// one. A kind that nobody answers for is not found.
func (a *App) seesRecord(ctx context.Context, object, id string) error {
	var err error
	switch object {
	case "alert":
		_, err = a.alerts.Get(ctx, id)
	case "order":
		_, err = a.orders.Get(ctx, id)
	case "camera":
		_, err = a.directory.Get(ctx, id)
	case "shop":
		_, err = a.shops.Get(ctx, id)
	case "box":
		_, err = a.fleet.Get(ctx, id)
	default:
		err = errs.NotFound("记录")
	}
	return err
}

// exportAudit streams records as CSV that spreadsheets read. The export is
// recorded before the first byte leaves.
func (a *App) exportAudit(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if _, err := access.Need(ctx, access.ExportData); err != nil {
		return err
	}
	who, err := access.Need(ctx, access.AuditView)
	if err != nil {
		return err
	}
	f := audit.Filter{Actor: c.Query("actor"), Act: c.Query("act"), Object: c.Query("object"), Region: c.Query("region"), Q: c.Query("q"), Prefixes: who.Scope.Prefixes}
	for name, at := range map[string]*clock.Stamp{"from": &f.From, "to": &f.To} {
		if s := c.Query(name); s != "" {
			if err := at.UnmarshalText([]byte(s)); err != nil {
				return errs.Invalidf(name, "%s", err.Error())
			}
		}
	}
	reason := strings.TrimSpace(c.Query("reason"))
	if reason == "" || len(reason) > 400 {
		return errs.Invalidf("reason", "请写明导出事由")
	}
	err = audit.RecordAlone(ctx, a.db, audit.Entry{
		Act: "audit.export", Object: "audit", RegionCode: "", Summary: "导出审计记录", Reason: reason,
		After: map[string]any{"actor": f.Actor, "act": f.Act, "object": f.Object, "region": f.Region, "q": f.Q, "from": c.Query("from"), "to": c.Query("to")},
	})
	if err != nil {
		return err
	}
	now := a.db.Now()
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape("审计记录-"+strconv.Itoa(clock.YMD(now))+".csv"))
	mark := fmt.Sprintf("导出人 %s，%s，事由：%s", who.Name, now.In(clock.Shanghai()).Format("2006-01-02 15:04:05"), reason)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		if err := writeAuditCSV(context.WithoutCancel(ctx), w, a, f, mark); err != nil {
			a.log.Error("export of audit records was cut", "err", err)
		}
	})
	return nil
}

func writeAuditCSV(ctx context.Context, w *bufio.Writer, a *App, f audit.Filter, mark string) error {
	if _, err := w.WriteString("\ufeff"); err != nil { // spreadsheets take it for the encoding
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write([]string{safeCell(mark)}); err != nil {
		return err
	}
	if err := out.Write([]string{"序号", "时间", "人员", "操作", "对象", "对象编号", "区域", "摘要", "事由", "来源", "请求号", "改动前", "改动后"}); err != nil {
		return err
	}
	n, err := audit.Each(ctx, a.db, f, auditExportMax, func(i audit.Item) error {
		row := []string{
			strconv.FormatInt(i.Seq, 10), i.At.Time().In(clock.Shanghai()).Format("2006-01-02 15:04:05.000"), i.ActorName, i.Act, i.Object, i.ObjectID,
			i.RegionCode, i.Summary, i.Reason, i.IP, i.RequestID, i.Before, i.After,
		}
		for j := range row {
			row[j] = safeCell(row[j])
		}
		return out.Write(row)
	})
	if err == nil && n == auditExportMax {
		err = out.Write([]string{fmt.Sprintf("只导出最近 %d 条，请收窄条件", auditExportMax)})
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// safeCell keeps a spreadsheet from running a text as a formula.
func safeCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
