package bpmn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func doc(process string, body ...string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><bpmn:definitions xmlns:bpmn="` + NS + `" xmlns:jx="` + JX + `" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI"><bpmn:process id="p" name="测试" ` + process + `>` +
		strings.Join(body, "") + `</bpmn:process><bpmndi:BPMNDiagram/></bpmn:definitions>`)
}

func flow(id, from, to string, cond ...string) string {
	if len(cond) > 0 {
		return fmt.Sprintf(`<bpmn:sequenceFlow id="%s" sourceRef="%s" targetRef="%s"><bpmn:conditionExpression>%s</bpmn:conditionExpression></bpmn:sequenceFlow>`, id, from, to, cond[0])
	}
	return fmt.Sprintf(`<bpmn:sequenceFlow id="%s" sourceRef="%s" targetRef="%s"/>`, id, from, to)
}

func task(id, attrs string) string {
	if !strings.Contains(attrs, "candidates") {
		attrs += ` jx:candidates="role:officer@squad"`
	}
	return fmt.Sprintf(`<bpmn:userTask id="%s" name="环节%s" %s/>`, id, id, attrs)
}

const (
	start = `<bpmn:startEvent id="s"/>`
	end   = `<bpmn:endEvent id="e"/>`
)

func el(kind, id, attrs string) string { return fmt.Sprintf(`<bpmn:%s id="%s" %s/>`, kind, id, attrs) }

func TestParse(t *testing.T) {
	p, err := Parse(doc(`jx:variables="amount:number:金额; urgent:bool"`, start,
		task("a", `jx:candidates="role:squad_leader@squad; person:P1; starter" jx:sign="ratio" jx:ratio="60" jx:deadline="filing.7wd" jx:form="filing" jx:rights="no=read;memo=write;*=hidden" jx:return="previous,starter" jx:reject="true"`),
		el("exclusiveGateway", "x", `default="d"`), task("b", ""), end,
		`<bpmn:boundaryEvent id="t" attachedToRef="b" cancelActivity="false"><bpmn:timerEventDefinition><bpmn:timeDuration>PT4H</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:boundaryEvent>`,
		task("n", ""), `<bpmn:endEvent id="e2" jx:outcome="late"/>`,
		flow("f1", "s", "a"), flow("f2", "a", "x"), flow("f3", "x", "b", "${amount &gt; 5000 &amp;&amp; urgent}"), flow("d", "x", "e"), flow("f4", "b", "e"), flow("f5", "t", "n"), flow("f6", "n", "e2"),
	))
	if err != nil {
		t.Fatal(err)
	}
	a := p.Nodes["a"].Task
	if a.Sign != SignRatio || a.Ratio != 60 || len(a.Candidates) != 3 || a.Right("no") != Read || a.Right("memo") != Write || a.Right("other") != Hidden || !a.Reject {
		t.Errorf("task a is read as %+v", a)
	}
	if got := p.Nodes["b"].Task.Timers; len(got) != 1 || p.Nodes["t"].Interrupting {
		t.Errorf("timers of b: %v", got)
	}
	for _, c := range []struct {
		vars map[string]any
		want bool
	}{{map[string]any{"amount": 6000.0, "urgent": true}, true}, {map[string]any{"amount": 6000}, false}, {map[string]any{"amount": "many", "urgent": true}, false}, {nil, false}} {
		if got, err := p.Flows["f3"].Holds(p.Typed(c.vars)); err != nil || got != c.want {
			t.Errorf("condition with %v gives %v, %v", c.vars, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	line := []string{start, task("a", ""), end, flow("f1", "s", "a"), flow("f2", "a", "e")}
	with := func(more ...string) []byte { return doc("", append(append([]string{}, line...), more...)...) }
	for _, c := range []struct {
		name string
		text []byte
		id   string
		want string
	}{
		{"not XML", []byte("hello <"), "", "XML"},
		{"another root", []byte(`<a id="q"/>`), "q", "definitions"},
		{"no process", []byte(`<definitions xmlns="` + NS + `"/>`), "", "没有流程"},
		{"DOCTYPE", append([]byte(`<!DOCTYPE x [<!ENTITY a "b">]>`), with()...), "", "DOCTYPE"},
		{"collaboration", []byte(`<definitions xmlns="` + NS + `"><collaboration id="c"/></definitions>`), "c", "不支持 collaboration"},
		{"script task", with(`<bpmn:scriptTask id="sc"/>`), "sc", "不支持 scriptTask"},
		{"inclusive gateway", with(`<bpmn:inclusiveGateway id="i"/>`), "i", "不支持 inclusiveGateway"},
		{"timer at the start", doc("", `<bpmn:startEvent id="s"><bpmn:timerEventDefinition/></bpmn:startEvent>`), "s", "timerEventDefinition"},
		{"loop marker", doc("", start, `<bpmn:userTask id="a" name="x"><bpmn:multiInstanceLoopCharacteristics/></bpmn:userTask>`), "a", "multiInstance"},
		{"timer by date", with(`<bpmn:boundaryEvent id="t" attachedToRef="a"><bpmn:timerEventDefinition><bpmn:timeDate>2026</bpmn:timeDate></bpmn:timerEventDefinition></bpmn:boundaryEvent>`), "t", "只支持时长"},
		{"same id twice", with(task("a", "")), "a", "重复"},
		{"two starts", with(`<bpmn:startEvent id="s2"/>`, flow("g", "s2", "a")), "p", "一个开始"},
		{"no end", doc("", start, task("a", ""), flow("f1", "s", "a"), flow("f2", "a", "a")), "p", "结束"},
		{"flow to nowhere", with(flow("g", "a", "zz")), "g", "不存在"},
		{"dead end", with(task("b", ""), flow("g", "b", "b")), "b", "走不到"},
		{"unreachable", with(task("b", ""), flow("g", "b", "e")), "b", "没有进入"},
		{"no candidates", doc("", start, `<bpmn:userTask id="a" name="x"/>`, end, flow("f1", "s", "a"), flow("f2", "a", "e")), "a", "没有候选人"},
		{"bad candidate", doc("", start, task("a", `jx:candidates="role:x@moon"`), end, flow("f1", "s", "a"), flow("f2", "a", "e")), "a", "机构应为"},
		{"two ways out of a task", with(flow("g", "a", "e")), "a", "网关"},
		{"ratio without number", doc("", start, task("a", `jx:sign="ratio"`), end, flow("f1", "s", "a"), flow("f2", "a", "e")), "a", "1 到 100"},
		{"bad duration", doc("", start, task("a", `jx:due="4 hours"`), end, flow("f1", "s", "a"), flow("f2", "a", "e")), "a", "PT4H"},
		{"return target", doc("", start, task("a", `jx:return="zz"`), end, flow("f1", "s", "a"), flow("f2", "a", "e")), "a", "退回目标"},
		{"service without name", doc("", start, `<bpmn:serviceTask id="v"/>`, end, flow("f1", "s", "v"), flow("f2", "v", "e")), "v", "自动环节"},
		{"condition of a wrong type", doc(`jx:variables="amount:number"`, start, el("exclusiveGateway", "x", `default="d"`), end, flow("f1", "s", "x"), flow("d", "x", "e"), flow("c", "x", "e", "amount > 'x'")), "c", "条件写得不对"},
		{"condition with an unknown name", doc("", start, el("exclusiveGateway", "x", `default="d"`), end, flow("f1", "s", "x"), flow("d", "x", "e"), flow("c", "x", "e", "nobody == 1")), "c", "条件写得不对"},
		{"no default", doc(`jx:variables="n:number"`, start, el("exclusiveGateway", "x", ""), end, flow("f1", "s", "x"), flow("d", "x", "e", "n > 1"), flow("c", "x", "e", "n &lt; 1")), "x", "默认连线"},
		{"condition after a task", doc(`jx:variables="n:number"`, start, task("a", ""), end, flow("f1", "s", "a"), flow("f2", "a", "e", "n > 1")), "f2", "排他网关"},
		{"split without join", doc("", start, el("parallelGateway", "g", ""), task("a", ""), task("b", ""), task("c", ""), end,
			flow("f1", "s", "g"), flow("f2", "g", "a"), flow("f3", "g", "b"), flow("f4", "a", "c"), flow("f5", "b", "c"), flow("f6", "c", "e")), "", "汇聚"},
		{"branches end apart", doc("", start, el("parallelGateway", "g", ""), task("a", ""), task("b", ""), end, `<bpmn:endEvent id="e2"/>`,
			flow("f1", "s", "g"), flow("f2", "g", "a"), flow("f3", "g", "b"), flow("f4", "a", "e"), flow("f5", "b", "e2")), "", "没有汇聚"},
		{"join that waits for ever", doc(`jx:variables="n:number"`, start, el("exclusiveGateway", "x", `default="f3"`), task("a", ""), task("b", ""), el("parallelGateway", "g", ""), end,
			flow("f1", "s", "x"), flow("f2", "x", "a", "n > 1"), flow("f3", "x", "b"), flow("f4", "a", "g"), flow("f5", "b", "g"), flow("f6", "g", "e")), "g", "永远等不到"},
		{"circle of gateways", doc(`jx:variables="n:number"`, start, el("exclusiveGateway", "x", `default="f2"`), el("exclusiveGateway", "y", `default="f4"`), end,
			flow("f1", "s", "x"), flow("f2", "x", "y"), flow("f3", "x", "e", "n > 1"), flow("f4", "y", "x"), flow("f5", "y", "e", "n > 2")), "x", "空转"},
		{"side branch that joins", with(`<bpmn:boundaryEvent id="t" attachedToRef="a" cancelActivity="false"><bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:boundaryEvent>`, flow("g", "t", "a")), "t", "不能汇入"},
	} {
		_, err := Parse(c.text)
		var f Faults
		if !errors.As(err, &f) {
			t.Errorf("%s: accepted, err %v", c.name, err)
			continue
		}
		ok := false
		for _, x := range f {
			ok = ok || (c.id == "" || x.ID == c.id) && strings.Contains(x.Message, c.want)
		}
		if !ok {
			t.Errorf("%s: faults %v do not name %s with %q", c.name, f, c.id, c.want)
		}
	}
}

func TestParallelIsSound(t *testing.T) {
	_, err := Parse(doc(`jx:variables="n:number"`, start, el("exclusiveGateway", "m", ""), el("parallelGateway", "g", ""), task("a", ""), task("b", ""), task("c", ""), el("parallelGateway", "j", ""), el("exclusiveGateway", "x", `default="f8"`), end,
		flow("f1", "s", "m"), flow("f0", "m", "g"), flow("f2", "g", "a"), flow("f3", "g", "b"), flow("f4", "a", "c"), flow("f5", "c", "j"), flow("f6", "b", "j"), flow("f7", "j", "x"), flow("f8", "x", "e"), flow("f9", "x", "m", "outcome == 'again'")))
	if err != nil {
		t.Fatal(err)
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"PT4H": 4 * time.Hour, "P3D": 72 * time.Hour, "P1DT30M": 24*time.Hour + 30*time.Minute, "PT10S": 10 * time.Second} {
		if got, err := Duration(s); err != nil || got != want {
			t.Errorf("%s gives %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "P", "PT", "PT0S", "P1M", "4H", "P-1D"} {
		if d, err := Duration(s); err == nil {
			t.Errorf("%q gives %v", s, d)
		}
	}
}

func TestDiff(t *testing.T) {
	parse := func(text []byte) *Process {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a := parse(doc("", start, task("a", ""), end, flow("f1", "s", "a"), flow("f2", "a", "e")))
	b := parse(doc("", start, task("a", `jx:due="PT4H"`), task("b", ""), end, flow("f1", "s", "a"), flow("f2", "a", "b"), flow("f3", "b", "e")))
	got := fmt.Sprint(Diff(a, b))
	for _, want := range []string{"{b 环节b added", "{a 环节a changed 期限  PT4H}", "{a 环节a changed 去向 结束 e 环节b}"} {
		if !strings.Contains(got, want) {
			t.Errorf("diff %s lacks %s", got, want)
		}
	}
	if d := Diff(a, a); len(d) != 0 {
		t.Errorf("a version differs from itself: %v", d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(doc("", start, task("a", ""), end, flow("f1", "s", "a"), flow("f2", "a", "e")))
	f.Add(doc(`jx:variables="n:number"`, start, el("exclusiveGateway", "x", `default="d"`), end, flow("f1", "s", "x"), flow("d", "x", "e"), flow("c", "x", "e", "n > 1")))
	f.Add([]byte("<"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("refused without faults: %v", err)
			}
			return
		}
		if p.Nodes[p.StartID] == nil {
			t.Fatal("accepted without a start")
		}
		Diff(p, p)
	})
}
