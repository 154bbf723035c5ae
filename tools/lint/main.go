// Command lint checks what the general linters do not: the size of files and
// functions, and that nothing secret or machine-bound is in the tree. It
// looks at files that git knows, prints one line per finding and exits with 1
// when there is any.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	maxFile   = 800     // lines
	maxFunc   = 80      // lines
	maxTest   = 140     // lines of a test function: tables are long
	maxBinary = 1 << 20 // bytes of any file
)

var secret = []struct {
	name string
	re   *regexp.Regexp
}{
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
	{"an access key", regexp.MustCompile(`\b(?:AKIA|ghp_|xox[bap]-)[0-9A-Za-z-]{16,}`)},
	{"a registry address", regexp.MustCompile(`"resolved":\s*"https?://`)},
	{"a path of one machine", regexp.MustCompile(`(?:^|[\s"'(=])/(?:work|home/[a-z]+)/[a-z]`)},
}

func main() {
	out, err := exec.Command("git", "ls-files", "-co", "--exclude-standard", "-z").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint: list files:", err)
		os.Exit(2)
	}
	bad := 0
	report := func(format string, a ...any) { bad++; fmt.Printf(format+"\n", a...) }
	files := 0
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // deleted in the work tree
		}
		files++
		check(name, b, report)
	}
	fmt.Printf("lint: %d files, %d findings\n", files, bad)
	if bad > 0 {
		os.Exit(1)
	}
}

func check(name string, b []byte, report func(string, ...any)) {
	if len(b) > maxBinary && filepath.Ext(name) != ".sum" && filepath.Base(name) != "package-lock.json" {
		report("%s: %d bytes; files above %d do not belong in git", name, len(b), maxBinary)
	}
	if bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 {
		return
	}
	if name != "tools/lint/main.go" {
		for _, s := range secret {
			if loc := s.re.FindIndex(b); loc != nil {
				report("%s:%d: holds %s", name, 1+bytes.Count(b[:loc[0]], []byte("\n")), s.name)
			}
		}
	}
	switch filepath.Ext(name) {
	case ".go":
		checkGo(name, b, report)
	case ".ts", ".vue":
		if n := bytes.Count(b, []byte("\n")); n > maxFile {
			report("%s: %d lines, more than %d", name, n, maxFile)
		}
	}
}

func checkGo(name string, b []byte, report func(string, ...any)) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, b, parser.ParseComments)
	if err != nil {
		report("%s: %v", name, err)
		return
	}
	if ast.IsGenerated(f) {
		return
	}
	if n := bytes.Count(b, []byte("\n")); n > maxFile {
		report("%s: %d lines, more than %d", name, n, maxFile)
	}
	limit := maxFunc
	if strings.HasSuffix(name, "_test.go") {
		limit = maxTest
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > limit {
			report("%s:%d: function %s has %d lines, more than %d", name, fset.Position(fn.Pos()).Line, fn.Name.Name, n, limit)
		}
		if !strings.HasSuffix(name, "_test.go") && fn.Recv == nil && fn.Name.Name == "init" {
			report("%s:%d: init() hides order; call it from where things are wired", name, fset.Position(fn.Pos()).Line)
		}
	}
}
