package engine

import (
	"slices"
)

// Act is what somebody does.
type Act string

// The acts, in the words of the people who do them.
const (
	Start      Act = "start"      // 发起
	Claim      Act = "claim"      // 签收
	Release    Act = "release"    // 取消签收
	Complete   Act = "complete"   // 办理
	Transfer   Act = "transfer"   // 转办
	Delegate   Act = "delegate"   // 委派
	Return     Act = "return"     // 退回
	Reject     Act = "reject"     // 驳回
	AddBefore  Act = "addBefore"  // 前加签
	AddAfter   Act = "addAfter"   // 后加签
	RemoveSign Act = "removeSign" // 减签
	Copy       Act = "cc"         // 抄送
	Urge       Act = "urge"       // 催办
	Withdraw   Act = "withdraw"   // 撤回
	Terminate  Act = "terminate"  // 终止

	Fire    Act = "timer"    // a boundary timer fired
	Move    Act = "handover" // somebody left, the task moved
	Ended   Act = "end"
	Service Act = "service"
	Migrate Act = "migrate"
)

// Label is the word for an act.
func (a Act) Label() string {
	switch a {
	case Start:
		return "发起"
	case Claim:
		return "签收"
	case Release:
		return "取消签收"
	case Complete:
		return "办理"
	case Transfer:
		return "转办"
	case Delegate:
		return "委派"
	case Return:
		return "退回"
	case Reject:
		return "驳回"
	case AddBefore:
		return "前加签"
	case AddAfter:
		return "后加签"
	case RemoveSign:
		return "减签"
	case Copy:
		return "抄送"
	case Urge:
		return "催办"
	case Withdraw:
		return "撤回"
	case Terminate:
		return "终止"
	case Fire:
		return "计时到期"
	case Move:
		return "移交"
	case Ended:
		return "结束"
	case Service:
		return "自动办理"
	case Migrate:
		return "迁移版本"
	}
	return string(a)
}

// Role is what somebody is to a task.
type Role string

// The roles, the closest to the task first.
const (
	Assignee  Role = "assignee"  // has the task, or stands in for who has it
	Candidate Role = "candidate" // may take it
	Owner     Role = "owner"     // lent it to somebody
	Starter   Role = "starter"   // began the instance
	Monitor   Role = "monitor"   // looks after processes
	Involved  Role = "involved"  // did something in the instance before
	Other     Role = "other"
)

// TaskActs lists the acts on a task, in the order of the page.
func TaskActs() []Act {
	return []Act{Claim, Complete, Return, Reject, Transfer, Delegate, AddBefore, AddAfter, RemoveSign, Copy, Release}
}

// InstanceActs lists the acts on an instance.
func InstanceActs() []Act { return []Act{Urge, Copy, Withdraw, Terminate} }

// rule is a row of the table: who may, and in which states nobody may.
type rule struct {
	roles  []Role
	only   string // for everybody else
	states map[TaskState]string
}

func taskRules() map[Act]rule {
	const (
		done      = "任务已办结"
		cancelled = "任务已取消"
		queued    = "还没有轮到这一位办理"
		waiting   = "正在等待前加签的人办理"
		delegated = "任务已委派，待被委派人办理后退回"
		unclaimed = "任务还没有签收，请先签收"
	)
	base := func(more map[TaskState]string) map[TaskState]string {
		m := map[TaskState]string{Done: done, Cancelled: cancelled, Queued: queued}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	mine := []Role{Assignee}
	const only = "只有办理人本人或其代理人可以操作"
	return map[Act]rule{
		Claim:      {[]Role{Candidate, Assignee}, "您不在这个环节的候选人里", base(map[TaskState]string{Held: "任务已被签收", Delegated: delegated, Waiting: "任务已被签收"})},
		Release:    {mine, only, base(map[TaskState]string{Unclaimed: "任务还没有人签收", Delegated: "委派来的任务不能取消签收，请办理后退回委派人", Waiting: waiting})},
		Complete:   {[]Role{Assignee, Candidate}, only, base(map[TaskState]string{Waiting: waiting})},
		Transfer:   {[]Role{Assignee, Monitor}, only, base(map[TaskState]string{Delegated: "委派来的任务不能转办，请办理后退回委派人"})},
		Delegate:   {mine, only, base(map[TaskState]string{Unclaimed: unclaimed, Delegated: "委派来的任务不能再委派", Waiting: waiting})},
		Return:     {mine, only, base(map[TaskState]string{Unclaimed: unclaimed, Delegated: "委派来的任务不能退回，请办理后退回委派人"})},
		Reject:     {mine, only, base(map[TaskState]string{Unclaimed: unclaimed, Delegated: "委派来的任务不能驳回，请办理后退回委派人"})},
		AddBefore:  {mine, only, base(map[TaskState]string{Unclaimed: unclaimed, Delegated: "委派来的任务不能加签"})},
		AddAfter:   {mine, only, base(map[TaskState]string{Unclaimed: unclaimed, Delegated: "委派来的任务不能加签"})},
		RemoveSign: {[]Role{Assignee, Monitor}, "只有加签人或流程管理员可以减签", base(map[TaskState]string{Queued: "", Done: done})},
		Copy:       {[]Role{Assignee, Owner, Starter, Monitor}, "只有办理人、发起人或流程管理员可以抄送", map[TaskState]string{Cancelled: cancelled}},
	}
}

// Forbidden gives the reason why somebody with a role may not do an act on a
// task in a state, "" when they may. It is the whole table: every cell.
func Forbidden(a Act, s TaskState, r Role) string {
	ru, ok := taskRules()[a]
	if !ok {
		return "没有这个操作"
	}
	if why := ru.states[s]; why != "" {
		return why + "，不能" + a.Label()
	}
	if !slices.Contains(ru.roles, r) {
		return ru.only
	}
	if a == Transfer && r == Assignee && s == Unclaimed {
		return "任务还没有签收，请先签收，不能转办"
	}
	return ""
}

// Stage says how an instance stands for the acts on it as a whole.
type Stage string

// The stages.
const (
	Fresh   Stage = "fresh"   // nobody but the starter has acted
	Acted   Stage = "acted"   // somebody has
	AtStart Stage = "atStart" // returned to the starter
	Over    Stage = "over"
)

// ForbiddenInstance is the table for acts on an instance.
func ForbiddenInstance(a Act, s Stage, r Role) string {
	if s == Over && a != Copy {
		return "流程已结束，不能" + a.Label()
	}
	switch a {
	case Urge:
		if r != Starter && r != Monitor && r != Involved && r != Owner {
			return "只有发起人、经办人或流程管理员可以催办"
		}
		if s == AtStart {
			return "流程已退回发起人，不能催办"
		}
	case Copy:
		if r == Other {
			return "只有参与流程的人可以抄送"
		}
	case Withdraw:
		if r != Starter {
			return "只有发起人可以撤回"
		}
		if s == Acted {
			return "已经有人办理，不能撤回，可以请办理人退回"
		}
	case Terminate:
		if r != Monitor {
			return "只有流程管理员可以终止"
		}
	default:
		return "没有这个操作"
	}
	return ""
}

// Stage gives the stage of the instance.
func (in *Instance) Stage() Stage {
	if in.State != Running {
		return Over
	}
	for i := range in.Tasks {
		if t := &in.Tasks[i]; t.Kind == Resubmit && t.State.Open() {
			return AtStart
		}
	}
	if in.Acted {
		return Acted
	}
	return Fresh
}

// rolesOn gives the roles of an actor on a task, the closest first.
func (in *Instance) rolesOn(t *Task, a Actor) []Role {
	out := []Role{}
	is := func(p string) bool { return p != "" && (p == a.ID || slices.Contains(a.For, p)) }
	if is(t.Assignee) {
		out = append(out, Assignee)
	}
	if t.Assignee == "" && slices.ContainsFunc(t.Candidates, func(w Who) bool { return is(w.Person) || w.Role != "" && slices.Contains(a.Groups, w) }) {
		out = append(out, Candidate)
	}
	if is(t.Owner) {
		out = append(out, Owner)
	}
	return append(out, in.roles(a)...)
}

// roles gives the roles of an actor on the instance.
func (in *Instance) roles(a Actor) []Role {
	out := []Role{}
	if a.ID != "" && a.ID == in.Starter {
		out = append(out, Starter)
	}
	if a.Monitor {
		out = append(out, Monitor)
	}
	if slices.ContainsFunc(in.Tasks, func(t Task) bool { return t.ActedBy == a.ID && a.ID != "" }) {
		out = append(out, Involved)
	}
	return append(out, Other)
}

// may asks the table; the reason is the one of the closest role.
func (in *Instance) may(a Act, t *Task, who Actor) string {
	why := ""
	for _, r := range in.rolesOn(t, who) {
		w := Forbidden(a, t.State, r)
		if w == "" {
			return ""
		}
		if why == "" {
			why = w
		}
	}
	return why
}

func (in *Instance) mayInstance(a Act, who Actor) string {
	why := ""
	for _, r := range in.roles(who) {
		w := ForbiddenInstance(a, in.Stage(), r)
		if w == "" {
			return ""
		}
		if why == "" {
			why = w
		}
	}
	return why
}
