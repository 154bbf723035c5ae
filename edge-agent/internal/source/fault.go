package source

import "errors"

// FaultKind sorts the reasons for which a stream does not come.
type FaultKind int

// The kinds of faults.
const (
	// FaultLost passes by itself: the network, a reboot.
	FaultLost FaultKind = iota
	// FaultMissing is an address at which the device has no stream.
	FaultMissing
	// FaultPassword needs a person; trying often would lock the account.
	FaultPassword
	// FaultUnsupported needs a person: no video, an unknown coding, a size
	// that cannot be used.
	FaultUnsupported
	// FaultAddress is a URL that cannot be understood.
	FaultAddress
)

// Fault is an error with a sentence for people that names the thing and the
// fix, in Simplified Chinese.
type Fault struct {
	Kind    FaultKind
	Message string
	Err     error
}

// NewFault makes a Fault; err may be nil.
func NewFault(kind FaultKind, message string, err error) *Fault {
	return &Fault{Kind: kind, Message: message, Err: err}
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Message
	}
	return f.Message + " (" + f.Err.Error() + ")"
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// NeedsPerson tells faults that no retry cures.
func (f *Fault) NeedsPerson() bool { return f.Kind >= FaultPassword }

// AsFault finds the Fault in err, or wraps err as a lost connection.
func AsFault(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return NewFault(FaultLost, "连接中断，正在自动重连", err)
}
