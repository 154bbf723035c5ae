// Package web embeds the built console and phone pages. Without a build the
// folder holds only .gitkeep, and the server says how to build them.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist gives the built pages.
func Dist() (fs.FS, error) { return fs.Sub(dist, "dist") }
