package workflow

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/form"
)

// need checks the permission to design a kind of definition.
func need(ctx context.Context, kind string) (access.Actor, error) {
	if kind == KindForm {
		return access.Need(ctx, access.FormDesign)
	}
	return access.Need(ctx, access.WorkflowDesign)
}

// either lets designers of both kinds read, because processes name forms.
func either(ctx context.Context) (access.Actor, error) {
	who, err := access.Need(ctx, access.WorkflowDesign)
	if err == nil {
		return who, nil
	}
	return access.Need(ctx, access.FormDesign)
}

func label(kind string) string {
	if kind == KindForm {
		return "表单"
	}
	return "流程"
}

// Definitions lists the processes or forms.
func (s *Service) Definitions(ctx context.Context, kind string) ([]Definition, error) {
	if _, err := either(ctx); err != nil {
		return nil, err
	}
	q := s.db.Read()
	drafts, err := listDrafts(ctx, q, kind)
	if err != nil {
		return nil, err
	}
	versions, err := listVersions(ctx, q, kind, "")
	if err != nil {
		return nil, err
	}
	running, err := runningByProcess(ctx, q)
	if err != nil {
		return nil, err
	}
	out := []Definition{}
	for _, d := range drafts {
		x := Definition{Kind: kind, Key: d.DefKey, Name: d.Name, Category: d.Category, UpdatedAt: d.UpdatedAt, UpdatedBy: d.UpdatedName, Changed: true, Rev: d.Rev}
		if i := slices.IndexFunc(versions, func(v versionRow) bool { return v.DefKey == d.DefKey }); i >= 0 {
			v := versions[i]
			x.Version, x.PublishedAt, x.PublishedBy, x.Changed = v.Version, &v.PublishedAt, v.PublishedName, v.Digest != digest(d.Body, d.Options)
		}
		if kind == KindProcess {
			x.Running = running[d.DefKey]
		}
		out = append(out, x)
	}
	return out, nil
}

func digest(body, options string) string {
	h := sm3.New()
	_, _ = fmt.Fprintf(h, "%d:%s%d:%s", len(body), body, len(options), options) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))
}

// GetDraft gives a draft.
func (s *Service) GetDraft(ctx context.Context, kind, key string) (Draft, error) {
	if _, err := either(ctx); err != nil {
		return Draft{}, err
	}
	d, err := draftOf(ctx, s.db.Read(), kind, key)
	if err != nil {
		return Draft{}, err
	}
	if d == nil {
		return Draft{}, errs.NotFound(label(kind))
	}
	return d.draft(), nil
}

func (d *draftRow) draft() Draft {
	return Draft{Kind: d.Kind, Key: d.DefKey, Name: d.Name, Category: d.Category, Body: d.Body, Options: d.Options, Rev: d.Rev}
}

var keyRule = regexp.MustCompile(`^[a-z][a-z0-9_.-]{1,59}$`)

// SaveDraft stores a draft; it need not be right yet. Rev 0 makes a new one.
func (s *Service) SaveDraft(ctx context.Context, in Draft) (Draft, error) {
	who, err := need(ctx, in.Kind)
	if err != nil {
		return Draft{}, err
	}
	in.Name = strings.TrimSpace(in.Name)
	var f errs.Fields
	f.Check(in.Kind == KindProcess || in.Kind == KindForm, "kind", "类型应为 process 或 form")
	f.Check(keyRule.MatchString(in.Key), "key", "标识应由小写字母、数字、点和横线组成，以字母开头，2 到 60 个字符")
	f.Check(in.Name != "" && len([]rune(in.Name)) <= 60, "name", "请填写名称，最多 60 个字")
	f.Check(len([]rune(in.Category)) <= 20, "category", "分类最多 20 个字")
	f.Check(len(in.Body) > 0 && len(in.Body) <= bpmn.MaxBytes, "body", "内容不能为空，也不能超过 1 MB")
	f.Check(len(in.Options) <= 64<<10, "options", "表单设置不能超过 64 KB")
	if err := f.Err(); err != nil {
		return Draft{}, err
	}
	var out Draft
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r := &draftRow{
			Kind: in.Kind, DefKey: in.Key, Name: in.Name, Category: in.Category, Body: in.Body, Options: in.Options,
			UpdatedBy: who.ID, UpdatedName: who.Name, UpdatedAt: clock.At(tx.Now()), Rev: in.Rev,
		}
		ok, err := saveDraft(ctx, tx, r)
		if err != nil {
			return err
		}
		if !ok && in.Rev == 0 {
			return errs.Invalidf("key", "标识 %s 已被使用，请换一个", in.Key)
		}
		if !ok {
			return errs.Conflict("草稿刚被他人修改过，请重新打开后再保存")
		}
		out = r.draft()
		return audit.Record(ctx, tx, audit.Entry{
			Act: "workflow.draft", Object: in.Kind, ObjectID: in.Key, Summary: "保存" + label(in.Kind) + "草稿：" + in.Name,
			After: map[string]any{"digest": digest(in.Body, in.Options), "rev": r.Rev},
		})
	})
	return out, err
}

// Check gives what keeps a text from being published.
func (s *Service) Check(ctx context.Context, kind, body string) ([]Fault, error) {
	if _, err := need(ctx, kind); err != nil {
		return nil, err
	}
	_, faults, err := s.checked(ctx, s.db.Read(), kind, body)
	return faults, err
}

// checkedDef is a text that may be published.
type checkedDef struct {
	process *bpmn.Process
	form    *form.Form
	derived string
}

func (s *Service) checked(ctx context.Context, q reader, kind, body string) (checkedDef, []Fault, error) {
	out := []Fault{}
	if kind == KindForm {
		f, err := form.Parse([]byte(body))
		var list form.Faults
		if errors.As(err, &list) {
			for _, x := range list {
				out = append(out, Fault{x.Field, strings.TrimSpace(x.Field + " " + x.Message)})
			}
			return checkedDef{}, out, nil
		}
		if err != nil {
			return checkedDef{}, nil, err
		}
		b, err := json.Marshal(f.Schema(nil))
		return checkedDef{form: f, derived: string(b)}, out, err
	}
	p, err := bpmn.Parse([]byte(body))
	var list bpmn.Faults
	if errors.As(err, &list) {
		for _, x := range list {
			out = append(out, Fault{x.ID, x.Message})
		}
		return checkedDef{}, out, nil
	}
	if err != nil {
		return checkedDef{}, nil, err
	}
	pins, faults, err := s.against(ctx, q, p)
	if err != nil || len(faults) > 0 {
		return checkedDef{}, faults, err
	}
	derived, err := text(pins)
	return checkedDef{process: p, derived: derived}, out, err
}

// against checks a process against what there is: forms and their fields,
// roles, services, deadline rules.
func (s *Service) against(ctx context.Context, q reader, p *bpmn.Process) (map[string]int, []Fault, error) {
	pins, faults := map[string]int{}, []Fault{}
	add := func(n *bpmn.Node, format string, args ...any) {
		faults = append(faults, Fault{n.ID, "“" + n.Label() + "”" + fmt.Sprintf(format, args...)})
	}
	rule := func(n *bpmn.Node, code string) error {
		if code == "" {
			return nil
		}
		_, ok, err := s.o.Clocks.DueOf(ctx, code, s.db.Now())
		if err == nil && !ok {
			add(n, "的期限规则 %s 不存在或没有生效", code)
		}
		return err
	}
	for _, id := range p.Order {
		n := p.Nodes[id]
		if err := rule(n, n.Rule); err != nil {
			return nil, nil, err
		}
		if _, ok := s.services[n.Service]; n.Kind == bpmn.Service && !ok {
			add(n, "的自动环节 %s 不存在", n.Service)
		}
		t := n.Task
		if t == nil {
			continue
		}
		if err := rule(n, t.Rule); err != nil {
			return nil, nil, err
		}
		for _, c := range append(slices.Clone(t.Candidates), t.CC...) {
			if c.Role != "" && !s.o.People.RoleKnown(c.Role) {
				add(n, "的角色 %s 不存在", c.Role)
			}
		}
		if t.Form == "" {
			continue
		}
		v, err := versionOf(ctx, q, KindForm, t.Form, t.FormVersion)
		if err != nil {
			return nil, nil, err
		}
		if v == nil {
			add(n, "的表单 %s 还没有发布", t.Form)
			continue
		}
		if old, ok := pins[t.Form]; ok && old != v.Version {
			add(n, "的表单 %s 在别的环节用了另一个版本，一个流程里只能用一个", t.Form)
		}
		pins[t.Form] = v.Version
		f, _, err := s.form(ctx, q, t.Form, v.Version)
		if err != nil {
			return nil, nil, err
		}
		for field := range t.Rights {
			if field != "*" && f.Field(field) == nil {
				add(n, "设置了表单里没有的字段 %s", field)
			}
		}
	}
	return pins, faults, nil
}

// Refused are the faults that kept a definition from being published.
func refused(kind string, faults []Fault) error {
	var f errs.Fields
	for _, x := range faults {
		f.Add(x.ID, "%s", x.Message)
	}
	err := f.Err()
	var e *errs.Error
	if errors.As(err, &e) {
		e.Message = fmt.Sprintf("%s有 %d 处问题，不能发布：%s", label(kind), len(faults), faults[0].Message)
	}
	return err
}

// Publish makes the draft the next version, which never changes again.
func (s *Service) Publish(ctx context.Context, kind, key string, rev int64, note string) (Version, error) {
	who, err := need(ctx, kind)
	if err != nil {
		return Version{}, err
	}
	note = strings.TrimSpace(note)
	if note == "" || len([]rune(note)) > 200 {
		return Version{}, errs.Invalidf("note", "请写明这一版改了什么，最多 200 个字")
	}
	var out Version
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		d, err := draftOf(ctx, tx, kind, key)
		if err != nil {
			return err
		}
		switch {
		case d == nil:
			return errs.NotFound(label(kind))
		case d.Rev != rev:
			return errs.Conflict("草稿刚被他人修改过，请重新打开后再发布")
		}
		out, err = s.publish(ctx, tx, d, note, who.ID, who.Name)
		return err
	})
	return out, err
}

func (s *Service) publish(ctx context.Context, tx db.Tx, d *draftRow, note, by, byName string) (Version, error) {
	c, faults, err := s.checked(ctx, tx, d.Kind, d.Body)
	if err != nil {
		return Version{}, err
	}
	if len(faults) > 0 {
		return Version{}, refused(d.Kind, faults)
	}
	last, err := versionOf(ctx, tx, d.Kind, d.DefKey, 0)
	if err != nil {
		return Version{}, err
	}
	r := &versionRow{
		ID: s.o.NewID(), Kind: d.Kind, DefKey: d.DefKey, Version: 1, Name: d.Name, Category: d.Category, Body: d.Body, Options: d.Options, Derived: c.derived,
		Note: note, Digest: digest(d.Body, d.Options), PublishedBy: by, PublishedName: byName, PublishedAt: clock.At(tx.Now()),
	}
	if last != nil {
		if last.Digest == r.Digest && last.Derived == r.Derived {
			return Version{}, errs.Conflict(fmt.Sprintf("内容与第 %d 版相同，不需要发布", last.Version))
		}
		r.Version = last.Version + 1
	}
	if c.process != nil && c.process.Startable {
		r.Startable = 1
	}
	if err := insertVersion(ctx, tx, r); err != nil {
		if db.Duplicate(err) {
			return Version{}, errs.Conflict("另一个人刚发布了新版本，请刷新")
		}
		return Version{}, err
	}
	return r.version(), audit.Record(ctx, tx, audit.Entry{
		Act: "workflow.publish", Object: d.Kind, ObjectID: d.DefKey, Summary: fmt.Sprintf("发布%s：%s 第 %d 版", label(d.Kind), d.Name, r.Version),
		After: map[string]any{"version": r.Version, "digest": r.Digest}, Reason: note,
	})
}

// Versions lists the versions of a key, newest first, without their texts.
func (s *Service) Versions(ctx context.Context, kind, key string) ([]Version, error) {
	if _, err := either(ctx); err != nil {
		return nil, err
	}
	rows, err := listVersions(ctx, s.db.Read(), kind, key)
	if err != nil {
		return nil, err
	}
	out := []Version{}
	for i := range rows {
		out = append(out, rows[i].version())
	}
	return out, nil
}

// Version gives one version.
func (s *Service) Version(ctx context.Context, kind, key string, n int) (Version, error) {
	if _, err := either(ctx); err != nil {
		return Version{}, err
	}
	r, err := versionOf(ctx, s.db.Read(), kind, key, n)
	if err != nil {
		return Version{}, err
	}
	if r == nil {
		return Version{}, errs.NotFound("版本")
	}
	return r.version(), nil
}

// Diff compares two versions of a process; 0 is the draft.
func (s *Service) Diff(ctx context.Context, key string, from, to int) ([]bpmn.Change, error) {
	if _, err := either(ctx); err != nil {
		return nil, err
	}
	a, err := s.text(ctx, key, from)
	if err != nil {
		return nil, err
	}
	b, err := s.text(ctx, key, to)
	if err != nil {
		return nil, err
	}
	return bpmn.Diff(a, b), nil
}

func (s *Service) text(ctx context.Context, key string, n int) (*bpmn.Process, error) {
	body := ""
	if n == 0 {
		d, err := draftOf(ctx, s.db.Read(), KindProcess, key)
		if err != nil {
			return nil, err
		}
		if d == nil {
			return nil, errs.NotFound("流程")
		}
		body = d.Body
	} else {
		v, err := versionOf(ctx, s.db.Read(), KindProcess, key, n)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, errs.NotFound("版本")
		}
		body = v.Body
	}
	p, err := bpmn.Parse([]byte(body))
	if err != nil {
		return nil, errs.Conflict("草稿还有问题，不能比较：" + clip(err.Error(), 200))
	}
	return p, nil
}

// Seed stores the definitions of a folder that are absent and publishes them:
// forms (*.form.json), then processes (*.bpmn). What an installation changed
// stays.
func (s *Service) Seed(ctx context.Context, folder fs.FS) error {
	names, err := fs.Glob(folder, "*")
	if err != nil {
		return fmt.Errorf("list seeds: %w", err)
	}
	for _, kind := range []string{KindForm, KindProcess} {
		suffix := map[string]string{KindForm: ".form.json", KindProcess: ".bpmn"}[kind]
		for _, name := range names {
			key, ok := strings.CutSuffix(path.Base(name), suffix)
			if !ok {
				continue
			}
			b, err := fs.ReadFile(folder, name)
			if err != nil {
				return fmt.Errorf("read seed %s: %w", name, err)
			}
			if err := s.seed(ctx, kind, key, b); err != nil {
				return fmt.Errorf("seed %s: %w", name, err)
			}
		}
	}
	return nil
}

// seedForm is a file of a form.
type seedForm struct {
	Name     string          `json:"name"`
	Category string          `json:"category"`
	Rules    json.RawMessage `json:"rules"`
	Options  json.RawMessage `json:"options"`
}

func (s *Service) seed(ctx context.Context, kind, key string, b []byte) error {
	d := &draftRow{Kind: kind, DefKey: key, Body: string(b), UpdatedBy: "system", UpdatedName: "系统预置"}
	if kind == KindForm {
		var x seedForm
		if err := json.Unmarshal(b, &x); err != nil {
			return fmt.Errorf("decode form: %w", err)
		}
		d.Name, d.Category, d.Body, d.Options = x.Name, x.Category, string(x.Rules), string(x.Options)
	} else {
		p, err := bpmn.Parse(b)
		if err != nil {
			return err
		}
		d.Name, d.Category = p.Name, p.Category
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := draftOf(ctx, tx, kind, key)
		if err != nil || old != nil {
			return err
		}
		d.UpdatedAt, d.Rev = clock.At(tx.Now()), 0
		if ok, err := saveDraft(ctx, tx, d); err != nil || !ok {
			return err
		}
		_, err = s.publish(ctx, tx, d, "系统预置", "system", "系统预置")
		return err
	})
}
