// Package errs holds the one error type of the center's boundary. A message
// is a Chinese sentence for people; the cause is for the log only.
package errs

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an error is. The HTTP layer alone turns it
// into a status.
type Code string

// The codes.
const (
	Invalid         Code = "invalid"
	Unauthenticated Code = "unauthenticated"
	ForbiddenCode   Code = "forbidden"
	NotFoundCode    Code = "notFound"
	ConflictCode    Code = "conflict"
	TooMany         Code = "tooMany"
	TooLarge        Code = "tooLarge"
	Unavailable     Code = "unavailable"
	NoSpace         Code = "noSpace"
	Internal        Code = "internal"
)

// Field names one wrong input, for example "zones[2].polygon".
type Field struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Error is a failure that is shown to people.
type Error struct {
	Code    Code
	Message string
	Fields  []Field
	// Err is the cause; it is logged and never shown.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	for _, f := range e.Fields {
		s += "; " + f.Name + ": " + f.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is lets errors.Is compare by code: errors.Is(err, &errs.Error{Code: …}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == ""
}

// New makes an error of a code with a sentence for people.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap adds a code and a sentence for people to a cause.
func Wrap(code Code, msg string, err error) *Error {
	return &Error{Code: code, Message: msg, Err: err}
}

// Invalidf refuses one named input.
func Invalidf(field, format string, args ...any) *Error {
	m := fmt.Sprintf(format, args...)
	return &Error{Code: Invalid, Message: m, Fields: []Field{{Name: field, Message: m}}}
}

// NotFound says that a thing is absent or out of the actor's scope: the two
// look the same from outside. What is the thing's Chinese name.
func NotFound(what string) *Error {
	return New(NotFoundCode, "%s不存在，或不在您的数据范围内", what)
}

// Conflict says that the state does not allow the act any more.
func Conflict(msg string) *Error { return &Error{Code: ConflictCode, Message: msg} }

// Forbidden says that the actor may not do this.
func Forbidden(msg string) *Error { return &Error{Code: ForbiddenCode, Message: msg} }

// CodeOf gives the code of err, Internal for an unknown error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is tells whether err carries the code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// Fields collects wrong inputs, so that a person sees all at once.
type Fields struct{ list []Field }

// Add notes one wrong input.
func (f *Fields) Add(name, format string, args ...any) {
	f.list = append(f.list, Field{Name: name, Message: fmt.Sprintf(format, args...)})
}

// Check notes the input when ok is false.
func (f *Fields) Check(ok bool, name, format string, args ...any) {
	if !ok {
		f.Add(name, format, args...)
	}
}

// Len is the number of wrong inputs so far.
func (f *Fields) Len() int { return len(f.list) }

// Err gives nil when nothing was noted.
func (f *Fields) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	msg := f.list[0].Message
	if len(f.list) > 1 {
		msg = fmt.Sprintf("有 %d 处填写有误：%s", len(f.list), msg)
	}
	return &Error{Code: Invalid, Message: msg, Fields: f.list}
}
