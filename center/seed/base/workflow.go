package base

import "embed"

// Workflow has the processes (*.bpmn) and forms (*.form.json) that every
// center begins with, in the folder workflow; a file's name is the key. The
// law that they quote is to be checked by the legal department before use.
//
//go:embed workflow/*.bpmn workflow/*.form.json
var Workflow embed.FS
