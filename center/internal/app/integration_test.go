package app_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	interfaces "jiexun/center/internal/integration/open"
	"jiexun/center/internal/integration/registry"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/security"
)

// The sample client calls every kind of open interface of a listening center,
// and each call is in the log.
func TestSampleClientAgainstTheCenter(t *testing.T) {
	a := newCenter(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	person(t, a, "sys", "310000", "sys_admin")
	person(t, a, "sec", "310000", "sec_admin")
	person(t, a, "caozuo", "310000", "bureau_operator")
	sys, sec := enter(t, a, "sys"), enter(t, a, "sec")
	post := func(who map[string]string, path string, body any) []byte {
		t.Helper()
		code, out, _ := testkit.Do(t, a.Fiber(), "POST", path, body, who)
		if code != 200 {
			t.Fatalf("%s: %d %s", path, code, out)
		}
		return out
	}
	e := testkit.JSON[registry.Registration](t, post(sys, "/api/registry", map[string]any{"kind": "app", "code": "sample.client", "name": "示例应用"}))
	post(sec, "/api/registry/"+e.ID+"/decision", map[string]any{"approve": true, "rev": e.Rev})
	kinds := []string{}
	for _, k := range interfaces.Kinds() {
		kinds = append(kinds, k.Code)
	}
	now := time.Now()
	c := testkit.JSON[interfaces.InterfaceClient](t, post(sys, "/api/interfaces", map[string]any{
		"appId": e.ID, "purpose": "示例客户端调用全部接口", "kinds": kinds, "quotaDay": 100, "rateSecond": 50, "ips": []string{"127.0.0.1"}, "prefixes": []string{"31"},
		"fromAt": clock.At(now.Add(-time.Minute)), "toAt": clock.At(now.AddDate(0, 1, 0)),
	}))
	post(sec, "/api/interfaces/"+c.ID+"/decision", map[string]any{"approve": true, "rev": c.Rev})
	k := testkit.JSON[interfaces.IssuedKey](t, post(sys, "/api/interfaces/"+c.ID+"/key", nil))

	bin := filepath.Join(t.TempDir(), "openclient")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "jiexun/tools/openclient").CombinedOutput(); err != nil {
		t.Fatalf("build the sample client: %v %s", err, out)
	}
	client := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), bin, append([]string{"--url", "http://" + a.HTTPAddr(), "--app", k.AppKey, "--key", k.Secret}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Log(client("all"))
	officer, ok, err := a.Access().PersonByAccount(t.Context(), "caozuo")
	if err != nil || !ok {
		t.Fatal(err)
	}
	todo, err := json.Marshal(map[string]string{"externalId": "T1", "title": "复核外部事件", "assigneeId": officer})
	if err != nil {
		t.Fatal(err)
	}
	if out := client("POST", "/api/open/v1/todos", string(todo)); !strings.HasPrefix(out, "200") {
		t.Fatal(out)
	}
	mine := enter(t, a, "caozuo")
	if _, body, _ := testkit.Do(t, a.Fiber(), "GET", "/api/todos", nil, mine); !strings.Contains(string(body), "复核外部事件") {
		t.Fatalf("the pushed to-do is not in the to-do centre: %.400s", body)
	}
	if out := client("POST", "/api/open/v1/todos/T1/done", `{"outcome":"已复核"}`); !strings.HasPrefix(out, "200") {
		t.Fatal(out)
	}
	if _, body, _ := testkit.Do(t, a.Fiber(), "GET", "/api/todos", nil, mine); strings.Contains(string(body), "复核外部事件") {
		t.Fatal("the to-do is still open after its source closed it")
	}
	for try := 0; ; try++ {
		_, body, _ := testkit.Do(t, a.Fiber(), "GET", "/api/interface-calls?size=100", nil, sec)
		if testkit.JSON[httpx.List[interfaces.InterfaceCall]](t, body).Total == 13 {
			break
		}
		if try > 50 {
			t.Fatalf("the call log lacks calls: %.300s", body)
		}
		time.Sleep(100 * time.Millisecond)
	}
	// The application and its interfaces are counted as registered.
	for try := 0; ; try++ {
		_, body, _ := testkit.Do(t, a.Fiber(), "GET", "/api/usage", nil, mine)
		if x := testkit.JSON[security.UsageTotal](t, body); x.Registered == 2 && x.Approved == 2 {
			break
		}
		if try > 50 {
			t.Fatalf("registrations are not counted: %.300s", body)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
