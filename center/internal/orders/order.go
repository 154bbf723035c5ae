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
	Filing     State = "filing"     // 待立案, reviewed and waiting for its case
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
	case Filing:
		return "待立案"
	case Closed:
		return "已办结"
	case Returned:
		return "已退回"
	}
	return string(s)
}

// Valid tells whether s is one of the states.
func (s State) Valid() bool { return s.Label() != string(s) }

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
	Urge     Act = "urge"
	Recheck  Act = "recheck"
	// Settle closes an order by what the camera or the owner's photo proved,
	// in place of a result on site and its review.
	Settle Act = "settle"
)

// Acts lists all acts in the order in which screens show them.
func Acts() []Act {
	return []Act{Assign, Accept, Arrive, Handle, Review, Return, Reassign, Urge, Recheck, Settle}
}

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
	case Urge:
		return "催办"
	case Recheck:
		return "请点位复拍"
	case Settle:
		return "按复查结果办结"
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
	ZoneID     string
	Address    string
	Lng, Lat   float64
	RegionCode string
	StreetName string
	// SuggestedSquadID is the squad that ought to have it, SuggestReason
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
	// RuleID is the version of the order rule that it started with.
	RuleID string
	// LimitMS is the limit that whoever confirmed set in place of the
	// deadline rule's; 0 is none.
	LimitMS int64
	// NearMS is how long before its end the order is near it.
	NearMS    int64
	CreatedAt clock.Stamp
	DueAt     clock.Stamp
	HandledAt *clock.Stamp
	// HandledBy handed the result in: the officer, or who stood in.
	HandledBy string
	ClosedAt  *clock.Stamp
	// Urged counts how often it was urged, UrgedAt is the last time.
	Urged   int64
	UrgedAt *clock.Stamp
	Rev     int64
}

// Person is what the rules need to know of the one who acts.
type Person struct {
	ID, Name string
	OrgID    string
	// Dispatch, Assign, Handle, Review and Urge are the person's own rights.
	Dispatch, Assign, Handle, Review, Urge bool
	// Covers tells that the order's region is in the person's scope.
	Covers bool
	// For are the absent persons in whose place this one may act, each with
	// the rights that were lent.
	For []Person
	// by is who really acts when this is one of For.
	by string
}

func (p Person) leads(o Order) bool {
	return p.Assign && o.SquadOrgID != "" && o.SquadOrgID == p.OrgID
}

func (p Person) dispatches(Order) bool { return p.Dispatch && p.Covers }

func (p Person) works(o Order) bool {
	return p.Handle && o.OfficerID != "" && o.OfficerID == p.ID
}

// any tells whether the person or one of those that it stands in for
// satisfies the rule.
func (p Person) any(rule func(Person) bool) bool {
	if rule(p) {
		return true
	}
	for _, f := range p.For {
		if rule(f) {
			return true
		}
	}
	return false
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
		return []State{Handled, Filing}
	case Return, Reassign:
		return []State{Dispatched, Accepted, OnSite}
	case Urge, Recheck, Settle:
		return []State{Dispatched, Accepted, OnSite, Returned, Handled}
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
	err := guardPerson(o, a, p)
	if err == nil {
		return nil
	}
	for _, f := range p.For {
		f.by = p.ID
		if guardPerson(o, a, f) == nil {
			return nil
		}
	}
	return err
}

// Behalf names the person in whose place an act is done; false when it is
// done in the actor's own right.
func Behalf(o Order, a Act, p Person) (Person, bool) {
	if guardPerson(o, a, p) == nil {
		return Person{}, false
	}
	for _, f := range p.For {
		f.by = p.ID
		if guardPerson(o, a, f) == nil {
			return f, true
		}
	}
	return Person{}, false
}

// guardPerson is Guard for one person's own rights, in a state that fits.
func guardPerson(o Order, a Act, p Person) error {
	switch a {
	case Assign:
		return guardAssign(o, p)
	case Accept, Arrive, Handle:
		return guardWork(o, a, p)
	case Review, Settle:
		return guardReview(o, a, p)
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
	case Urge:
		if p.Urge || p.dispatches(o) || p.leads(o) {
			return nil
		}
		return errs.Forbidden("没有催办这张工单的权限，由市局、区局派单员或承办中队长催办")
	case Recheck:
		if o.CameraID == "" {
			return errs.Conflict(fmt.Sprintf("工单 %s 没有对应的点位，不能复拍", o.No))
		}
		if p.dispatches(o) || p.leads(o) || p.works(o) {
			return nil
		}
		return errs.Forbidden("由承办队员、中队长或区局派单员请点位复拍")
	}
	return errs.New(errs.Invalid, "没有“%s”这个操作", string(a))
}

// guardReview keeps people from judging their own work, and from doing so
// through somebody's absence.
func guardReview(o Order, a Act, p Person) error {
	if !p.Review || (!p.Covers && !p.leads(o)) {
		if a == Settle {
			return errs.Forbidden("没有办结这张工单的权限，由中队长或区局派单员办结")
		}
		return errs.Forbidden("没有复核这张工单的权限，由中队长或区局派单员复核")
	}
	mine := func(id string) bool { return id != "" && (id == p.ID || id == p.by) }
	if mine(o.OfficerID) || mine(o.HandledBy) && o.State == Handled {
		return errs.Forbidden("不能复核自己处置的工单，请由中队长或区局派单员复核")
	}
	return nil
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

// Finish notes the result, by whom it was handed in, and hands the order to
// review.
func (o Order) Finish(r Result, note, by string, at clock.Stamp) Order {
	o.State, o.Result, o.ResultNote, o.HandledBy = Handled, r, note, by
	o.HandledAt = &at
	return o
}

// Reviewed closes the order, lets it wait for its case when that is the
// result, or sends it back on site; then its deadline runs on as if it had
// never been handled.
func (o Order) Reviewed(pass bool, at clock.Stamp) Order {
	switch {
	case pass && o.Result == Filed:
		o.State = Filing
	case pass:
		o.State, o.ClosedAt = Closed, &at
	default:
		o.State, o.HandledAt = OnSite, nil
	}
	return o
}

// Settled closes the order by what was found out at a moment; a result that
// was handed in stays.
func (o Order) Settled(text string, found, at clock.Stamp) Order {
	if o.State != Handled {
		o.Result, o.ResultNote = Corrected, text
		o.HandledAt = &found
	}
	o.State, o.ClosedAt = Closed, &at
	return o
}
