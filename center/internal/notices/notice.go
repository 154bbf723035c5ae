// Package notices tells shops what was seen and what to do about it, and
// follows what they answer: the rectification notice of a work order and the
// compliance notice of an event or a risk. A notice goes to 随申办, else by
// text message, else somebody brings it; the shop opens its page without an
// account, answers with photos or objects; a person decides. notice.go has
// the states and rules, service_*.go the use cases, http_owner.go the public
// pages, store*.go the SQL.
package notices

import (
	"fmt"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Kinds of notices.
const (
	Rectify    = "rectify"    // 责令整改通知
	Compliance = "compliance" // 合规告知书
)

// KindName is the word for a kind.
func KindName(kind string) string {
	switch kind {
	case Rectify:
		return "责令整改通知"
	case Compliance:
		return "合规告知书"
	}
	return kind
}

// State is where a notice stands.
type State string

// The states. Delivery goes up from made to read and never down.
const (
	Made      State = "made"      // 待送达
	Sent      State = "sent"      // 已推送
	Delivered State = "delivered" // 已送达
	Read      State = "read"      // 已读
	Answered  State = "answered"  // 已反馈
	Confirmed State = "confirmed" // 已确认改正
	Rejected  State = "rejected"  // 需继续整改
	Withdrawn State = "withdrawn" // 已撤回
)

// States lists the states in the order of screens.
func States() []State {
	return []State{Made, Sent, Delivered, Read, Answered, Rejected, Confirmed, Withdrawn}
}

// Label is the word that people see.
func (s State) Label() string {
	switch s {
	case Made:
		return "待送达"
	case Sent:
		return "已推送"
	case Delivered:
		return "已送达"
	case Read:
		return "已读"
	case Answered:
		return "已反馈"
	case Confirmed:
		return "已确认改正"
	case Rejected:
		return "需继续整改"
	case Withdrawn:
		return "已撤回"
	}
	return string(s)
}

// rank orders the states of delivery; 0 for those that come after it.
func (s State) rank() int {
	switch s {
	case Made:
		return 1
	case Sent:
		return 2
	case Delivered:
		return 3
	case Read:
		return 4
	}
	return 0
}

// Reached tells whether the shop has the notice as far as anybody knows.
func (n Notice) Reached() bool { return n.DeliveredAt != nil || n.ReadAt != nil }

// Ways by which a notice goes out, in the order in which they are tried.
const (
	WayPush  = "ssbc"
	WaySMS   = "sms"
	WayVisit = "visit"
)

// WayName is the word for a way.
func WayName(way string) string {
	switch way {
	case WayPush:
		return "随申办"
	case WaySMS:
		return "短信"
	case WayVisit:
		return "上门送达"
	}
	return way
}

// Answers of a shop.
const (
	Corrected = "corrected" // 已改正
	Objection = "objection" // 有异议
)

// Rechecks by the camera.
const (
	RecheckAsked = "asked"
	RecheckClean = "clean"
	RecheckDirty = "dirty"
)

// Article is a provision as it held when the notice was made.
type Article struct {
	Role    string `json:"role" enum:"violates,penalty"`
	Law     string `json:"law"`
	Article string `json:"article"`
	Text    string `json:"text"`
	Digest  bool   `json:"digest"`
}

// Cite is how a document names the article.
func (a Article) Cite() string { return "《" + a.Law + "》" + a.Article }

// Cause is a cause of action as it held when the notice was made.
type Cause struct {
	Code     string    `json:"code"`
	Version  int       `json:"version"`
	Name     string    `json:"name"`
	Penalty  string    `json:"penalty"`
	Remedy   string    `json:"remedy"`
	Verified bool      `json:"verified"`
	Articles []Article `json:"articles"`
}

// Box is a part of a picture, normalised.
type Box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// Notice is one notice.
type Notice struct {
	ID, No, Code           string
	Kind, EventKind        string
	State                  State
	OrderID, OrderNo       string
	AlertID                string
	ShopID, ShopName       string
	Address                string
	RegionCode, StreetName string
	Lng, Lat               float64
	CameraID, CameraName   string
	ZoneID                 string
	Organ                  string
	SquadOrgID, SquadName  string
	OfficerID, OfficerName string
	EvidenceUse            string
	Device                 string
	Title, Body, Message   string
	Facts, Demand          string
	Checklist              string
	Causes                 []Cause
	SeenAt                 *clock.Stamp
	Picture, Clip          string
	Box                    *Box
	TemplateID, RuleID     string
	DueAt                  *clock.Stamp
	Paused                 bool
	Way                    string
	AnswerKind             string
	Recheck                string
	RecheckAt              *clock.Stamp
	SentAt, DeliveredAt    *clock.Stamp
	ReadAt, AnsweredAt     *clock.Stamp
	DecidedAt, EndedAt     *clock.Stamp
	EndReason              string
	ReplacesID, ReplacedBy string
	IssuedBy, IssuedName   string
	CreatedAt              clock.Stamp
	Rev                    int64
	live                   bool
	paper                  string
	tails                  []string
	misses                 int
	lockedAt               *clock.Stamp
}

// Advance takes news of the delivery; false when it is no news.
func (n *Notice) Advance(to State, at clock.Stamp) bool {
	moved := false
	if n.EndedAt == nil && n.State.rank() > 0 && to.rank() > n.State.rank() {
		n.State, moved = to, true
	}
	for _, x := range []struct {
		at   **clock.Stamp
		from State
	}{{&n.SentAt, Sent}, {&n.DeliveredAt, Delivered}, {&n.ReadAt, Read}} {
		if *x.at == nil && to.rank() >= x.from.rank() {
			*x.at, moved = clock.Ptr(at.Time()), true
		}
	}
	return moved
}

// Act is something that is done to a notice.
type Act string

// The acts.
const (
	Withdraw Act = "withdraw" // 撤回
	Replace  Act = "replace"  // 重新制发
	Serve    Act = "serve"    // 登记上门送达
	Decide   Act = "decide"   // 确认或退回整改
	Judge    Act = "judge"    // 处理异议
	Resend   Act = "resend"   // 再次发送
)

// Label is the word that people see.
func (a Act) Label() string {
	switch a {
	case Withdraw:
		return "撤回"
	case Replace:
		return "撤回并重新制发"
	case Serve:
		return "登记上门送达"
	case Decide:
		return "确认整改"
	case Judge:
		return "处理异议"
	case Resend:
		return "再次发送"
	}
	return string(a)
}

// Person is what the rules need to know of the one who acts.
type Person struct {
	ID, OrgID string
	// Issue, Confirm and Objection are the person's rights where the notice
	// lies.
	Issue, Confirm, Objection bool
}

// Guard decides whether a person may do an act now; the reason is a sentence
// for people. Screens show exactly the acts for which it gives nil.
func Guard(n Notice, a Act, p Person) error {
	may := p.Issue
	switch a {
	case Serve, Decide:
		may = p.Confirm
	case Judge:
		may = p.Objection
	}
	if !may {
		return errs.Forbidden("没有" + a.Label() + "的权限")
	}
	if n.EndedAt != nil {
		return errs.Conflict(fmt.Sprintf("告知 %s 已结束（%s），不能%s", n.No, n.State.Label(), a.Label()))
	}
	pending := n.State == Answered
	switch a {
	case Decide:
		if (!pending || n.AnswerKind != Corrected) && n.Recheck != RecheckClean {
			return errs.Conflict(fmt.Sprintf("告知 %s 现为“%s”，没有待确认的整改反馈", n.No, n.State.Label()))
		}
	case Judge:
		if !pending || n.AnswerKind != Objection {
			return errs.Conflict(fmt.Sprintf("告知 %s 没有待处理的异议", n.No))
		}
	case Serve:
		if n.Reached() {
			return errs.Conflict(fmt.Sprintf("告知 %s 已送达，不需要上门", n.No))
		}
	case Resend:
		if pending {
			return errs.Conflict(fmt.Sprintf("告知 %s 已有反馈，不需要再次发送", n.No))
		}
	}
	return nil
}

// Allowed lists the acts that Guard lets through.
func Allowed(n Notice, p Person) []Act {
	out := []Act{}
	for _, a := range []Act{Decide, Judge, Serve, Resend, Replace, Withdraw} {
		if Guard(n, a, p) == nil {
			out = append(out, a)
		}
	}
	return out
}

// OwnerGuard decides whether the shop may answer now.
func OwnerGuard(n Notice, kind string, r Rule, now time.Time) error {
	switch {
	case n.State == Withdrawn:
		return errs.Conflict("这份通知已经撤回，不需要再办理")
	case n.EndedAt != nil:
		return errs.Conflict("这份通知已经办结，不需要再办理")
	case n.State == Answered:
		return errs.Conflict("您已经提交过了，请等待答复")
	case kind == Objection && now.After(n.ObjectUntil(r)):
		return errs.Conflict("提出异议的期限已过，如有问题请联系承办人")
	}
	return nil
}

// ObjectUntil is the last moment of objecting: it counts from the delivery,
// and from the making as long as that is not known.
func (n Notice) ObjectUntil(r Rule) time.Time {
	from := n.CreatedAt
	if n.DeliveredAt != nil {
		from = *n.DeliveredAt
	} else if n.ReadAt != nil {
		from = *n.ReadAt
	}
	return from.Time().Add(time.Duration(r.ObjectionHours) * time.Hour)
}
