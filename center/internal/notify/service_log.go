package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/sheet"
)

// Log gives one page of what was sent.
func (s *Service) Log(ctx context.Context, f LogFilter, p httpx.Paging) (httpx.List[sendRow], error) {
	if _, err := access.Need(ctx, access.NotifyLog); err != nil {
		return httpx.List[sendRow]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	rows, n, err := listSends(ctx, s.db.Read(), f, p)
	if err != nil {
		return httpx.List[sendRow]{}, err
	}
	return httpx.NewList(rows, n, p, s.now()), nil
}

// Figures counts what was sent by channel and state in the last days.
func (s *Service) Figures(ctx context.Context, days int) ([]StateCount, error) {
	if _, err := access.Need(ctx, access.NotifyLog); err != nil {
		return nil, err
	}
	return countSends(ctx, s.db.Read(), clock.At(clock.DayStart(s.now()).AddDate(0, 0, 1-max(days, 1))))
}

// Export writes the filtered log as xlsx.
func (s *Service) Export(ctx context.Context, f LogFilter, p httpx.Paging, out io.Writer) error {
	p.Page, p.Size = 1, 200
	first, err := s.Log(ctx, f, p)
	if err != nil {
		return err
	}
	if first.Total > sheet.MaxRows {
		return errs.New(errs.TooLarge, "共 %d 条，超过一次导出 %d 条的上限，请加筛选条件", first.Total, sheet.MaxRows)
	}
	w, err := sheet.New("发送台账", []sheet.Column{
		{Title: "编号", Width: 28}, {Title: "时间", Width: 19}, {Title: "通道", Width: 12}, {Title: "规则", Width: 14}, {Title: "收件人", Width: 10}, {Title: "地址", Width: 16},
		{Title: "内容", Width: 50}, {Title: "状态", Width: 10}, {Title: "说明", Width: 24}, {Title: "次数", Width: 6}, {Title: "网关编号", Width: 24}, {Title: "发出", Width: 19}, {Title: "回执", Width: 19},
	})
	if err != nil {
		return err
	}
	for res := first; ; {
		for _, r := range res.Items {
			if err := w.Add(r.ID, wall(&r.CreatedAt), ChannelName(r.Channel), r.RuleName, r.PersonName, r.Address, strings.TrimSpace(r.Title+" "+r.Body), StateName(r.State), r.Reason, r.Attempts, r.MsgID, wall(r.SentAt), wall(r.ReceiptAt)); err != nil {
				return err
			}
		}
		if int64(p.Page)*int64(p.Size) >= first.Total {
			break
		}
		p.Page++
		if res, err = s.Log(ctx, f, p); err != nil {
			return err
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{Act: "notify.export", Object: "notice", Summary: "导出发送台账 " + strconv.FormatInt(first.Total, 10) + " 条"})
	})
	if err != nil {
		return err
	}
	_, err = w.WriteTo(out)
	return err
}

func wall(at *clock.Stamp) string {
	if at == nil {
		return ""
	}
	return at.Time().In(clock.Shanghai()).Format("2006-01-02 15:04:05")
}

// Resend sends a notice again that did not arrive.
func (s *Service) Resend(ctx context.Context, id string) (string, error) {
	if _, err := access.Need(ctx, access.NotifyManage); err != nil {
		return "", err
	}
	fresh := ids.New()
	return fresh, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := forUpdate(ctx, tx, "s.id = ?", id)
		if err != nil {
			return err
		}
		switch {
		case old == nil:
			return errs.NotFound("发送记录")
		case old.State == Queued || old.State == Sending:
			return errs.Conflict("这条消息还在发送，不需要重发")
		case old.Op != opPush:
			return errs.Conflict("待办同步记录不能单独重发")
		case old.Body == "":
			return errs.Conflict("这条消息没有内容，不能重发")
		}
		if err := s.resend(ctx, tx, old, fresh); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "notify.resend", Object: "notice", ObjectID: id, Summary: "重发" + ChannelName(old.Channel) + "给 " + old.PersonName})
	})
}

// Messages gives one page of the actor's messages in the console.
func (s *Service) Messages(ctx context.Context, unread bool, p httpx.Paging) (httpx.List[sendRow], error) {
	who, err := access.From(ctx)
	if err != nil {
		return httpx.List[sendRow]{}, err
	}
	rows, n, err := messages(ctx, s.db.Read(), who.ID, unread, p)
	if err != nil {
		return httpx.List[sendRow]{}, err
	}
	return httpx.NewList(rows, n, p, s.now()), nil
}

// Unread counts the actor's unread messages.
func (s *Service) Unread(ctx context.Context) (int64, error) {
	who, err := access.From(ctx)
	if err != nil {
		return 0, err
	}
	return unreadMessages(ctx, s.db.Read(), who.ID)
}

// ReadMessages marks messages of the actor as read, all when ids is empty.
func (s *Service) ReadMessages(ctx context.Context, list []string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return readMessages(ctx, tx, who.ID, list) })
}

// Signed is a request of a gateway to us.
type Signed struct {
	Method, Path, App, Time, Nonce, Sign string
	Body                                 []byte
}

// signedWindow is how far a gateway's clock may be off.
const signedWindow = 5 * time.Minute

// receipt is one status report.
type receipt struct {
	MsgID     string `json:"msgid"`
	OrderID   string `json:"orderId"`
	Mobile    string `json:"mobile"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
	Timestamp any    `json:"timestamp"`
}

// maxReceipts bounds the reports of one request.
const maxReceipts = 500

// parseReceipts reads one report or a list of them.
func parseReceipts(body []byte) ([]receipt, error) {
	body = bytes.TrimSpace(body)
	var out []receipt
	if len(body) > 0 && body[0] == '[' {
		if err := json.Unmarshal(body, &out); err != nil {
			return nil, errs.Invalidf("body", "回执不是状态报告的列表")
		}
	} else {
		var r receipt
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, errs.Invalidf("body", "回执不是状态报告")
		}
		out = []receipt{r}
	}
	if len(out) == 0 || len(out) > maxReceipts {
		return nil, errs.Invalidf("body", "一次应有 1 到 %d 条回执", maxReceipts)
	}
	for _, r := range out {
		if r.MsgID == "" && r.OrderID == "" || r.Status == "" || len(r.MsgID) > 80 || len(r.OrderID) > 80 || len(r.Status) > 30 {
			return nil, errs.Invalidf("msgid", "回执应有 msgid（或 orderId）和 status")
		}
	}
	return out, nil
}

// Receipts takes a gateway's reports. The same report again changes nothing;
// one that came before the answer to our own request is found by orderId.
func (s *Service) Receipts(ctx context.Context, channel string, in Signed) error {
	conf, err := channels(ctx, s.db.Read())
	if err != nil {
		return err
	}
	ch, ok := conf[channel]
	if !ok || !ch.on() || ch.Secret == "" {
		return errs.NotFound("通道")
	}
	c, err := s.configOf(ch)
	if err != nil {
		return err
	}
	ts, err := strconv.ParseInt(in.Time, 10, 64)
	off := s.now().Sub(time.Unix(ts, 0)).Abs()
	want := Sign(c.Secret, in.Method, in.Path, in.Time, in.Nonce, in.Body)
	if err != nil || off > signedWindow || in.App != c.AppID || !hmac.Equal([]byte(want), []byte(in.Sign)) {
		return errs.New(errs.Unauthenticated, "回执签名不对或已过期")
	}
	reports, err := parseReceipts(in.Body)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, r := range reports {
			if err := s.takeReceipt(ctx, tx, ch, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) takeReceipt(ctx context.Context, tx db.Tx, ch channelRow, r receipt) error {
	key := r.OrderID
	if key == "" {
		key = r.MsgID
	}
	fresh, err := addReceipt(ctx, tx, ch.Code, key, r.Status)
	if err != nil || !fresh {
		return err
	}
	m, err := forUpdate(ctx, tx, "s.channel = ? AND (s.id = ? OR s.msg_id = ? AND s.msg_id <> '')", ch.Code, r.OrderID, r.MsgID)
	if err != nil || m == nil {
		return err // not of ours, or long gone: the gateway need not repeat it
	}
	now := clock.At(tx.Now())
	switch strings.ToUpper(r.Status) {
	case "0", "DELIVRD":
		if m.State != Read {
			m.State = Delivered
		}
	case "READ":
		m.State = Read
	default:
		if m.State == Delivered || m.State == Read {
			return nil
		}
		m.State, m.Reason = Failed, "网关回执 "+r.Status+" "+r.Reason
	}
	m.ReceiptAt = &now
	if m.MsgID == "" {
		m.MsgID = r.MsgID
	}
	if err := s.progress(ctx, tx, m); err != nil {
		return err
	}
	if m.State == Failed {
		return s.alarm(ctx, tx, ch, m)
	}
	return nil
}

// Prune forgets old receipts; a job calls it.
func (s *Service) Prune(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return prune(ctx, tx, tx.Now().AddDate(0, -1, 0)) })
}
