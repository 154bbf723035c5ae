// Package alerts holds what the boxes recognised and what people decided
// about it: each event of a box becomes one alert, a person confirms, corrects
// or rejects it, and a confirmed one becomes a work order.
package alerts

import (
	"fmt"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// State is where an alert stands.
type State string

// The states.
const (
	Pending      State = "pending"      // 待研判
	Later        State = "later"        // 稍后处理
	Confirmed    State = "confirmed"    // 已确认, a work order was made
	Merged       State = "merged"       // 已合并, it joined an open work order
	Rejected     State = "rejected"     // 已驳回
	SelfResolved State = "selfResolved" // 自行恢复, gone before anyone acted
	Recorded     State = "recorded"     // 仅记录, below the threshold of an alert
	Updated      State = "updated"      // 已更新库, the registry of shops was put right
	Withdrawn    State = "withdrawn"    // 已撤回, corrected to no violation
)

// Label is the word that people see.
func (s State) Label() string {
	switch s {
	case Pending:
		return "待研判"
	case Later:
		return "稍后处理"
	case Confirmed:
		return "已确认"
	case Merged:
		return "已合并"
	case Rejected:
		return "已驳回"
	case SelfResolved:
		return "自行恢复"
	case Recorded:
		return "仅记录"
	case Updated:
		return "已更新库"
	case Withdrawn:
		return "已撤回"
	}
	return string(s)
}

// Act is a decision of a person.
type Act string

// The acts.
const (
	Confirm    Act = "confirm"
	Reject     Act = "reject"
	Reclassify Act = "reclassify"
	Postpone   Act = "later"
	Undo       Act = "undo"
	Correct    Act = "correct"
	Raise      Act = "raise"
	Claim      Act = "claim"
	Update     Act = "update"
)

// Label is the word that people see.
func (a Act) Label() string {
	switch a {
	case Confirm:
		return "确认"
	case Reject:
		return "驳回"
	case Reclassify:
		return "改判"
	case Postpone:
		return "稍后处理"
	case Undo:
		return "撤销"
	case Correct:
		return "改判"
	case Raise:
		return "转为预警"
	case Claim:
		return "认领"
	case Update:
		return "更新登记库"
	}
	return string(a)
}

// Reason is why an alert was rejected.
type Reason string

// Label is the word that people see; empty for an unknown reason.
func (r Reason) Label() string {
	switch r {
	case "lighting":
		return "光影变化"
	case "person":
		return "行人停留"
	case "vehicle":
		return "车辆停放"
	case "permitted":
		return "外摆许可或临时允许"
	case "wrongZone":
		return "围栏画错"
	case "other":
		return "其他"
	}
	return ""
}

// KindLabel is the word for an event kind.
func KindLabel(kind string) string {
	switch kind {
	case "stacking":
		return "占道堆物"
	case "frontage":
		return "跨门经营"
	case "sign":
		return "店招变更"
	case "picture":
		return "画面异常"
	case NoViolation:
		return "无违法"
	}
	return kind
}

// NoViolation as a kind is what a recognition is corrected to when there was
// nothing.
const NoViolation = "none"

// FindingLabel is the word for what was found about a sign.
func FindingLabel(finding string) string {
	switch finding {
	case "new":
		return "新增店招"
	case "renamed", "changed":
		return "店招变更"
	case "moved":
		return "位置移动"
	case "unreported":
		return "未上报"
	case "vanished", "gone":
		return "店招消失"
	case "covered":
		return "店招遮挡"
	case "unreadable":
		return "识别失败"
	}
	return ""
}

// Cause is the name of the violation that a kind points at; empty when a
// person has to find out on site.
func Cause(kind string) string {
	switch kind {
	case "stacking":
		return "擅自占道堆物"
	case "frontage":
		return "超出门窗和外墙经营"
	}
	return ""
}

// UndoWindow is how long a person may take back a decision.
const UndoWindow = 10 * time.Second

// Alert is one alert.
type Alert struct {
	ID             string
	No             string
	EdgeID         string
	EventID        string
	EventRev       int
	Kind           string
	SeenKind       string
	Phase          string
	State          State
	CameraID       string
	CameraName     string
	Address        string
	RegionCode     string
	StreetName     string
	Lng, Lat       float64
	ZoneID         string
	ZoneName       string
	ShopID         string
	ShopName       string
	BindRule       string // zone, nearest or person; empty while nobody claimed it
	BindReason     string
	RuleID         string
	Finding        string // of a sign: see FindingLabel
	Registered     string // the sign's name in the registry
	SeenCount      int    // recognitions in this record
	Look           int    // similar pictures of a group share it; 0 is not compared yet
	Score          float64
	SinceAt        clock.Stamp
	ConfirmedAt    clock.Stamp
	EndedAt        *clock.Stamp
	ReceivedAt     clock.Stamp
	EvidenceUse    string
	EvidenceReason string
	Thumb          string
	Text           string
	SignText       string
	DecidedBy      string
	DecidedName    string
	DecidedAt      *clock.Stamp
	Decision       Act
	PriorState     State
	OrderID        string
	OrderNo        string
	OrderState     string
	OrderResult    string
	Rev            int64
}

// Undecided tells whether a person may still decide.
func (a Alert) Undecided() bool {
	return a.State == Pending || a.State == Later || a.State == SelfResolved
}

// group names the alerts that a person would look at together while they
// wait: the same kind of thing at the same shop and spot.
func (a Alert) group() string {
	if a.State != Pending && a.State != Later {
		return ""
	}
	return a.Kind + "|" + a.ShopID + "|" + a.spot()
}

// spot is the zone, or the camera where there is none.
func (a Alert) spot() string {
	if a.ZoneID != "" {
		return a.ZoneID
	}
	return a.CameraID
}

// Outcome is what people's decisions say about a recognition.
type Outcome string

// The outcomes; open is none yet.
const (
	OutcomeOpen  Outcome = ""
	OutcomeRight Outcome = "right"
	OutcomeWrong Outcome = "wrong"
)

// Outcome judges the recognition by the decision: what was confirmed as the
// kind that the box saw was right.
func (a Alert) Outcome() Outcome {
	switch a.State {
	case Confirmed, Merged, Updated:
		if a.Kind == a.SeenKind {
			return OutcomeRight
		}
		return OutcomeWrong
	case Rejected, Withdrawn:
		return OutcomeWrong
	}
	return OutcomeOpen
}

// Guard decides whether an act fits the alert's state. The conflict names who
// decided and when.
func Guard(a Alert, act Act, who string, now time.Time) error {
	switch act {
	case Confirm, Reject:
		if a.Undecided() {
			return nil
		}
		return decided(a)
	case Reclassify:
		if a.State == Pending || a.State == Later {
			return nil
		}
		return decided(a)
	case Postpone:
		if a.State == Pending {
			return nil
		}
		return decided(a)
	case Update:
		if a.Kind != "sign" {
			return errs.Conflict("只有店招变更的预警可以更新登记库")
		}
		if a.Undecided() {
			return nil
		}
		return decided(a)
	case Raise:
		if a.State == Recorded {
			return nil
		}
		return decided(a)
	case Claim, Correct:
		if a.Kind == "picture" {
			return errs.Conflict("画面异常不是对商铺的识别，不能认领或改判")
		}
		return nil
	case Undo:
		if a.State == Updated {
			return errs.Conflict("登记库已经更新，请到商铺档案的历史里撤回")
		}
		if a.DecidedAt == nil || a.Decision == "" || a.DecidedBy != who {
			return errs.Conflict("只能撤销自己刚做的决定")
		}
		if now.Sub(a.DecidedAt.Time()) > UndoWindow {
			return errs.Conflict(fmt.Sprintf("已超过 %d 秒，不能撤销", int(UndoWindow.Seconds())))
		}
		return nil
	}
	return errs.New(errs.Invalid, "没有“%s”这个操作", string(act))
}

// decided is the conflict about an alert that was decided.
func decided(a Alert) error {
	if a.State == SelfResolved {
		at := ""
		if a.EndedAt != nil {
			at = " " + wall(*a.EndedAt)
		}
		return errs.Conflict(fmt.Sprintf("预警 %s 的事件%s 已自行消失，现为“自行恢复”", a.No, at))
	}
	if a.DecidedAt == nil {
		return errs.Conflict(fmt.Sprintf("预警 %s 现为“%s”，请刷新后再操作", a.No, a.State.Label()))
	}
	return errs.Conflict(fmt.Sprintf("%s %s 已把预警 %s 处理为“%s”，请刷新后再操作", a.DecidedName, wall(*a.DecidedAt), a.No, a.State.Label()))
}

// wall gives the Shanghai wall time, for sentences.
func wall(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format("15:04") }
