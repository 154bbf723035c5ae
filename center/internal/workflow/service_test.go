package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
)

// world is a small organisation, a to-do list and a set of timers.
type world struct {
	mu     sync.Mutex
	todos  map[string]Todo
	closed map[string]string
	timers map[string]TimerPayload
	absent map[string][]string
	many   int
}

func (w *world) Person(_ context.Context, id string) (Person, bool, error) {
	if strings.HasPrefix(id, "officer") || strings.HasPrefix(id, "leader") || strings.HasPrefix(id, "legal") || strings.HasPrefix(id, "head") || id == "admin" || id == "substitute" {
		return Person{ID: id, Name: "演示" + id, OrgID: "squad", OrgName: "外滩街道中队", Active: true}, true, nil
	}
	return Person{}, false, nil
}

func role(id string) string {
	for _, r := range []string{"officer", "leader", "legal", "head"} {
		if strings.HasPrefix(id, r) {
			return r
		}
	}
	return ""
}

func (w *world) GroupsOf(_ context.Context, id string) ([]engine.Who, error) {
	return []engine.Who{{Role: role(id), OrgID: "squad"}}, nil
}

func (w *world) ActingFor(_ context.Context, id string) ([]string, error) { return w.absent[id], nil }

func (w *world) Members(_ context.Context, r, _ string) ([]Person, error) {
	out := []Person{}
	for i := 1; i <= max(2, w.many); i++ {
		out = append(out, Person{ID: fmt.Sprint(r, i), Active: true, Name: fmt.Sprint("演示", r, i)})
	}
	return out, nil
}

func (w *world) OrgFor(context.Context, bpmn.Where, string, string) (string, error) {
	return "squad", nil
}
func (w *world) GroupName(_ context.Context, r, _ string) (string, error) {
	return "外滩街道中队 " + r, nil
}
func (w *world) RoleKnown(r string) bool                { return role(r) != "" }
func (w *world) Has(_ context.Context, sm3 string) bool { return sm3 == strings.Repeat("a", 64) }

func (w *world) Put(_ context.Context, _ db.Tx, t Todo) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.todos[t.TaskID+"/"+t.Key] = t
	return nil
}

func (w *world) Close(_ context.Context, _ db.Tx, task, key, by, outcome string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range w.todos {
		if k == task+"/"+key || key == "" && strings.HasPrefix(k, task+"/") {
			delete(w.todos, k)
			w.closed[k] = by + " " + outcome
		}
	}
	return nil
}

// the timers and the to-dos both have a Cancel, so the timers are a type of
// their own.
type timers struct{ w *world }

func (t timers) At(_ context.Context, _ db.Tx, _, key string, _ time.Time, payload any) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.w.timers[key] = payload.(TimerPayload)
	return nil
}

func (t timers) Cancel(_ context.Context, _ db.Tx, _, key string) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	delete(t.w.timers, key)
	return nil
}

func (w *world) Cancel(ctx context.Context, tx db.Tx, task, key, reason string) error {
	return w.Close(ctx, tx, task, key, "-", reason)
}

type clocks struct{}

func (clocks) Start(_ context.Context, tx db.Tx, _ Clock) (*clock.Stamp, error) {
	return clock.Ptr(tx.Now().Add(48 * time.Hour)), nil
}
func (clocks) Stop(context.Context, db.Tx, string, string) error { return nil }
func (clocks) DueOf(_ context.Context, rule string, at time.Time) (time.Time, bool, error) {
	return at.Add(48 * time.Hour), rule == "filing", nil
}

func as(id string) context.Context {
	a := access.Actor{ID: id, Name: "演示" + id, OrgID: "squad", RegionCode: "310101013", Perms: map[string]bool{}, Scope: access.Scope{Prefixes: []string{"31"}}}
	if id == "admin" {
		a.Perms = map[string]bool{access.WorkflowDesign: true, access.WorkflowMonitor: true, access.FormDesign: true}
	}
	return access.With(context.Background(), a)
}

const testForm = `{"name":"审批表","category":"测试","rules":[{"type":"input","field":"reason","title":"事由","$required":true},{"type":"inputNumber","field":"amount","title":"金额"},{"type":"input","field":"opinion","title":"意见"},{"type":"input","field":"secret","title":"内部"},{"type":"jxPhotos","field":"photos","title":"照片"}],"options":{}}`

func testProcess(extra string) string {
	return `<definitions xmlns="` + bpmn.NS + `" xmlns:jx="` + bpmn.JX + `"><process id="p" name="测试流程" jx:startable="true" jx:variables="amount:number:金额">
<startEvent id="s" jx:form="test" jx:rights="opinion=hidden;secret=hidden;*=write"/>
<userTask id="a" name="中队长审核" jx:candidates="role:leader@squad" jx:form="test" jx:rights="opinion=write;secret=write;*=read" jx:return="starter,previous" jx:reject="true" jx:due="PT4H"/>
<boundaryEvent id="late" attachedToRef="a" cancelActivity="false"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
<userTask id="remind" name="督办" jx:candidates="person:head1"/><endEvent id="e2"/>
<exclusiveGateway id="x" default="x_b"/>
<userTask id="b" name="法制审核" jx:candidates="role:legal@squad" jx:sign="all" jx:deadline="filing" jx:return="any" jx:reject="true"/>` + extra + `
<endEvent id="e"/>
<sequenceFlow id="s_a" sourceRef="s" targetRef="a"/><sequenceFlow id="a_x" sourceRef="a" targetRef="x"/><sequenceFlow id="x_b" sourceRef="x" targetRef="b"/>
<sequenceFlow id="x_e" sourceRef="x" targetRef="e"><conditionExpression>amount &lt; 100</conditionExpression></sequenceFlow>
<sequenceFlow id="b_e" sourceRef="b" targetRef="e"/><sequenceFlow id="l_r" sourceRef="late" targetRef="remind"/><sequenceFlow id="r_e" sourceRef="remind" targetRef="e2"/>
</process></definitions>`
}

func setUp(t testing.TB, d *db.DB) (*Service, *world) {
	t.Helper()
	w := &world{todos: map[string]Todo{}, closed: map[string]string{}, timers: map[string]TimerPayload{}, absent: map[string][]string{}}
	s := New(Options{DB: d, People: w, Todos: w, Clocks: clocks{}, Timers: timers{w}, Files: w, Log: testkit.Log(t)})
	err := s.Seed(context.Background(), fstest.MapFS{"test.form.json": {Data: []byte(testForm)}, "test.bpmn": {Data: []byte(testProcess(""))}})
	if err != nil {
		t.Fatal(err)
	}
	return s, w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refusedWith(t testing.TB, err error, code errs.Code, want string) {
	t.Helper()
	if !errs.Is(err, code) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s with %q", err, code, want)
	}
}

func begin(t testing.TB, s *Service, amount float64) string {
	t.Helper()
	id, err := s.StartByPerson(as("officer1"), "test", Begin{Values: map[string]any{"reason": "占道经营", "amount": amount}})
	must(t, err)
	return id
}

// open finds the open task at a node.
func open(t testing.TB, s *Service, instance, node string, assignee ...string) TaskInfo {
	t.Helper()
	v, _, err := s.Instance(as("admin"), instance)
	must(t, err)
	for _, x := range v.Tasks {
		if x.Node == node && x.State.Open() && (len(assignee) == 0 || x.Assignee == assignee[0]) {
			return x
		}
	}
	t.Fatalf("no open task at %s; state %s at %s", node, v.Instance.Engine.State, v.Instance.AtNodes)
	return TaskInfo{}
}

func TestWholeWay(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, w := setUp(t, d)
		var ended []Finished
		s.OnFinish("test", func(_ context.Context, _ db.Tx, f Finished) error { ended = append(ended, f); return nil })
		_, err := s.StartByPerson(as("officer1"), "test", Begin{Values: map[string]any{"amount": 5.0}})
		refusedWith(t, err, errs.Invalid, "事由")
		_, err = s.StartByPerson(as("officer1"), "test", Begin{Values: map[string]any{"reason": "x", "secret": "y"}})
		refusedWith(t, err, errs.Invalid, "不能填写")
		id := begin(t, s, 500)
		a := open(t, s, id, "a")
		if x := w.todos[a.ID+"/handle"]; x.Role != "leader" || x.DueAt == nil || x.Title != "测试流程　占道经营" || x.Steps != 3 || x.Step != 1 {
			t.Errorf("to-do %+v", x)
		}
		if len(w.timers) != 1 {
			t.Fatalf("timers %v", w.timers)
		}
		_, err = s.Task(as("legal1"), a.ID)
		refusedWith(t, err, errs.NotFoundCode, "")
		refusedWith(t, s.Act(as("legal1"), a.ID, ActInput{Act: engine.Claim}), errs.NotFoundCode, "")
		must(t, s.Act(as("leader1"), a.ID, ActInput{Act: engine.Claim, Rev: a.Rev}))
		refusedWith(t, s.Act(as("leader2"), a.ID, ActInput{Act: engine.Claim}), errs.ConflictCode, "已被 演示leader1 签收")
		refusedWith(t, s.Act(as("leader1"), a.ID, ActInput{Act: engine.Complete, Outcome: "approve", Rev: a.Rev}), errs.ConflictCode, "刚被他人更新")
		v, err := s.Task(as("leader1"), a.ID)
		must(t, err)
		if v.Form.Rights["opinion"] != "write" || v.Form.Rights["reason"] != "read" || v.Form.Values["reason"] != "占道经营" {
			t.Errorf("form %+v", v.Form)
		}
		refusedWith(t, s.Act(as("leader1"), a.ID, ActInput{Act: engine.Complete, Outcome: "approve", Values: map[string]any{"reason": "别的"}}), errs.Invalid, "不能填写")
		refusedWith(t, s.Act(as("leader1"), a.ID, ActInput{Act: engine.Transfer, To: []string{"nobody"}}), errs.Invalid, "不存在")
		must(t, s.Act(as("leader1"), a.ID, ActInput{Act: engine.Complete, Outcome: "approve", Values: map[string]any{"opinion": "同意", "secret": "内部情况"}, Reason: "同意立案"}))
		if w.closed[a.ID+"/handle"] != "leader1 通过" || len(w.timers) != 0 {
			t.Errorf("closed %v, timers %v", w.closed, w.timers)
		}
		b := open(t, s, id, "b", "legal1")
		if b.DueAt == nil || !b.DueAt.Equal(d.Now().Add(48*time.Hour)) {
			t.Errorf("due %v", b.DueAt)
		}
		_, forms, err := s.Instance(as("officer1"), id)
		must(t, err)
		if _, shown := forms[0].Values["secret"]; shown {
			t.Error("the starter sees a hidden field")
		}
		must(t, s.Act(as("legal1"), b.ID, ActInput{Act: engine.Return, Target: "a", Reason: "补正"}))
		if len(w.timers) != 1 {
			t.Errorf("return did not arm the timer: %v", w.timers)
		}
		a = open(t, s, id, "a")
		must(t, s.Act(as("leader1"), a.ID, ActInput{Act: engine.Complete, Outcome: "approve"}))
		for _, p := range []string{"legal1", "legal2"} {
			must(t, s.Act(as(p), open(t, s, id, "b", p).ID, ActInput{Act: engine.Complete, Outcome: "approve"}))
		}
		if len(ended) != 1 || ended[0].State != engine.Finished || ended[0].Outcome != "approve" || ended[0].Data["test"]["secret"] != "内部情况" {
			t.Errorf("finished %+v", ended)
		}
		if len(w.todos) != 0 {
			t.Errorf("open to-dos %v", w.todos)
		}
		done, _, err := s.Instance(as("officer1"), id)
		must(t, err)
		if n := len(done.History); n != 8 || done.History[n-1].Act != engine.Ended || done.Instance.EndedAt == nil {
			t.Errorf("%d lines of history: %+v", n, done.History)
		}
	})
}

func TestConditionTakesTheShortWay(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		id := begin(t, s, 20)
		must(t, s.Act(as("leader1"), open(t, s, id, "a").ID, ActInput{Act: engine.Complete, Outcome: "approve"}))
		v, _, err := s.Instance(as("officer1"), id)
		must(t, err)
		if v.Instance.Engine.State != engine.Finished {
			t.Errorf("state %s", v.Instance.Engine.State)
		}
	})
}

// TestClaimRace: 200 people claim one task at the same moment.
func TestClaimRace(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		id := begin(t, s, 500)
		task := open(t, s, id, "a").ID
		const people = 200
		results := make([]error, people)
		var wg sync.WaitGroup
		gate := make(chan struct{})
		for i := range people {
			wg.Go(func() {
				<-gate
				results[i] = s.Act(as(fmt.Sprint("leader", i+1)), task, ActInput{Act: engine.Claim})
			})
		}
		close(gate)
		wg.Wait()
		winner := open(t, s, id, "a").AssigneeName
		won, named := 0, 0
		for _, err := range results {
			switch {
			case err == nil:
				won++
			case errs.Is(err, errs.ConflictCode) && strings.Contains(err.Error(), "已被 "+winner+" 签收"):
				named++
			default:
				t.Errorf("claim: %v", err)
			}
		}
		if won != 1 || named != people-1 {
			t.Errorf("%d won, %d were told the name of the winner %s", won, named, winner)
		}
		t.Logf("%d claims: %d won, %d were told “已被 %s 签收”", people, won, named, winner)
	})
}

func TestTimerFiresOnce(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, w := setUp(t, d)
		id := begin(t, s, 500)
		var p TimerPayload
		for _, x := range w.timers {
			p = x
		}
		payload, err := json.Marshal(p)
		must(t, err)
		fire := func() {
			must(t, d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error { return s.FireTimer(ctx, tx, payload) }))
		}
		fire()
		open(t, s, id, "remind", "head1")
		open(t, s, id, "a")
		a := open(t, s, id, "a").ID
		must(t, s.Act(as("leader1"), a, ActInput{Act: engine.Claim}))
		must(t, s.Act(as("leader1"), a, ActInput{Act: engine.Reject, Reason: "证据不足"}))
	})
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		id := begin(t, s, 20)
		must(t, s.Act(as("leader1"), open(t, s, id, "a").ID, ActInput{Act: engine.Complete, Outcome: "approve"}))
		payload, err := json.Marshal(TimerPayload{InstanceID: id, Token: 1, Node: "late"})
		must(t, err)
		must(t, d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error { return s.FireTimer(ctx, tx, payload) }))
		v, _, err := s.Instance(as("officer1"), id)
		must(t, err)
		for _, e := range v.History {
			if e.Act == engine.Fire {
				t.Error("a timer of an ended instance fired")
			}
		}
	})
}

func TestSubstituteAndHandOver(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, w := setUp(t, d)
		id := begin(t, s, 20)
		a := open(t, s, id, "a").ID
		must(t, s.Act(as("leader1"), a, ActInput{Act: engine.Claim}))
		w.absent["substitute"] = []string{"leader1"}
		must(t, s.Act(as("substitute"), a, ActInput{Act: engine.Complete, Outcome: "approve"}))
		v, _, err := s.Instance(as("officer1"), id)
		must(t, err)
		e := v.History[2]
		if e.ActorName != "演示substitute" || e.BehalfName != "演示leader1" {
			t.Errorf("history says %s for %s", e.ActorName, e.BehalfName)
		}
		id = begin(t, s, 500)
		a = open(t, s, id, "a").ID
		must(t, s.Act(as("leader1"), a, ActInput{Act: engine.Claim}))
		must(t, d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
			moved, err := s.HandOver(ctx, tx, a, "leader1", "leader2")
			if !moved {
				t.Error("the task did not move")
			}
			return err
		}))
		if x := w.todos[a+"/handle"]; x.Assignee != "leader2" {
			t.Errorf("to-do %+v", x)
		}
	})
}

func TestDefinitions(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		_, err := s.SaveDraft(as("leader1"), Draft{Kind: KindProcess, Key: "x1", Name: "x", Body: "x"})
		refusedWith(t, err, errs.ForbiddenCode, "")
		d1, err := s.SaveDraft(as("admin"), Draft{Kind: KindProcess, Key: "x1", Name: "新流程", Body: "<x/>"})
		must(t, err)
		_, err = s.SaveDraft(as("admin"), Draft{Kind: KindProcess, Key: "x1", Name: "新流程", Body: "<x/>"})
		refusedWith(t, err, errs.Invalid, "已被使用")
		_, err = s.Publish(as("admin"), KindProcess, "x1", d1.Rev, "第一版")
		refusedWith(t, err, errs.Invalid, "不能发布")
		faults, err := s.Check(as("admin"), KindProcess, strings.ReplaceAll(testProcess(""), "role:leader", "role:wizard"))
		must(t, err)
		if len(faults) != 1 || faults[0].ID != "a" || !strings.Contains(faults[0].Message, "wizard") {
			t.Errorf("faults %+v", faults)
		}
		faults, err = s.Check(as("admin"), KindProcess, strings.ReplaceAll(testProcess(""), `jx:deadline="filing"`, `jx:deadline="none"`))
		must(t, err)
		if len(faults) != 1 || faults[0].ID != "b" {
			t.Errorf("faults %+v", faults)
		}
		id := begin(t, s, 500)
		a := open(t, s, id, "a").ID

		// Version 2 of form and process while version 1 runs.
		f, err := s.GetDraft(as("admin"), KindForm, "test")
		must(t, err)
		f.Body = strings.Replace(f.Body, `"title":"事由"`, `"title":"申请事由"`, 1)
		f, err = s.SaveDraft(as("admin"), f)
		must(t, err)
		_, err = s.SaveDraft(as("admin"), Draft{Kind: KindForm, Key: "test", Name: f.Name, Body: f.Body, Rev: f.Rev - 1})
		refusedWith(t, err, errs.ConflictCode, "他人修改过")
		_, err = s.Publish(as("admin"), KindForm, "test", f.Rev, "改标题")
		must(t, err)
		p, err := s.GetDraft(as("admin"), KindProcess, "test")
		must(t, err)
		p.Body = strings.NewReplacer(`userTask id="b" name="法制审核"`, `userTask id="b2" name="法制审核（新）"`, `targetRef="b"`, `targetRef="b2"`, `sourceRef="b"`, `sourceRef="b2"`).Replace(p.Body)
		p, err = s.SaveDraft(as("admin"), p)
		must(t, err)
		v2, err := s.Publish(as("admin"), KindProcess, "test", p.Rev, "改法制环节")
		must(t, err)
		if v2.Version != 2 {
			t.Fatalf("version %d", v2.Version)
		}
		_, err = s.Publish(as("admin"), KindProcess, "test", p.Rev, "再发")
		refusedWith(t, err, errs.ConflictCode, "不需要发布")
		changes, err := s.Diff(as("admin"), "test", 1, 2)
		must(t, err)
		if got := fmt.Sprint(changes); !strings.Contains(got, "{b 法制审核 removed") || !strings.Contains(got, "{b2 法制审核（新） added") {
			t.Errorf("diff %s", got)
		}
		task, err := s.Task(as("leader1"), a)
		must(t, err)
		if task.Form.Version != 1 || !strings.Contains(task.Form.Rules, `"title":"事由"`) {
			t.Errorf("a running instance shows version %d of its form", task.Form.Version)
		}
		must(t, s.Act(as("leader1"), a, ActInput{Act: engine.Complete, Outcome: "approve"}))
		m := Migration{Process: "test", From: 1, To: 2, Reason: "统一"}
		pre, err := s.PreviewMigration(as("admin"), m)
		must(t, err)
		if pre.OK || pre.Instances != 1 || len(pre.Steps) != 1 || pre.Steps[0].Problem == "" {
			t.Errorf("preview %+v", pre)
		}
		_, err = s.Migrate(as("admin"), m)
		refusedWith(t, err, errs.ConflictCode, "指定迁移到哪个环节")
		m.Mapping = map[string]string{"b": "b2"}
		n, err := s.Migrate(as("admin"), m)
		must(t, err)
		if x := open(t, s, id, "b2"); n != 1 || x.Assignee != "legal1" {
			t.Errorf("%d moved, task %+v", n, x)
		}
		for _, who := range []string{"legal1", "legal2"} {
			must(t, s.Act(as(who), open(t, s, id, "b2", who).ID, ActInput{Act: engine.Complete, Outcome: "approve"}))
		}
	})
}

func TestTrial(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, w := setUp(t, d)
		r, err := s.Try(as("admin"), Trial{Body: testProcess(""), Vars: map[string]any{"amount": 500.0}})
		must(t, err)
		if len(r.Steps) != 3 || r.State != engine.Finished || r.Steps[0].Who[0] != "外滩街道中队 leader（2 人）" || r.Steps[0].DueAt == nil || len(r.Steps[0].Timers) != 1 {
			t.Errorf("trial %+v", r)
		}
		r, err = s.Try(as("admin"), Trial{Body: testProcess(""), Vars: map[string]any{"amount": 5.0}})
		must(t, err)
		if len(r.Steps) != 1 {
			t.Errorf("trial of the short way %+v", r)
		}
		if len(w.todos) != 0 {
			t.Error("a trial made to-dos")
		}
	})
}

func TestSaves(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		one, err := s.Save(as("officer1"), "start:test", "电脑", map[string]any{"reason": "半"}, 0)
		must(t, err)
		_, err = s.Save(as("officer1"), "start:test", "手机", map[string]any{"reason": "另"}, 0)
		refusedWith(t, err, errs.ConflictCode, "另一个页面")
		_, err = s.Save(as("officer1"), "start:test", "手机", map[string]any{"reason": "另"}, one.Rev)
		must(t, err)
		f, err := s.StartForm(as("officer1"), "test")
		must(t, err)
		if f.Form.Saved == nil || f.Form.Saved.Values["reason"] != "另" || f.Form.Saved.Device != "手机" {
			t.Errorf("saved %+v", f.Form.Saved)
		}
		other, err := s.StartForm(as("officer2"), "test")
		must(t, err)
		if other.Form.Saved != nil {
			t.Error("somebody else sees what was saved")
		}
		begin(t, s, 5)
		f, err = s.StartForm(as("officer1"), "test")
		must(t, err)
		if f.Form.Saved != nil {
			t.Error("what was handed in is still saved")
		}
	})
}

func TestListsAndFiles(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		photo := []any{map[string]any{"sm3": strings.Repeat("b", 64)}}
		_, err := s.StartByPerson(as("officer1"), "test", Begin{Values: map[string]any{"reason": "x", "photos": photo}})
		refusedWith(t, err, errs.Invalid, "没有上传完")
		photo = []any{map[string]any{"sm3": strings.Repeat("a", 64)}}
		id, err := s.StartByPerson(as("officer1"), "test", Begin{Values: map[string]any{"reason": "有照片", "photos": photo}})
		must(t, err)
		for who, want := range map[string]bool{"officer1": true, "leader1": true, "legal1": false, "officer2": false} {
			if got, err := s.SeesBlob(as(who), strings.Repeat("a", 64)); err != nil || got != want {
				t.Errorf("%s sees the photo: %v, %v", who, got, err)
			}
		}
		p := httpx.Paging{Page: 1, Size: 20}
		count := func(who string, f Filter, q string) int64 {
			t.Helper()
			p.Q = q
			l, err := s.List(as(who), f, p)
			must(t, err)
			return l.Total
		}
		if count("officer1", Filter{}, "") != 1 || count("officer2", Filter{}, "") != 0 || count("admin", Filter{Tab: "all"}, "照片") != 1 || count("admin", Filter{Tab: "all"}, "没有") != 0 {
			t.Error("lists disagree")
		}
		_, err = s.List(as("officer1"), Filter{Tab: "all"}, p)
		refusedWith(t, err, errs.ForbiddenCode, "")
		must(t, s.ActOnInstance(as("officer1"), id, ActInput{Act: engine.Copy, To: []string{"officer2"}}))
		if count("officer2", Filter{Tab: "cc"}, "") != 1 {
			t.Error("a copy is not listed")
		}
		c.Advance(5 * time.Hour)
		if count("admin", Filter{Tab: "all", Overdue: true}, "") != 1 {
			t.Error("an overdue instance is not listed")
		}
		must(t, s.ActOnInstance(as("officer1"), id, ActInput{Act: engine.Withdraw}))
		refusedWith(t, s.ActOnInstance(as("admin"), id, ActInput{Act: engine.Terminate, Reason: "x"}), errs.ConflictCode, "已结束")
	})
}

func TestFinishFailsTheAct(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		s.OnFinish("test", func(context.Context, db.Tx, Finished) error { return errors.New("the record is locked") })
		id := begin(t, s, 20)
		task := open(t, s, id, "a").ID
		if err := s.Act(as("leader1"), task, ActInput{Act: engine.Complete, Outcome: "approve"}); err == nil {
			t.Fatal("the act went through although its record did not follow")
		}
		open(t, s, id, "a") // nothing of it stayed
	})
}
