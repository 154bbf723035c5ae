package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
)

// Fault is the first place where the chain does not hold.
type Fault struct {
	Seq     int64
	Message string
}

// Verify walks the whole chain that is in the database and tells how many
// records it holds and the first fault, nil when there is none. Records are
// checked with the keys that Use gave; without keys coded records cannot be
// checked, and that is an error.
func Verify(ctx context.Context, d *db.DB) (int64, *Fault, error) {
	return VerifyFrom(ctx, d, "")
}

// VerifyFrom also compares with the anchor in a file outside the database:
// what the chain's end was when it was last whole. A chain that was cut or
// written anew together with its head shows there.
func VerifyFrom(ctx context.Context, d *db.DB, anchorFile string) (int64, *Fault, error) {
	for range 3 {
		from, err := begin(ctx, d)
		if err != nil {
			return 0, nil, err
		}
		n, fault, err := verify(ctx, d, from, anchorFile)
		if err != nil || fault == nil {
			return n, fault, err
		}
		again, err := begin(ctx, d)
		if err != nil || again == from {
			return n, fault, err
		} // records moved into an archive meanwhile
	}
	return 0, nil, errors.New("check the audit chain: it was archived all the while, try again later")
}

// start is what comes before the first record in the database.
type start struct {
	seq    int64
	digest string
	coded  bool // a coded record came before; from there on all are
}

// checker holds the state of a walk.
type checker struct {
	codes *crypto.Keys
	start
	fault *Fault
	err   error
}

func (k *checker) next(r *row) bool {
	want := k.seq + 1
	switch {
	case r.Seq != want:
		k.fault = &Fault{want, fmt.Sprintf("缺少第 %d 条审计记录（下一条是第 %d 条）", want, r.Seq)}
	case r.Prev != k.digest:
		k.fault = &Fault{r.Seq, fmt.Sprintf("第 %d 条审计记录与前一条不相连", r.Seq)}
	case r.Alg == algHMAC && k.codes == nil:
		k.err = errors.New("check the audit chain: coded records need the keys of the center")
	case r.Alg == algHMAC && !k.codes.CheckMAC(purpose, r.Digest, r.parts()...),
		r.Alg == algSM3 && (k.coded || r.digest() != r.Digest), r.Alg != algHMAC && r.Alg != algSM3:
		k.fault = &Fault{r.Seq, fmt.Sprintf("第 %d 条审计记录的内容被改动过", r.Seq)}
	}
	if k.fault != nil || k.err != nil {
		return false
	}
	k.coded = k.coded || r.Alg == algHMAC
	k.seq, k.digest = r.Seq, r.Digest
	return true
}

func verify(ctx context.Context, d *db.DB, from start, anchorFile string) (int64, *Fault, error) {
	k := &checker{codes: codes(d.Attached(codesKey{})), start: from}
	h, err := head(ctx, d)
	if err != nil {
		return 0, nil, err
	}
	a, err := readAnchor(anchorFile, k.codes)
	if err != nil {
		return 0, &Fault{h.Seq + 1, err.Error()}, nil
	}
	met := a.Seq <= from.seq // an anchor within an archive is checked there
	err = walk(ctx, d, from.seq, h.Seq, func(r *row) bool {
		if !k.next(r) {
			return false
		}
		if r.Seq == a.Seq {
			if met = r.Digest == a.Digest; !met {
				k.fault = &Fault{r.Seq, fmt.Sprintf("第 %d 条审计记录与链外锚点（%s）不符：整条链被改写过", r.Seq, a.At)}
			}
		}
		return k.fault == nil
	})
	n := k.seq - from.seq
	if err = errors.Join(err, k.err); err != nil || k.fault != nil {
		return n, k.fault, err
	}
	switch {
	case h.Seq != k.seq || h.Digest != k.digest:
		k.fault = &Fault{k.seq + 1, fmt.Sprintf("链尾记着 %d 条，实际只到第 %d 条：末尾的记录被删除过", h.Seq, k.seq)}
	case k.coded && !k.codes.CheckMAC(purpose, h.Mac, h.parts()...):
		k.fault = &Fault{k.seq + 1, fmt.Sprintf("链尾记着 %d 条，但校验码不符：末尾的记录被删除或链尾被改写过", h.Seq)}
	case !met:
		k.fault = &Fault{k.seq + 1, fmt.Sprintf("链外锚点（%s）记着 %d 条，实际只到第 %d 条：末尾的记录被删除过", a.At, a.Seq, k.seq)}
	}
	return n, k.fault, nil
}

// Anchor is the end of a chain that was found whole.
type Anchor struct {
	Seq    int64  `json:"seq"`
	Digest string `json:"digest"`
	At     string `json:"at"`
	Mac    string `json:"mac"`
}

func (a Anchor) parts() []string {
	return []string{"anchor", strconv.FormatInt(a.Seq, 10), a.Digest, a.At}
}

// readAnchor reads the anchor; no file is an anchor before everything.
func readAnchor(file string, c *crypto.Keys) (Anchor, error) {
	var a Anchor
	if file == "" || c == nil {
		return a, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, fmt.Errorf("链外锚点读不出来：%w", err)
	}
	if json.Unmarshal(b, &a) != nil || !c.CheckMAC(purpose, a.Mac, a.parts()...) {
		return a, fmt.Errorf("链外锚点 %s 被改动过", file)
	}
	return a, nil
}

// SetAnchor writes the chain's present end into a file. Call it right after a
// whole Verify.
func SetAnchor(ctx context.Context, d *db.DB, file string) error {
	c := codes(d.Attached(codesKey{}))
	if c == nil {
		return errors.New("write anchor: there are no keys")
	}
	h, err := head(ctx, d)
	if err != nil {
		return err
	}
	a := Anchor{Seq: h.Seq, Digest: h.Digest, At: d.Now().Format("2006-01-02T15:04:05Z")}
	a.Mac = c.MAC(purpose, a.parts()...)
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write anchor: %w", err)
	}
	return writeFile(file, func(f *os.File) error {
		_, err := f.Write(append(b, '\n'))
		return err
	})
}

// writeFile makes a file whole or not at all.
func writeFile(path string, fill func(*os.File) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder of %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = fill(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
