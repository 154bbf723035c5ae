package crypto

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm2"
)

// errMissed says that a check did not find what was changed on purpose.
var errMissed = errors.New("a changed byte was not found")

// Tried is one positive check and its tampering twin, run live.
type Tried struct {
	Module int    `json:"module"`
	Name   string `json:"name"`
	// OK says that the true one passed and the changed one was caught;
	// otherwise Fault says what went wrong.
	OK    bool   `json:"ok"`
	Fault string `json:"fault"`
	// Caught is the word with which the changed one was refused.
	Caught string `json:"caught"`
}

// Trial runs a check. It gives the refusal of the changed one.
type Trial struct {
	Module int
	Name   string
	Run    func() (caught error, err error)
}

// Try runs trials one after the other.
func Try(list []Trial) []Tried {
	out := make([]Tried, 0, len(list))
	for _, t := range list {
		r := Tried{Module: t.Module, Name: t.Name}
		caught, err := t.Run()
		if err == nil && caught == nil {
			err = errMissed
		}
		if r.OK = err == nil; !r.OK {
			r.Fault = err.Error()
		}
		if caught != nil {
			r.Caught = caught.Error()
		}
		out = append(out, r)
	}
	return out
}

// Trials are the checks of what this package does. They write nothing to the
// database.
func (k *Keys) Trials() []Trial {
	return []Trial{
		{1, "SM2 证书挑战应答", trialChallenge},
		{1, "一次性登录票据（只存 SM3）", trialTicket},
		{4, "程序文件签名清单", trialRelease},
		{5, "授权行校验码", func() (error, error) { return k.trialMAC("grant") }},
		{6, "SM4-GCM 加密列", k.trialSeal},
		{6, "HMAC-SM3 盲索引", k.trialBlind},
		{7, "文书 SM2 签名", func() (error, error) { return k.trialSign("document") }},
		{7, "证据 SM2 签名", func() (error, error) { return k.trialSign("evidence") }},
	}
}

func trialChallenge() (error, error) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	challenge := make([]byte, 32)
	if _, err := rand.Read(challenge); err != nil {
		return nil, err
	}
	e, err := sm2Digest(&key.PublicKey, challenge)
	if err != nil {
		return nil, err
	}
	sig, err := sm2.SignASN1(rand.Reader, key, e, nil)
	if err != nil {
		return nil, err
	}
	point := append(key.X.FillBytes(make([]byte, 32)), key.Y.FillBytes(make([]byte, 32))...)
	if err := VerifyMessage(point, challenge, sig); err != nil {
		return nil, err
	}
	challenge[7] ^= 1
	return VerifyMessage(point, challenge, sig), nil
}

// trialTicket does what signing in by a link does: a random ticket, of which
// only the SM3 is kept.
func trialTicket() (error, error) {
	ticket := make([]byte, 32)
	if _, err := rand.Read(ticket); err != nil {
		return nil, err
	}
	kept := Digest(ticket)
	if kept != Digest(ticket) {
		return nil, errors.New("one ticket has two digests")
	}
	ticket[9] ^= 1
	if Digest(ticket) == kept {
		return nil, errMissed
	}
	return errors.New("no ticket has this digest"), nil
}

func (k *Keys) trialMAC(purpose string) (error, error) {
	mac := k.MAC(purpose, "a", "b")
	if !k.CheckMAC(purpose, mac, "a", "b") {
		return nil, errors.New("a true code was refused")
	}
	if k.CheckMAC(purpose, mac, "a", "c") {
		return nil, errMissed
	}
	return ErrTampered, nil
}

func (k *Keys) trialSeal() (error, error) {
	const place = "self_test.column:1"
	s, err := k.Seal("person.phone", "13800000000", place)
	if err != nil {
		return nil, err
	}
	if p, err := k.unseal("person.phone", s, place); err != nil || p != "13800000000" {
		return nil, fmt.Errorf("a true text did not open: %w", err)
	}
	b := []byte(s)
	if i := len(b) - 9; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	_, caught := k.unseal("person.phone", string(b), place)
	return caught, nil
}

func (k *Keys) trialBlind() (error, error) {
	a, b := k.Blind("person.phone", "13800000000"), k.Blind("person.phone", "13800000001")
	if a == "" || a != k.Blind("person.phone", "13800000000") {
		return nil, errors.New("one text has two values")
	}
	if a == b {
		return nil, errMissed
	}
	return errors.New("another number has another value"), nil
}

func (k *Keys) trialSign(purpose string) (error, error) {
	data := []byte("self test of signatures")
	s, err := k.Sign(purpose, data)
	if err != nil {
		return nil, err
	}
	if err := k.Verify(s, data); err != nil {
		return nil, err
	}
	data[3] ^= 1
	return k.Verify(s, data), nil
}

func trialRelease() (caught error, err error) {
	dir, err := os.MkdirTemp("", "jiexun-selftest-")
	if err != nil {
		return nil, fmt.Errorf("make temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "program")
	body := []byte("self test of a program file")
	if err := os.WriteFile(program, body, 0o600); err != nil {
		return nil, err
	}
	key, cert, err := ReleaseKey("self test", time.Now())
	if err != nil {
		return nil, err
	}
	if _, err := SignRelease(dir, "0", key, cert, time.Now()); err != nil {
		return nil, err
	}
	trusted, err := CertDigest(cert)
	if err != nil {
		return nil, err
	}
	manifest := filepath.Join(dir, ReleaseName)
	if _, err := CheckRelease(manifest, trusted, program); err != nil {
		return nil, err
	}
	body[5] ^= 1
	if err := os.WriteFile(program, body, 0o600); err != nil {
		return nil, err
	}
	_, caught = CheckRelease(manifest, trusted, program)
	return caught, nil
}
