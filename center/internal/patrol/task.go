package patrol

import (
	"fmt"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// TaskState is where a task stands.
type TaskState string

// The states of tasks.
const (
	Pending    TaskState = "pending"    // 待派: no unit yet
	Running    TaskState = "running"    // 执行中: the boxes look
	Supplement TaskState = "supplement" // 待补录: the window is over, people complete it
	Done       TaskState = "done"       // 已完成
	Overdue    TaskState = "overdue"    // 逾期: not complete in time
	Cancelled  TaskState = "cancelled"  // 已撤销
)

// Label is the word that people see.
func (s TaskState) Label() string {
	switch s {
	case Pending:
		return "待派"
	case Running:
		return "执行中"
	case Supplement:
		return "待补录"
	case Done:
		return "已完成"
	case Overdue:
		return "逾期"
	case Cancelled:
		return "已撤销"
	}
	return string(s)
}

// Open tells whether the task still waits for somebody.
func (s TaskState) Open() bool { return s != Done && s != Cancelled }

// TaskStates lists all states in the order of their life.
func TaskStates() []TaskState {
	return []TaskState{Pending, Running, Supplement, Overdue, Done, Cancelled}
}

// Source says why a task was made.
type Source string

// The sources.
const (
	FromPlan    Source = "plan"    // 计划
	FromPerson  Source = "manual"  // 人工发起
	FromRecheck Source = "recheck" // 整改复查
)

// Label is the word that people see.
func (s Source) Label() string {
	switch s {
	case FromPlan:
		return "计划"
	case FromPerson:
		return "人工发起"
	case FromRecheck:
		return "整改复查"
	}
	return string(s)
}

// Task is one run of a plan for one unit, or one that was asked for.
type Task struct {
	ID, No           string
	PlanID, PlanName string
	Version          int
	SlotAt           clock.Stamp
	Unit             string
	Source           Source
	SourceID         string
	Kind             Kind
	Kinds            []string
	State            TaskState
	RegionCode       string
	OrgID, OrgName   string
	FromAt, UntilAt  clock.Stamp
	DueAt            *clock.Stamp
	Looks, NeedPct   int
	Cameras, Boxes   int
	Spots            int
	Seen, Manual     int
	Waived, Unseen   int
	Signs, Opens     int
	Observations     int
	Late             bool
	Note             string
	YMD              int
	MadeAt           clock.Stamp
	ClosedAt         *clock.Stamp
	Rev              int64
}

// Covered is how many places were seen, by a camera or by people.
func (t Task) Covered() int { return t.Seen + t.Manual }

// Settled tells whether nothing is left to do: each place was seen, or a
// person said why it can't be.
func (t Task) Settled() bool { return t.Spots > 0 && t.Covered()+t.Waived >= t.Spots }

// Settle gives the state that a task has by its counts at a moment. Ended says
// that nothing more comes from the boxes: the window is over, or every look
// was told of. A recheck asks nothing of people.
func (t Task) Settle(now time.Time, ended bool) TaskState {
	switch {
	case t.State == Cancelled || t.State == Done:
		return t.State
	case ended && (t.Settled() || t.Source == FromRecheck):
		return Done
	case t.DueAt != nil && clock.At(now) >= *t.DueAt:
		return Overdue
	case t.OrgID == "":
		return Pending
	case ended:
		return Supplement
	}
	return Running
}

// SpotState is how a place of a task stands.
type SpotState string

// The states of places.
const (
	SpotWaiting SpotState = "waiting" // 未到
	SpotSeen    SpotState = "seen"    // 已看到
	SpotUnseen  SpotState = "unseen"  // 未看到
	SpotManual  SpotState = "manual"  // 人工补录
	SpotWaived  SpotState = "waived"  // 无法查看, said by a person
)

// Label is the word that people see.
func (s SpotState) Label() string {
	switch s {
	case SpotWaiting:
		return "待查看"
	case SpotSeen:
		return "已看到"
	case SpotUnseen:
		return "未看到"
	case SpotManual:
		return "人工补录"
	case SpotWaived:
		return "无法查看"
	}
	return string(s)
}

// Spot is a place that a task looks at: a zone, or a camera's whole view when
// ZoneID is empty.
type Spot struct {
	TaskID               string
	CameraID, CameraName string
	ZoneID, ZoneName     string
	Address              string
	RegionCode           string
	ShopID, ShopName     string
	BoxID                string
	Lng, Lat             float64
	State                SpotState
	SeenLooks            int
	UnseenLooks          int
	Reason, Detail       string
	Signs, Opens         int
	Text, Crop, Frame    string
	LookedAt             *clock.Stamp
	ByID, ByName, Note   string
	Pictures             []string
	DoneAt               *clock.Stamp
}

// settle gives the state of a place by its looks. Before the window ends a
// place is unseen only when no look is left that could change it.
func (s Spot) settle(looks, needPct int, ended bool) SpotState {
	if s.State == SpotManual || s.State == SpotWaived {
		return s.State
	}
	need := max(1, (looks*needPct+99)/100)
	switch {
	case s.SeenLooks >= need:
		return SpotSeen
	case ended || s.UnseenLooks > looks-need:
		return SpotUnseen
	}
	return SpotWaiting
}

// ReasonLabel is the word for why a place was not seen.
func ReasonLabel(code string) string {
	words := map[string]string{
		string(edgev1.UnseenOffline): "点位离线", string(edgev1.UnseenDisabled): "点位停用", string(edgev1.UnseenNoCamera): "边缘盒上没有这个点位",
		string(edgev1.UnseenNoZone): "没有对应的电子围栏", string(edgev1.UnseenMissed): "错过查看时间", string(edgev1.UnseenFailed): "识别出错",
		"black": "画面全黑", "frozen": "画面不动", "covered": "画面被遮挡", "blurred": "画面模糊", "dark": "画面过暗", "bright": "画面过曝", "moved": "视角移动", "corrupt": "画面花屏",
		ReasonBoxOffline: "边缘盒离线", ReasonRefused: "边缘盒拒绝执行", ReasonUnreadable: "店招无法识读", ReasonNoBox: "点位没有分配边缘盒",
	}
	if w, ok := words[code]; ok {
		return w
	}
	return code
}

// Reasons that the center adds to those of the boxes.
const (
	ReasonBoxOffline = "boxOffline" // the box was away for the whole window
	ReasonRefused    = "refused"    // the box refused the task
	ReasonUnreadable = "unreadable" // a sign was there and could not be read
	ReasonNoBox      = "noBox"      // the camera is on no box
)

// Reasons lists all reasons for filters, with their words.
func Reasons() []string {
	return []string{
		string(edgev1.UnseenOffline), ReasonBoxOffline, string(edgev1.UnseenMissed), ReasonUnreadable, string(edgev1.UnseenDisabled), string(edgev1.UnseenNoCamera),
		string(edgev1.UnseenNoZone), ReasonNoBox, ReasonRefused, string(edgev1.UnseenFailed), "black", "frozen", "covered", "blurred", "dark", "bright", "moved", "corrupt",
	}
}

// Result is what a person says of a place.
type Result string

// The results of a supplement.
const (
	ResultClean Result = "clean" // 未发现问题
	ResultFound Result = "found" // 发现问题
	ResultSign  Result = "sign"  // 店招已识读
	ResultNone  Result = "none"  // 无法查看
)

// Label is the word that people see.
func (r Result) Label() string {
	switch r {
	case ResultClean:
		return "未发现问题"
	case ResultFound:
		return "发现问题"
	case ResultSign:
		return "店招已识读"
	case ResultNone:
		return "无法查看"
	}
	return string(r)
}

// checkSupplement tells what is missing of a supplement.
func checkSupplement(kind Kind, r Result, text, note string, pictures []string) error {
	var f errs.Fields
	allowed := []Result{ResultClean, ResultFound, ResultNone}
	if kind == Survey {
		allowed = []Result{ResultSign, ResultNone}
	}
	f.Check(slices.Contains(allowed, r), "result", "这类任务的补录结果不能是“%s”", r.Label())
	f.Check(r != ResultSign || text != "", "text", "请填写看到的店名")
	f.Check(len([]rune(text)) <= 60, "text", "店名不能超过 60 个字")
	f.Check(r == ResultNone || len(pictures) > 0, "pictures", "请上传现场照片")
	f.Check(r != ResultNone && r != ResultFound || note != "", "note", "请写明原因或发现的问题")
	f.Check(len([]rune(note)) <= 200, "note", "说明不能超过 200 个字")
	f.Check(len(pictures) <= 9, "pictures", "照片最多 9 张，现在是 %d 张", len(pictures))
	return f.Err()
}

// taskNo writes a task's number, PM for surveys and XJ for inspections.
func taskNo(k Kind, ymd int, n int64) string {
	head := "XJ"
	if k == Survey {
		head = "PM"
	}
	return fmt.Sprintf("%s%d-%05d", head, ymd, n)
}
