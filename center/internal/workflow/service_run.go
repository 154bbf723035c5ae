package workflow

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
	"jiexun/center/internal/workflow/form"
)

// Start begins a process in the caller's transaction, with the version that
// is published now.
func (s *Service) Start(ctx context.Context, tx db.Tx, in StartInput) (*Instance, error) {
	v, err := versionOf(ctx, tx, KindProcess, in.Process, 0)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errs.Conflict("流程 " + in.Process + " 还没有发布，不能发起")
	}
	return s.begin(ctx, tx, v, in)
}

func (s *Service) begin(ctx context.Context, tx db.Tx, v *versionRow, in StartInput) (*Instance, error) {
	p, err := s.process(v)
	if err != nil {
		return nil, err
	}
	pins := map[string]int{}
	if err := decode(v.Derived, &pins); err != nil {
		return nil, fmt.Errorf("read versions of forms: %w", err)
	}
	starter, ok, err := s.o.People.Person(ctx, in.Starter)
	if err != nil {
		return nil, fmt.Errorf("read starter: %w", err)
	}
	if !ok {
		return nil, errs.Invalidf("starter", "发起人不存在")
	}
	no, err := nextNo(ctx, tx)
	if err != nil {
		return nil, err
	}
	if in.Data == nil {
		in.Data = map[string]map[string]any{}
	}
	x := &Instance{
		ID: s.o.NewID(), No: no, Process: v.DefKey, ProcessName: v.Name, VersionID: v.ID, Version: v.Version, Record: in.Record, RecordID: in.RecordID,
		Title: clip(in.Title, 200), RegionCode: in.RegionCode, StarterName: starter.Name, StarterOrg: starter.OrgID, Data: in.Data, Pins: pins,
		CreatedAt: clock.At(tx.Now()), Rev: 1,
	}
	if x.Title == "" {
		x.Title = v.Name
	}
	o := &op{s: s, ctx: ctx, tx: tx, p: p, in: x, tasks: map[string]TaskInfo{}, names: map[string]Person{starter.ID: starter}}
	vars := map[string]any{}
	for k, val := range in.Vars {
		vars[k] = val
	}
	for _, values := range in.Data {
		take(p, vars, values)
	}
	x.Engine = engine.Instance{ID: x.ID, State: engine.Running, Starter: starter.ID, Vars: vars}
	next, eff, err := engine.Begin(p, o, x.Engine)
	if err != nil {
		return nil, boundary(err)
	}
	if err := insertInstance(ctx, tx, x); err != nil {
		return nil, err
	}
	if err := addPeople(ctx, tx, x.ID, "starter", []string{starter.ID}); err != nil {
		return nil, err
	}
	if err := s.keepFiles(ctx, tx, x); err != nil {
		return nil, err
	}
	return x, o.save(next, eff, engine.Command{Act: engine.Start, Who: engine.Actor{ID: starter.ID}})
}

// take sets the declared variables that a form has fields for.
func take(p *bpmn.Process, vars, values map[string]any) {
	for _, v := range p.Vars {
		if x, ok := values[v.Name]; ok && v.Known(x) {
			vars[v.Name] = x
		}
	}
}

func clip(s string, n int) string {
	r := []rune(strings.TrimSpace(s))
	return string(r[:min(len(r), n)])
}

// keepFiles notes which files an instance has, and refuses those that were
// never uploaded.
func (s *Service) keepFiles(ctx context.Context, tx db.Tx, in *Instance) error {
	for key, values := range in.Data {
		f, _, err := s.form(ctx, tx, key, in.Pins[key])
		if err != nil {
			return err
		}
		list := f.Files(values)
		if err := s.checkFiles(ctx, list); err != nil {
			return err
		}
		if err := addFiles(ctx, tx, in.ID, list); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkFiles(ctx context.Context, list []string) error {
	for _, x := range list {
		if !s.o.Files.Has(ctx, x) {
			return errs.Invalidf("values", "附件还没有上传完，请重新上传")
		}
	}
	return nil
}

// Startable is a process that people may begin.
type Startable struct {
	Key      string `json:"key"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Version  int    `json:"version"`
	Note     string `json:"note"`
}

// Startables lists the processes that people may begin.
func (s *Service) Startables(ctx context.Context) ([]Startable, error) {
	if _, err := access.From(ctx); err != nil {
		return nil, err
	}
	rows, err := listVersions(ctx, s.db.Read(), KindProcess, "")
	if err != nil {
		return nil, err
	}
	out := []Startable{}
	seen := map[string]bool{}
	for _, r := range rows { // the newest of each key comes first
		if !seen[r.DefKey] && r.Startable == 1 {
			out = append(out, Startable{Key: r.DefKey, Name: r.Name, Category: r.Category, Version: r.Version, Note: r.Note})
		}
		seen[r.DefKey] = true
	}
	return out, nil
}

// FormView is a form as somebody may fill it in.
type FormView struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	Rules   string `json:"rules"`
	Options string `json:"options"`
	// Rights by field: write, read or hidden.
	Rights map[string]string `json:"rights"`
	Values map[string]any    `json:"values"`
	// Saved are values that were not handed in yet.
	Saved *Saved `json:"saved,omitempty"`
}

// Saved are half-filled values.
type Saved struct {
	Values  map[string]any `json:"values"`
	Device  string         `json:"device"`
	SavedAt clock.Stamp    `json:"savedAt"`
	Rev     int64          `json:"rev"`
}

// formView makes the view of a form for a node.
func (s *Service) formView(ctx context.Context, q reader, t *bpmn.Task, version int, values map[string]any, may func(string) form.Right) (*FormView, error) {
	f, row, err := s.form(ctx, q, t.Form, version)
	if err != nil {
		return nil, err
	}
	v := &FormView{Key: t.Form, Name: row.Name, Version: row.Version, Rules: row.Body, Options: row.Options, Rights: map[string]string{}, Values: f.View(values, may)}
	for i := range f.Fields {
		name := f.Fields[i].Name
		v.Rights[name] = []string{"hidden", "read", "write"}[may(name)]
	}
	return v, nil
}

func (s *Service) saved(ctx context.Context, person, target string) (*Saved, error) {
	r, err := saveOf(ctx, s.db.Read(), person, target)
	if err != nil || r == nil {
		return nil, err
	}
	out := &Saved{Device: r.Device, SavedAt: r.SavedAt, Rev: r.Rev}
	return out, decode(r.Vals, &out.Values)
}

// StartForm is what the page of a process to be begun shows.
type StartForm struct {
	Startable
	Form  *FormView  `json:"form,omitempty"`
	Steps []StepName `json:"steps"`
}

// StepName is a user task in the order of the document.
type StepName struct {
	Node string `json:"node"`
	Name string `json:"name"`
}

// StartForm gives the form with which a process begins.
func (s *Service) StartForm(ctx context.Context, key string) (StartForm, error) {
	who, err := access.From(ctx)
	if err != nil {
		return StartForm{}, err
	}
	v, p, err := s.startable(ctx, s.db.Read(), key)
	if err != nil {
		return StartForm{}, err
	}
	out := StartForm{Startable: Startable{Key: v.DefKey, Name: v.Name, Category: v.Category, Version: v.Version, Note: v.Note}}
	main := p.MainPath()
	for _, n := range p.UserTasks() {
		if main[n.ID] {
			out.Steps = append(out.Steps, StepName{n.ID, n.Label()})
		}
	}
	t := p.Nodes[p.StartID].Task
	if t.Form == "" {
		return out, nil
	}
	pins := map[string]int{}
	if err := decode(v.Derived, &pins); err != nil {
		return out, err
	}
	if out.Form, err = s.formView(ctx, s.db.Read(), t, pins[t.Form], map[string]any{}, rights(t)); err != nil {
		return out, err
	}
	out.Form.Saved, err = s.saved(ctx, who.ID, "start:"+key)
	return out, err
}

func (s *Service) startable(ctx context.Context, q reader, key string) (*versionRow, *bpmn.Process, error) {
	v, err := versionOf(ctx, q, KindProcess, key, 0)
	if err != nil {
		return nil, nil, err
	}
	if v == nil || v.Startable != 1 {
		return nil, nil, errs.NotFound("流程")
	}
	p, err := s.process(v)
	return v, p, err
}

// Begin is a person starting a process with its form.
type Begin struct {
	Title      string
	RegionCode string
	Version    int
	Values     map[string]any
}

// StartByPerson begins a process from the list.
func (s *Service) StartByPerson(ctx context.Context, key string, b Begin) (string, error) {
	who, err := access.From(ctx)
	if err != nil {
		return "", err
	}
	if b.RegionCode == "" {
		b.RegionCode = who.RegionCode
	}
	if !who.Reach().Covers(b.RegionCode) && !strings.HasPrefix(b.RegionCode, who.RegionCode) {
		return "", errs.Invalidf("regionCode", "所选街镇不在您的数据范围内")
	}
	id := ""
	err = s.inTx(ctx, func(ctx context.Context, tx db.Tx) error {
		v, p, err := s.startable(ctx, tx, key)
		if err != nil {
			return err
		}
		if b.Version > 0 && b.Version != v.Version {
			return errs.Conflict(fmt.Sprintf("流程已发布第 %d 版，请刷新后按新表单填写", v.Version))
		}
		in := StartInput{Process: key, Title: b.Title, RegionCode: b.RegionCode, Starter: who.ID, Data: map[string]map[string]any{}}
		if t := p.Nodes[p.StartID].Task; t.Form != "" {
			pins := map[string]int{}
			if err := decode(v.Derived, &pins); err != nil {
				return err
			}
			f, _, err := s.form(ctx, tx, t.Form, pins[t.Form])
			if err != nil {
				return err
			}
			values, err := f.Merge(nil, b.Values, rights(t), false)
			if err != nil {
				return formError(err)
			}
			in.Data[t.Form] = values
			if in.Title == "" {
				in.Title = v.Name + "　" + firstText(f, values)
			}
		}
		x, err := s.begin(ctx, tx, v, in)
		if err != nil {
			return err
		}
		id = x.ID
		return dropSave(ctx, tx, who.ID, "start:"+key)
	})
	if err != nil {
		return "", fmt.Errorf("start process %s: %w", key, err)
	}
	return id, nil
}

// firstText is the first text of a form, for titles.
func firstText(f *form.Form, values map[string]any) string {
	for i := range f.Fields {
		if x := &f.Fields[i]; x.Type == "string" {
			if s := x.Summary(values[x.Name]); s != "" {
				return clip(s, 60)
			}
		}
	}
	return ""
}

// Save keeps half-filled values of a task, or of a process to be started
// (target start:KEY). Another page that saved in between is a conflict, which
// is told with what is stored.
func (s *Service) Save(ctx context.Context, target, device string, values map[string]any, rev int64) (Saved, error) {
	who, err := access.From(ctx)
	if err != nil {
		return Saved{}, err
	}
	vals, err := text(values)
	if err != nil || len(vals) > 1<<20 {
		return Saved{}, errs.Invalidf("values", "内容超过 1 MB，不能暂存")
	}
	if err := s.saveTarget(ctx, target); err != nil {
		return Saved{}, err
	}
	out := Saved{}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := saveOf(ctx, tx, who.ID, target)
		if err != nil {
			return err
		}
		r := &saveRow{PersonID: who.ID, Target: target, Vals: vals, Device: clip(device, 60), SavedAt: clock.At(tx.Now()), Rev: 1}
		if old != nil {
			if old.Rev != rev && old.Device != r.Device {
				return errs.Conflict("您在另一个页面（" + old.SavedAt.Time().In(clock.Shanghai()).Format("15:04") + "）也暂存过这张表，请选择保留哪一份")
			}
			r.Rev = old.Rev + 1
		}
		out = Saved{Values: values, Device: r.Device, SavedAt: r.SavedAt, Rev: r.Rev}
		return putSave(ctx, tx, r)
	})
	return out, err
}

// saveTarget refuses targets that are not the actor's.
func (s *Service) saveTarget(ctx context.Context, target string) error {
	if key, ok := strings.CutPrefix(target, "start:"); ok {
		_, _, err := s.startable(ctx, s.db.Read(), key)
		return err
	}
	_, err := s.Task(ctx, target)
	return err
}

// Discard drops half-filled values.
func (s *Service) Discard(ctx context.Context, target string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return dropSave(ctx, tx, who.ID, target) })
}
