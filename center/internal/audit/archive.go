package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// MinRetention is the least time that records stay in the database, which
// the law sets at half a year.
const MinRetention = 180 * 24 * time.Hour

// archiveRows is how many records one archive file holds at most.
const archiveRows = 20_000

// Manifest describes an archive file. It lies beside it, named like it with
// ".manifest.json" added, and is signed.
type Manifest struct {
	Format int    `json:"format"`
	File   string `json:"file"`
	SM3    string `json:"sm3"`
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	// Prev is the digest before the first record, Last that of the last.
	Prev   string `json:"prev"`
	Before bool   `json:"before"` // a coded record came before
	Last   string `json:"last"`
	// Coded tells that a coded record is in it or came before.
	Coded     bool             `json:"coded"`
	FirstAt   clock.Stamp      `json:"firstAt"`
	LastAt    clock.Stamp      `json:"lastAt"`
	Signature crypto.Signature `json:"signature"`
}

// signed are the bytes that the signature covers.
func (m Manifest) signed() ([]byte, error) {
	m.Signature = crypto.Signature{}
	return json.Marshal(m)
}

// archivePurpose names the key that signs manifests.
const archivePurpose = "archive"

// ManifestName is the manifest's name of an archive file.
func ManifestName(file string) string { return file + ".manifest.json" }

// line is a record in an archive: one JSON object on one line.
type line struct {
	Seq        int64       `json:"seq"`
	ID         string      `json:"id"`
	At         clock.Stamp `json:"at"`
	ActorID    string      `json:"actorId"`
	ActorName  string      `json:"actorName"`
	OrgID      string      `json:"orgId"`
	Act        string      `json:"act"`
	Object     string      `json:"object"`
	ObjectID   string      `json:"objectId"`
	RegionCode string      `json:"regionCode"`
	Summary    string      `json:"summary"`
	IP         string      `json:"ip"`
	RequestID  string      `json:"requestId"`
	Before     string      `json:"before"`
	After      string      `json:"after"`
	Reason     string      `json:"reason"`
	Prev       string      `json:"prev"`
	Digest     string      `json:"digest"`
	Alg        string      `json:"alg"`
}

func lineOf(r *row) line {
	return line{
		r.Seq, r.ID, r.At, r.ActorID, r.ActorName, r.OrgID, r.Act, r.Object, r.ObjectID, r.RegionCode,
		r.Summary, r.IP, r.RequestID, r.Before, r.After, r.Reason, r.Prev, r.Digest, r.Alg,
	}
}

func (l line) row() *row {
	return &row{
		Seq: l.Seq, ID: l.ID, At: l.At, ActorID: l.ActorID, ActorName: l.ActorName, OrgID: l.OrgID, Act: l.Act, Object: l.Object,
		ObjectID: l.ObjectID, RegionCode: l.RegionCode, Summary: l.Summary, IP: l.IP, RequestID: l.RequestID, Before: l.Before,
		After: l.After, Reason: l.Reason, Prev: l.Prev, Digest: l.Digest, Alg: l.Alg,
	}
}

// Archived is the outcome of a run.
type Archived struct {
	Files []string `json:"files"`
	Rows  int64    `json:"rows"`
}

// Archive moves records that are older than keep (at least MinRetention) into
// signed files in a folder. A record leaves the database only after its file
// was read back and found whole, in one transaction with the note of the
// archive, so that a stop at any moment loses nothing: the next run writes
// the same file again and goes on.
func Archive(ctx context.Context, d *db.DB, dir string, keep time.Duration) (Archived, error) {
	var out Archived
	if keep < MinRetention {
		return out, fmt.Errorf("archive audit records: they stay at least %d days in the database", MinRetention/(24*time.Hour))
	}
	keys := codes(d.Attached(codesKey{}))
	if keys == nil {
		return out, errors.New("archive audit records: there are no keys to sign with")
	}
	before := clock.At(d.Now().Add(-keep))
	for {
		from, err := begin(ctx, d)
		if err != nil {
			return out, err
		}
		m, err := writeArchive(ctx, d, keys, dir, from, before)
		if err != nil || m.To == 0 {
			return out, err
		}
		path := filepath.Join(dir, m.File)
		if _, fault, err := VerifyArchive(path, keys); err != nil || fault != nil {
			return out, fmt.Errorf("archive audit records: %s does not read back: %w", path, errors.Join(err, faultErr(fault)))
		}
		if err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return moveOut(ctx, tx, m) }); err != nil {
			return out, err
		}
		out.Files = append(out.Files, path)
		out.Rows += m.To - m.From + 1
	}
}

func faultErr(f *Fault) error {
	if f == nil {
		return nil
	}
	return errors.New(f.Message)
}

// writeArchive writes the next file and its manifest. A zero manifest says
// that nothing is old enough.
func writeArchive(ctx context.Context, d *db.DB, keys *crypto.Keys, dir string, from start, before clock.Stamp) (Manifest, error) {
	m := Manifest{Format: 1, From: from.seq + 1, Prev: from.digest, Before: from.coded}
	to, err := lastBefore(ctx, d, from.seq, before, archiveRows)
	if err != nil || to == 0 {
		return Manifest{}, err
	}
	m.File = fmt.Sprintf("audit-%012d-%012d.ndjson", m.From, to)
	k := &checker{codes: keys, start: from}
	h := sm3.New()
	err = writeFile(filepath.Join(dir, m.File), func(f *os.File) error {
		w := bufio.NewWriterSize(io.MultiWriter(f, h), 1<<16)
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		var bad error
		err := walk(ctx, d, from.seq, to, func(r *row) bool {
			if m.FirstAt == 0 {
				m.FirstAt = r.At
			}
			m.LastAt = r.At
			if !k.next(r) {
				return false
			}
			bad = enc.Encode(lineOf(r))
			return bad == nil
		})
		return errors.Join(err, bad, k.err, faultErr(k.fault), w.Flush())
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("archive audit records: %w", err)
	}
	m.To, m.Last, m.Coded, m.SM3 = k.seq, k.digest, k.coded, hex.EncodeToString(h.Sum(nil))
	if m.To != to {
		return Manifest{}, fmt.Errorf("archive audit records: the chain ends at %d instead of %d", m.To, to)
	}
	b, err := m.signed()
	if err != nil {
		return Manifest{}, fmt.Errorf("archive audit records: %w", err)
	}
	if m.Signature, err = keys.Sign(archivePurpose, b); err != nil {
		return Manifest{}, err
	}
	return m, writeFile(ManifestName(filepath.Join(dir, m.File)), func(f *os.File) error {
		enc := json.NewEncoder(f)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	})
}

// moveOut notes the archive and removes its records.
func moveOut(ctx context.Context, tx db.Tx, m Manifest) error {
	if _, _, err := lockHead(ctx, tx); err != nil { // one archiver at a time
		return err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("note archive: %w", err)
	}
	return storeArchive(ctx, tx, archiveRow{
		ID: ids.New(), FromSeq: m.From, ToSeq: m.To, FromAt: m.FirstAt, ToAt: m.LastAt, Rows: m.To - m.From + 1, File: m.File, SM3: m.SM3,
		LastDigest: m.Last, Manifest: string(b), CreatedAt: clock.At(tx.Now()),
	})
}

// begin finds where the chain in the database begins: after the last archive,
// whose note must bear the signature of its manifest.
func begin(ctx context.Context, d *db.DB) (start, error) {
	a, err := lastArchive(ctx, d)
	if err != nil || a == nil {
		return start{0, genesis, false}, err
	}
	m, err := ParseManifest([]byte(a.Manifest))
	if err != nil {
		return start{}, fmt.Errorf("read note of the archive up to record %d: %w", a.ToSeq, err)
	}
	if err := checkManifest(m, codes(d.Attached(codesKey{}))); err != nil {
		return start{}, fmt.Errorf("check note of the archive up to record %d: %w", a.ToSeq, err)
	}
	if m.To != a.ToSeq {
		return start{}, fmt.Errorf("note of the archive up to record %d: %w: its manifest says %d", a.ToSeq, crypto.ErrTampered, m.To)
	}
	return start{m.To, m.Last, m.Coded}, nil
}

func checkManifest(m Manifest, keys *crypto.Keys) error {
	if keys == nil {
		return errors.New("its signature needs the keys of the center")
	}
	b, err := m.signed()
	if err != nil {
		return err
	}
	if m.Signature.Purpose != archivePurpose {
		return fmt.Errorf("%w: signed for another purpose", crypto.ErrTampered)
	}
	return keys.Verify(m.Signature, b)
}

// maxManifest bounds a manifest, in bytes.
const maxManifest = 64 << 10

// ParseManifest reads a manifest; its signature is not checked.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if len(b) > maxManifest {
		return m, errors.New("manifest is too long")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("manifest is not JSON of the known form: %w", err)
	}
	switch {
	case m.Format != 1:
		return m, fmt.Errorf("manifest has format %d, this center reads 1", m.Format)
	case m.From < 1 || m.To < m.From || m.File == "" || filepath.Base(m.File) != m.File:
		return m, errors.New("manifest names no file or no records")
	}
	return m, nil
}

// VerifyArchive checks an archive file: its manifest's signature, the file's
// digest, and the chain of its records, each with its code. It tells how many
// records it holds and the first fault.
func VerifyArchive(path string, keys *crypto.Keys) (int64, *Fault, error) {
	b, err := os.ReadFile(ManifestName(path))
	if err != nil {
		return 0, nil, fmt.Errorf("read manifest: %w", err)
	}
	m, err := ParseManifest(b)
	if err != nil {
		return 0, nil, fmt.Errorf("read manifest of %s: %w", path, err)
	}
	if err := checkManifest(m, keys); errors.Is(err, crypto.ErrTampered) {
		return 0, &Fault{m.From, "归档清单被改动过：签名不符"}, nil
	} else if err != nil {
		return 0, nil, fmt.Errorf("check manifest of %s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, fmt.Errorf("read archive: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sm3.New()
	k := &checker{codes: keys, start: start{m.From - 1, m.Prev, m.Before}}
	err = readLines(io.TeeReader(f, h), func(l line) bool { return k.next(l.row()) })
	if errors.Is(err, errLine) {
		return k.seq - m.From + 1, &Fault{k.seq + 1, fmt.Sprintf("第 %d 条审计记录在归档里读不出来", k.seq+1)}, nil
	}
	if err = errors.Join(err, k.err); err != nil || k.fault != nil {
		return k.seq - m.From + 1, k.fault, err
	}
	switch {
	case k.seq != m.To || k.digest != m.Last:
		return k.seq - m.From + 1, &Fault{k.seq + 1, fmt.Sprintf("归档应到第 %d 条，实际只到第 %d 条", m.To, k.seq)}, nil
	case hex.EncodeToString(h.Sum(nil)) != m.SM3:
		return k.seq - m.From + 1, &Fault{m.From, "归档文件与清单的 SM3 不符"}, nil
	}
	return k.seq - m.From + 1, nil, nil
}

// errLine says that a line of an archive is no record.
var errLine = errors.New("line is no record")

// maxLine bounds a line of an archive, in bytes.
const maxLine = 32 << 20

// readLines reads records of an archive until f says no. It reads to the end
// all the same, so that a digest of the whole can be taken.
func readLines(r io.Reader, f func(line) bool) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	going := true
	for s.Scan() {
		if !going {
			continue
		}
		var l line
		dec := json.NewDecoder(bytes.NewReader(s.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&l); err != nil {
			return fmt.Errorf("%w: %w", errLine, err)
		}
		going = f(l)
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", errLine, err)
	}
	return nil
}
