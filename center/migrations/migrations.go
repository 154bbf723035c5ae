// Package migrations embeds the SQL files that build the center's database.
// Each domain owns its own files; a merged file is never edited.
package migrations

import "embed"

// FS holds the files, named by UTC time, domain and what they do.
//
//go:embed *.sql
var FS embed.FS
