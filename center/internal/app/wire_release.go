package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
)

// releaseEvery is how often the files of a signed release are checked again.
const releaseEvery = 10 * time.Minute

// Release says which release runs and whose signature is trusted.
type Release struct {
	// Manifest is the file release.json; empty looks beside the program.
	Manifest string
	// Trusted is the SM3 of the certificate that signs releases: built in,
	// or of a file that the operator gives.
	Trusted string
}

// ReleaseInfo is what the page says of the running program.
type ReleaseInfo struct {
	// State is unsigned (a development build), ok or bad.
	State   string       `json:"state" enum:"unsigned,ok,bad"`
	Version string       `json:"version"`
	Files   int          `json:"files"`
	Fault   string       `json:"fault"`
	At      *clock.Stamp `json:"at,omitempty"`
}

type releaseState struct {
	mu   sync.Mutex
	info ReleaseInfo
}

func (s *releaseState) set(i ReleaseInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = i
}

func (s *releaseState) get() ReleaseInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

// checkRelease checks the program's files against the signed manifest. At
// start a mismatch keeps the center from starting; later it is told. Without
// a manifest the program is a development build, and says so.
func (a *App) checkRelease(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the running program: %w", err)
	}
	manifest := a.o.Release.Manifest
	if manifest == "" {
		beside := filepath.Join(filepath.Dir(program), crypto.ReleaseName)
		if _, err := os.Stat(beside); errors.Is(err, os.ErrNotExist) {
			if a.release.get().State == "" {
				a.log.Warn("this is an unsigned development build: its files are not checked")
			}
			a.release.set(ReleaseInfo{State: "unsigned"})
			return nil
		}
		manifest = beside
	}
	if a.o.Release.Trusted == "" {
		return fmt.Errorf("release manifest %s is there, but no certificate is trusted: give it with --release-cert", manifest)
	}
	r, err := crypto.CheckRelease(manifest, a.o.Release.Trusted, program)
	info := ReleaseInfo{State: "ok", Version: r.Version, Files: len(r.Files), At: clock.Ptr(a.db.Now())}
	if err != nil {
		info.State, info.Fault = "bad", err.Error()
		a.release.set(info)
		a.publishTamper(ctx, crypto.Tamper{Purpose: "release", Where: manifest, What: err.Error()})
		return fmt.Errorf("the program is not as it was signed: %w", err)
	}
	a.release.set(info)
	return nil
}
