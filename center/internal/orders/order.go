// Package orders holds work orders: what was confirmed at the desk goes to a
// squad and an officer, is dealt with on site, reviewed and closed. It is the
// exemplary domain: order.go has the pure rules, service_*.go the use cases,
// store*.go the SQL, http*.go the routes, ports.go what it asks of others.
package orders

import (
	"fmt"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// State is where a work order stands.
type State string

// The states. Review is an act and not a state: it leads from handled to
// closed, or back to onSite.
const (
	Dispatched State = "dispatched" // 待签收
	Accepted   State = "accepted"   // 已签收
	OnSite     State = "onSite"     // 处置中
	Handled    State = "handled"    // 待复核
	Closed     State = "closed"     // 已办结
	Returned   State = "returned"   // 已退回, back with the dispatcher
)

// Label is the word that people see.
func (s State) Label() string {
	switch s {
	case Dispatched:
		return "待签收"
	case Accepted:
		return "已签收"
	case OnSite:
		return "处置中"
	case Handled:
		return "待复核"
	case Closed:
		return "已办结"
	case Returned:
		return "已退回"
	}
	return string(s)
}

// Open tells whether the order still waits for the squad or the dispatcher,
// so that its deadline runs.
func (s State) Open() bool {
	return s == Dispatched || s == Accepted || s == OnSite || s == Returned
}

// Act is something a person does to an order.
type Act string

// The acts.
const (
	Assign   Act = "assign"
	Accept   Act = "accept"
	Arrive   Act = "arrive"
	Handle   Act = "handle"
	Review   Act = "review"
	Return   Act = "return"
	Reassign Act = "reassign"
)

// Acts lists all acts in the order in which screens show them.
func Acts() []Act { return []Act{Assign, Accept, Arrive, Handle, Review, Return, Reassign} }

// Label is the word that people see.
func (a Act) Label() string {
	switch a {
	case Assign:
		return "派发"
	case Accept:
		return "签收"
	case Arrive:
		return "到场"
	case Handle:
		return "提交处置结果"
	case Review:
		return "复核"
	case Return:
		return "退回"
	case Reassign:
		return "改派"
	}
	return string(a)
}

// Result is what the officer found and did.
type Result string

// The results.
const (
	Corrected  Result = "corrected"  // 已改正
	Warned     Result = "warned"     // 警告教育
	Filed      Result = "filed"      // 立案
	FalseAlarm Result = "falseAlarm" // 误报
	NotSeen    Result = "notFound"   // 找不到现场
)

// Label is the word that people see.
func (r Result) Label() string {
	switch r {
	case Corrected:
		return "已改正"
	case Warned:
		return "警告教育"
	case Filed:
		return "立案"
	case FalseAlarm:
		return "误报"
	case NotSeen:
		return "找不到现场"
	}
	return string(r)
}

// Valid tells whether r is one of the results.
func (r Result) Valid() bool { return r.Label() != string(r) }

// Order is one work order.
type Order struct {
	ID         string
	No         string
	Kind       string // an edgev1.Kind
	State      State
	ShopID     string
	ShopName   string
	CameraID   string
	CameraName string
	Address    string
	Lng, Lat   float64
	RegionCode string
	StreetName string
	// SuggestedSquadID is the squad of the camera's street, SuggestReason
	// says why.
	SuggestedSquadID string
	SuggestedSquad   string
	SuggestReason    string
	SquadOrgID       string
	SquadName        string
	OfficerID        string
	OfficerName      string
	// EvidenceUse is "clue" as soon as one of its alerts is only a clue.
	EvidenceUse string
	Thumb       string
	Result      Result
	ResultNote  string
	AlertCount  int
	RuleID      string
	LimitMS     int64
	NearMS      int64
	NearToday   bool
	CreatedAt   clock.Stamp
	DueAt       clock.Stamp
	HandledAt   *clock.Stamp
	ClosedAt    *clock.Stamp
	Rev         int64
}

// Person is what the rules need to know of the one who acts.
type Person struct {
	ID    string
	OrgID string
	// Dispatch, Assign, Handle and Review are the person's rights.
	Dispatch, Assign, Handle, Review bool
	// Covers tells that the order's region is in the person's scope.
	Covers bool
}

func (p Person) leads(o Order) bool {
	return p.Assign && o.SquadOrgID != "" && o.SquadOrgID == p.OrgID
}

func (p Person) dispatches(Order) bool { return p.Dispatch && p.Covers }

func (p Person) works(o Order) bool {
	return p.Handle && o.OfficerID != "" && o.OfficerID == p.ID
}

// states gives the states in which an act has a meaning.
func (a Act) states() []State {
	switch a {
	case Assign:
		return []State{Dispatched, Returned}
	case Accept:
		return []State{Dispatched}
	case Arrive:
		return []State{Accepted}
	case Handle:
		return []State{OnSite}
	case Review:
		return []State{Handled}
	case Return, Reassign:
		return []State{Dispatched, Accepted, OnSite}
	}
	return nil
}

// Guard decides whether a person may do an act to an order now. The reason is
// a sentence for people: a wrong state is a conflict, a wrong person is
// forbidden. Screens show exactly the acts for which it gives nil.
func Guard(o Order, a Act, p Person) error {
	fits := false
	for _, s := range a.states() {
		fits = fits || s == o.State
	}
	if !fits {
		return errs.Conflict(fmt.Sprintf("工单 %s 当前为“%s”，不能%s", o.No, o.State.Label(), a.Label()))
	}
	switch a {
	case Assign:
		return guardAssign(o, p)
	case Accept, Arrive, Handle:
		return guardWork(o, a, p)
	case Review:
		if !p.Review || (!p.Covers && !p.leads(o)) {
			return errs.Forbidden("没有复核这张工单的权限，由中队长或区局派单员复核")
		}
		if o.OfficerID == p.ID {
			return errs.Forbidden("不能复核自己处置的工单，请由中队长或区局派单员复核")
		}
		return nil
	case Return:
		if p.works(o) || p.leads(o) {
			return nil
		}
		if o.SquadOrgID == "" {
			return errs.Conflict(fmt.Sprintf("工单 %s 还没有派到中队，不需要退回", o.No))
		}
		return errs.Forbidden("只有承办的队员或其中队长可以退回")
	case Reassign:
		return guardReassign(o, p)
	}
	return errs.New(errs.Invalid, "没有“%s”这个操作", string(a))
}

func guardAssign(o Order, p Person) error {
	if o.State == Dispatched && o.OfficerID != "" {
		return errs.Conflict(fmt.Sprintf("工单 %s 已派给队员%s，要换人请用改派", o.No, o.OfficerName))
	}
	if p.dispatches(o) || (o.State == Dispatched && p.leads(o)) {
		return nil
	}
	if o.State == Returned || o.SquadOrgID == "" {
		return errs.Forbidden("工单在区局待派发，由区局派单员派发")
	}
	return errs.Forbidden(fmt.Sprintf("工单在%s，由该中队长派给队员", o.SquadName))
}

func guardWork(o Order, a Act, p Person) error {
	if p.works(o) {
		return nil
	}
	if o.OfficerID == "" {
		return errs.Conflict(fmt.Sprintf("工单 %s 还没有派给队员，不能%s", o.No, a.Label()))
	}
	return errs.Forbidden(fmt.Sprintf("工单已派给队员%s，只有本人可以%s", o.OfficerName, a.Label()))
}

func guardReassign(o Order, p Person) error {
	if o.SquadOrgID == "" {
		return errs.Conflict(fmt.Sprintf("工单 %s 还没有派出，请用派发", o.No))
	}
	if p.dispatches(o) || (p.leads(o) && o.OfficerID != "") {
		return nil
	}
	if p.leads(o) {
		return errs.Conflict(fmt.Sprintf("工单 %s 还没有派给队员，请用派发", o.No))
	}
	return errs.Forbidden("只有区局派单员或承办中队长可以改派")
}

// Allowed lists the acts that Guard lets through.
func Allowed(o Order, p Person) []Act {
	out := []Act{}
	for _, a := range Acts() {
		if Guard(o, a, p) == nil {
			out = append(out, a)
		}
	}
	return out
}

// ToSquad hands the order to a squad; an officer named before is taken off.
func (o Order) ToSquad(id, name string) Order {
	o.State = Dispatched
	o.SquadOrgID, o.SquadName = id, name
	o.OfficerID, o.OfficerName = "", ""
	return o
}

// ToOfficer hands the order to an officer of its squad.
func (o Order) ToOfficer(id, name string) Order {
	o.State = Dispatched
	o.OfficerID, o.OfficerName = id, name
	return o
}

// GiveBack returns the order to the dispatcher. The squad stays on record
// until the next assignment, so that everyone sees where it came from.
func (o Order) GiveBack() Order {
	o.State = Returned
	o.OfficerID, o.OfficerName = "", ""
	return o
}

// Finish notes the result and hands the order to review.
func (o Order) Finish(r Result, note string, at clock.Stamp) Order {
	o.State, o.Result, o.ResultNote = Handled, r, note
	o.HandledAt = &at
	return o
}

// Reviewed closes the order, or sends it back on site; then its deadline
// runs on as if it had never been handled.
func (o Order) Reviewed(pass bool, at clock.Stamp) Order {
	if pass {
		o.State, o.ClosedAt = Closed, &at
		return o
	}
	o.State, o.HandledAt = OnSite, nil
	return o
}
