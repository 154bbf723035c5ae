// Package archtest holds the rules of who may import whom, as tests. It reads
// files instead of asking the build system, so that nothing behind a build
// tag and no cached answer hides a violation.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "jiexun/"

// A file of the module and what it imports.
type file struct {
	path    string // slashes, from the module's root
	pkg     string // folder of the file
	imports []string
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("module root not found: %v", err)
	}
	return dir
}

func files(t *testing.T) []file {
	t.Helper()
	dir := root(t)
	var out []file
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || rel == "tools/mediamtx") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		x := file{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel))}
		for _, i := range f.Imports {
			x.imports = append(x.imports, strings.Trim(i.Path.Value, `"`))
		}
		out = append(out, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d files found: the walk is broken", len(out))
	}
	return out
}

// rank of a center package; a package imports lower ranks and its own folder
// only. Within rank 2 audit comes first, then access, then to-dos and
// deadlines, then workflow and notices.
func rank(pkg string) int {
	rest, ok := strings.CutPrefix(pkg, "center/internal/")
	if !ok {
		switch {
		case strings.HasPrefix(pkg, "api/"):
			return 0
		case pkg == "center/web" || pkg == "center/migrations" || strings.HasPrefix(pkg, "center/seed"):
			return 39
		case strings.HasPrefix(pkg, "center/cmd/"):
			return 50
		}
		return -1
	}
	top, _, _ := strings.Cut(rest, "/")
	switch top {
	case "platform":
		return 10
	case "audit":
		return 20
	case "access":
		return 21
	case "todo", "deadline":
		return 22
	case "workflow", "notify":
		return 23
	case "app":
		return 40
	case "archtest", "e2etest":
		return 50
	}
	return 30
}

// unit is the folder that may import itself freely: one domain, one platform.
func unit(pkg string) string {
	p := strings.Split(pkg, "/")
	if len(p) >= 3 && p[0] == "center" && p[1] == "internal" {
		return strings.Join(p[:3], "/")
	}
	if len(p) >= 2 && (p[0] == "center" || p[0] == "api") {
		return strings.Join(p[:2], "/")
	}
	return p[0]
}

func TestImportDirection(t *testing.T) {
	for _, f := range files(t) {
		for _, imp := range f.imports {
			in, ok := strings.CutPrefix(imp, module)
			if !ok {
				if strings.HasPrefix(f.pkg, "api/") && strings.Contains(strings.Split(imp, "/")[0], ".") && !strings.HasSuffix(f.path, "_test.go") {
					t.Errorf("%s imports %s: api uses the standard library only", f.path, imp)
				}
				continue
			}
			if msg := forbidden(f, in); msg != "" {
				t.Errorf("%s imports %s: %s", f.path, imp, msg)
			}
		}
	}
}

func forbidden(f file, in string) string {
	api := strings.HasPrefix(in, "api/")
	switch top, _, _ := strings.Cut(f.pkg, "/"); top {
	case "api":
		if !api {
			return "api imports nothing of ours"
		}
	case "edge-agent":
		if !api && !strings.HasPrefix(in, "edge-agent/") {
			return "the edge agent imports api only"
		}
		if strings.HasPrefix(f.pkg, "edge-agent/internal/analytic") && !strings.HasSuffix(f.path, "_test.go") &&
			(strings.HasPrefix(in, "edge-agent/internal/media") || strings.HasPrefix(in, "edge-agent/internal/infer")) {
			return "analytics are pure: they take pictures and small interfaces"
		}
	case "models", "tools":
		if !api && in != top && !strings.HasPrefix(in, top+"/") {
			return top + " imports api and its own folder only"
		}
	case "center":
		if !api && !strings.HasPrefix(in, "center/") {
			return "the center imports api only"
		}
		test := strings.HasSuffix(f.path, "_test.go")
		a, b := rank(f.pkg), rank(in)
		if api || unit(f.pkg) == unit(in) || test && (b == 10 || b == 39 || a > b) {
			return ""
		}
		if in == "center/migrations" && f.pkg == "center/internal/platform/testkit" {
			return "" // tests of every store start from the real schema
		}
		if b == 39 && a < 40 && a != 39 {
			return "embedded files are for app and cmd"
		}
		if a == 39 {
			return ""
		}
		if a <= b {
			return "lower ranks and the own folder only (design, section 4)"
		}
	}
	return ""
}

// TestLayersInAFolder keeps HTTP in http*.go and SQL in store*.go of the
// domains.
func TestLayersInAFolder(t *testing.T) {
	for _, f := range files(t) {
		if r := rank(f.pkg); r < 20 || r >= 39 || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		base := filepath.Base(f.path)
		for _, imp := range f.imports {
			web := strings.HasPrefix(imp, "github.com/gofiber/") || strings.HasPrefix(imp, "github.com/danielgtaylor/huma/")
			if web && !strings.HasPrefix(base, "http") {
				t.Errorf("%s imports %s: only http*.go speaks HTTP", f.path, imp)
			}
			sql := imp == "database/sql" || strings.HasPrefix(imp, "github.com/uptrace/bun")
			if sql && !strings.HasPrefix(base, "store") {
				t.Errorf("%s imports %s: only store*.go speaks SQL", f.path, imp)
			}
		}
	}
}

// TestCenterLinksNoVideo keeps decoders and networks out of the center.
func TestCenterLinksNoVideo(t *testing.T) {
	for _, f := range files(t) {
		if !strings.HasPrefix(f.pkg, "center/") {
			continue
		}
		for _, imp := range f.imports {
			if imp == "C" || strings.Contains(imp, "onnxruntime") || strings.Contains(imp, "gortsplib") {
				t.Errorf("%s imports %s: the center neither decodes nor infers", f.path, imp)
			}
		}
	}
}

var write = regexp.MustCompile(`(?i)\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?([a-z_]+)"?`)

// owners of table prefixes; a domain writes its own tables only.
var owners = map[string][]string{
	"audit": {"audit_"}, "patrol": {"patrol_"}, "access": {"access_"}, "hub": {"hub_"}, "fleet": {"fleet_"}, "live": {"live_"},
	"directory": {"dir_"}, "shops": {"shop_"}, "alerts": {"alert_"}, "orders": {"order_"}, "onemap": {"map_"},
	"todo": {"todo_"}, "deadline": {"deadline_"}, "workflow": {"workflow_"}, "notify": {"notify_"},
	"integration": {"integration_"}, "security": {"security_"}, "insight": {"insight_"}, "transfer": {"transfer_"},
	"notices": {"notice_"}, "guidance": {"guide_"}, "causes": {"cause_"},
}

func TestDomainsWriteTheirOwnTables(t *testing.T) {
	dir := root(t)
	seen := map[string]bool{}
	for _, f := range files(t) {
		r := rank(f.pkg)
		if r < 20 || r >= 39 || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		domain := filepath.Base(unit(f.pkg))
		seen[domain] = true
		own, ok := owners[domain]
		if !ok {
			t.Errorf("%s: say in archtest which table prefix %s owns", f.path, domain)
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range write.FindAllStringSubmatch(string(b), -1) {
			table := strings.ToLower(m[1])
			if table == "set" || !strings.Contains(table, "_") {
				continue
			}
			if !slices.ContainsFunc(own, func(p string) bool { return strings.HasPrefix(table, p) }) {
				t.Errorf("%s writes table %s, which is not of %s", f.path, table, domain)
			}
		}
	}
	if len(seen) == 0 {
		t.Fatal("no domain was checked")
	}
}

// TestOnePackageDoc keeps exactly one package comment in each package.
func TestOnePackageDoc(t *testing.T) {
	dir := root(t)
	docs := map[string]int{}
	for _, f := range files(t) {
		if strings.HasSuffix(f.path, "_test.go") && f.pkg != "center/internal/archtest" {
			continue
		}
		x, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.path), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := docs[f.pkg]; !ok {
			docs[f.pkg] = 0
		}
		if x.Doc != nil && strings.TrimSpace(x.Doc.Text()) != "" {
			docs[f.pkg]++
		}
	}
	for pkg, n := range docs {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", pkg, n)
		}
	}
}
