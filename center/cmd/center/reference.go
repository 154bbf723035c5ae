package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

type reference struct{}

// Run implements kong's command: it prints docs/configuration.md.
func (reference) Run(k *kong.Kong) error {
	writeReference(os.Stdout, k.Model)
	return nil
}

const referenceHead = `# Configuration of the center

Every setting is a flag of a command; those with a name in the second column
can be given by the environment too, which is what the systemd unit does
(` + "`/etc/jiexun/center.env`" + `). A flag wins over the environment. What people
change while the center works (rules, templates, calendars, policies) is not
here: it is versioned data with pages of its own.

This page is printed by ` + "`center reference`" + `; a test keeps it true.
`

// writeReference lists every flag of every command as Markdown.
func writeReference(w io.Writer, m *kong.Application) {
	out := func(format string, a ...any) { _, _ = fmt.Fprintf(w, format, a...) } // to a page or a test's buffer
	out("%s", referenceHead)
	table := func(title, help string, flags []*kong.Flag) {
		var rows []string
		for _, f := range flags {
			if f.Name == "help" || f.Hidden {
				continue
			}
			def := ""
			if f.HasDefault {
				def = "`" + f.Default + "`"
			}
			text := strings.ReplaceAll(f.Help, "|", "\\|")
			rows = append(rows, fmt.Sprintf("| `--%s` | %s | %s | %s |", f.Name, strings.Join(f.Envs, " "), def, text))
		}
		if title == "" && len(rows) == 0 {
			return
		}
		out("\n## %s\n\n%s\n", title, help)
		if len(rows) > 0 {
			out("\n| flag | environment | default | meaning |\n|---|---|---|---|\n%s\n", strings.Join(rows, "\n"))
		}
	}
	table("Every command", "Which center the command works on.", m.Flags)
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, c := range n.Children {
			if c.Hidden {
				continue
			}
			if len(c.Children) == 0 {
				table("`"+c.FullPath()+"`", c.Help, c.Flags)
			}
			walk(c)
		}
	}
	walk(m.Node)
}
