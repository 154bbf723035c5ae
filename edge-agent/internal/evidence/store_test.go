package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"jiexun/edge-agent/internal/picture"
)

var t0 = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

type clock struct{ t time.Time }

func (c *clock) now() time.Time {
	c.t = c.t.Add(time.Second)
	return c.t
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, data string) string {
	t.Helper()
	d, err := s.Put([]byte(data), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tree lists every file below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			r, _ := filepath.Rel(dir, p)
			out = append(out, r)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// smallDisk is a disk with so many bytes; a write beyond them stores what
// fits and fails, as a full disk does.
type smallDisk struct {
	left int64
	sync error
}

type smallFile struct {
	*os.File
	d *smallDisk
}

func (d *smallDisk) create(dir string) (file, error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	return smallFile{f, d}, err
}

func (f smallFile) Write(b []byte) (int, error) {
	if int64(len(b)) <= f.d.left {
		f.d.left -= int64(len(b))
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:f.d.left])
	f.d.left = 0
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

func (f smallFile) Sync() error {
	if f.d.sync != nil {
		return f.d.sync
	}
	return f.File.Sync()
}

func (d *smallDisk) syncDir(string) error       { return nil }
func (d *smallDisk) free(string) (int64, error) { return d.left, nil }

func TestKnownDigest(t *testing.T) {
	if d := Digest([]byte("abc")); d != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Fatalf("SM3 of abc is %s", d)
	}
}

func TestStoreReadUpload(t *testing.T) {
	c := &clock{t0}
	o := Options{Dir: t.TempDir(), Now: c.now}
	s := open(t, o)
	a, b := put(t, s, "first"), put(t, s, "second")
	if again := put(t, s, "first"); again != a || s.Stats().Files != 2 {
		t.Fatalf("the same data was stored twice: %+v", s.Stats())
	}
	if got, err := s.Read(a); err != nil || string(got) != "first" {
		t.Fatalf("read %q %v", got, err)
	}
	u, ok, err := s.NextUpload(nil)
	if err != nil || !ok || u.SM3 != a || u.Size != 5 || u.MediaType != "image/jpeg" {
		t.Fatalf("next is %+v", u)
	}
	if u, _, _ := s.NextUpload(map[string]bool{a: true}); u.SM3 != b {
		t.Fatalf("next but the first is %+v", u)
	}
	for _, d := range []string{a, a, b, strings.Repeat("0", 64)} {
		if err := s.Uploaded(d); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, _ := s.NextUpload(nil); ok || s.Stats().Pending != 0 || s.Stats().PendingBytes != 0 || s.Stats().Files != 2 {
		t.Fatalf("still waiting: %+v", s.Stats())
	}
	if err := s.Want([]string{b, strings.Repeat("0", 64)}); err != nil {
		t.Fatal(err)
	}
	if u, ok, _ := s.NextUpload(nil); !ok || u.SM3 != b {
		t.Fatalf("wanted file does not wait: %+v", u)
	}
}

func TestRestartKeepsWhatWaits(t *testing.T) {
	c := &clock{t0}
	o := Options{Dir: t.TempDir(), Now: c.now}
	s := open(t, o)
	a, b := put(t, s, "first"), put(t, s, "second")
	if err := s.Uploaded(a); err != nil {
		t.Fatal(err)
	}
	// A write that a power cut broke off, before and after the rename of
	// the note, and a note that was damaged.
	lost := Digest([]byte("lost"))
	if err := os.MkdirAll(filepath.Join(o.Dir, lost[:2]), 0o750); err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string]string{
		filepath.Join(o.Dir, lost[:2], "tmp-123"):    "lo",
		filepath.Join(o.Dir, lost[:2], lost+noteEnd): "image/jpeg\n",
		s.path(b) + noteEnd:                          "\x00\x00",
		filepath.Join(o.Dir, "readme.txt"):           "not ours",
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, o)
	if st := s.Stats(); st.Files != 2 || st.Pending != 1 || st.Bytes != 11 || st.PendingBytes != 6 {
		t.Fatalf("stats %+v", st)
	}
	if u, ok, _ := s.NextUpload(nil); !ok || u.SM3 != b || u.MediaType != "application/octet-stream" {
		t.Fatalf("next is %+v", u)
	}
	if got := tree(t, o.Dir); len(got) != 4 { // two files, one note, and the file that is not ours
		t.Fatalf("left over: %v", got)
	}
}

func TestCorruptFileIsNoticed(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	a := put(t, s, "evidence")
	if err := os.WriteFile(s.path(a), []byte("evidenCe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(a); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("read: %v", err)
	}
	if _, ok, _ := s.NextUpload(nil); ok {
		t.Fatal("a corrupt file is offered")
	}
	if st := s.Stats(); st.Corrupt != 1 || st.Files != 0 || st.Pending != 0 || st.Bytes != 0 {
		t.Fatalf("stats %+v", st)
	}
	if got := tree(t, s.o.Dir); len(got) != 1 || got[0] != filepath.Join(asideDir, a) {
		t.Fatalf("files %v", got)
	}
	if again := put(t, s, "evidence"); again != a {
		t.Fatal("cannot be stored again")
	}
	if _, err := s.Read(a); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("../../etc/passwd"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("odd name: %v", err)
	}
	if _, err := s.Open(Digest([]byte("absent"))); !errors.Is(err, ErrNotFound) {
		t.Fatalf("absent: %v", err)
	}
	// A file that was cut short or removed is written anew.
	if err := os.Truncate(s.path(a), 3); err != nil {
		t.Fatal(err)
	}
	put(t, s, "evidence")
	if b, err := s.Read(a); err != nil || string(b) != "evidence" {
		t.Fatalf("%q %v", b, err)
	}
}

func TestCapRefusesAndEvictsConfirmed(t *testing.T) {
	c := &clock{t0}
	s := open(t, Options{Dir: t.TempDir(), MaxBytes: 30, Now: c.now})
	a := put(t, s, strings.Repeat("a", 10))
	put(t, s, strings.Repeat("b", 10))
	put(t, s, strings.Repeat("c", 10))
	_, err := s.Put(bytes.Repeat([]byte("d"), 10), "image/jpeg")
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "磁盘空间不足") || !strings.Contains(err.Error(), "3 个文件待上传") {
		t.Fatalf("err %v", err)
	}
	if st := s.Stats(); st.Refused != 1 || st.Evicted != 0 || st.Files != 3 {
		t.Fatalf("a waiting file was removed: %+v", st)
	}
	if err := s.Uploaded(a); err != nil {
		t.Fatal(err)
	}
	put(t, s, strings.Repeat("d", 10))
	if st := s.Stats(); st.Evicted != 1 || st.Bytes != 30 {
		t.Fatalf("stats %+v", st)
	}
	if _, err := s.Open(a); !errors.Is(err, ErrNotFound) {
		t.Fatalf("evicted file: %v", err)
	}
}

func TestConfirmedFilesGoAfterAWhile(t *testing.T) {
	c := &clock{t0}
	s := open(t, Options{Dir: t.TempDir(), Keep: time.Hour, Now: c.now})
	a := put(t, s, "old")
	if err := s.Uploaded(a); err != nil {
		t.Fatal(err)
	}
	put(t, s, "new")
	if _, err := s.Open(a); err != nil {
		t.Fatalf("removed too early: %v", err)
	}
	c.t = c.t.Add(2 * time.Hour)
	put(t, s, "newer")
	if _, err := s.Open(a); !errors.Is(err, ErrNotFound) {
		t.Fatalf("still there: %v", err)
	}
}

func TestFullDiskLeavesNothingHalfWritten(t *testing.T) {
	// The disk ends at every possible byte of the note and of the file.
	note := len("image/jpeg\n")
	for left := range note + 20 {
		s := open(t, Options{Dir: t.TempDir()})
		s.disk = &smallDisk{left: int64(left)}
		_, err := s.Put(bytes.Repeat([]byte("x"), 20), "image/jpeg")
		if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d bytes: %v", left, err)
		}
		if got := tree(t, s.o.Dir); len(got) != 0 {
			t.Fatalf("%d bytes: left over %v", left, got)
		}
		if st := s.Stats(); st.Refused != 1 || st.Files != 0 || st.Bytes != 0 || st.Pending != 0 {
			t.Fatalf("%d bytes: %+v", left, st)
		}
	}
}

func TestFullDiskMakesRoomFromConfirmed(t *testing.T) {
	c := &clock{t0}
	s := open(t, Options{Dir: t.TempDir(), Now: c.now})
	a := put(t, s, "confirmed")
	if err := s.Uploaded(a); err != nil {
		t.Fatal(err)
	}
	d := &refillDisk{smallDisk{left: 5}, s}
	s.disk = d
	b := put(t, s, "new one")
	if got, err := s.Read(b); err != nil || string(got) != "new one" {
		t.Fatalf("%q %v", got, err)
	}
	if st := s.Stats(); st.Evicted != 1 || st.Refused != 0 {
		t.Fatalf("stats %+v", st)
	}
}

// refillDisk has room again once something was removed.
type refillDisk struct {
	smallDisk
	s *Store
}

func (d *refillDisk) create(dir string) (file, error) {
	if d.s.stats.Evicted > 0 {
		d.left = 1000
	}
	return d.smallDisk.create(dir)
}

func TestOtherDiskErrorsAreNotFull(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	s.disk = &smallDisk{left: 1000, sync: syscall.EIO}
	_, err := s.Put([]byte("x"), "image/jpeg")
	if err == nil || errors.Is(err, ErrFull) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("err %v", err)
	}
	if got := tree(t, s.o.Dir); len(got) != 0 {
		t.Fatalf("left over %v", got)
	}
}

func TestReserveOnDisk(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), MinFree: 100})
	s.disk = &smallDisk{left: 110}
	if _, err := s.Put(bytes.Repeat([]byte("x"), 20), "image/jpeg"); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "至少须留") {
		t.Fatalf("err %v", err)
	}
}

func TestRefusesOddInput(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	for _, m := range []string{"", "jpeg", "image/", "image/jpeg\nx: y", strings.Repeat("a/", 99)} {
		if _, err := s.Put([]byte("x"), m); err == nil || !strings.Contains(err.Error(), "mediaType") {
			t.Errorf("%q: %v", m, err)
		}
	}
	if _, err := s.Put(nil, "image/jpeg"); err == nil {
		t.Error("empty file stored")
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("store without a folder")
	}
}

func TestManyAtOnce(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), MaxBytes: 1 << 20})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 20 {
				d, err := s.Put(fmt.Appendf(nil, "file %d of %d", i, g%2), "image/jpeg")
				if err != nil {
					t.Error(err)
					return
				}
				if f, err := s.Open(d); err != nil {
					t.Error(err)
				} else if _, err := io.Copy(io.Discard, f); err != nil || f.Close() != nil {
					t.Error(err)
				}
				if u, ok, err := s.NextUpload(nil); err == nil && ok {
					if err := s.Uploaded(u.SM3); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Files != 40 || st.Pending != 0 {
		t.Fatalf("stats %+v", st)
	}
}

func TestVerifyFile(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, Digest([]byte("abc"))+".jpg")
	bad := filepath.Join(dir, Digest([]byte("abd")))
	other := filepath.Join(dir, "picture.jpg")
	for _, p := range []string{good, bad, other} {
		if err := os.WriteFile(p, []byte("abc"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := VerifyFile(good); err != nil {
		t.Error(err)
	}
	if err := VerifyFile(bad); !errors.Is(err, ErrCorrupt) {
		t.Errorf("bad: %v", err)
	}
	if err := VerifyFile(other); err == nil || !strings.Contains(err.Error(), "64 hex") {
		t.Errorf("other: %v", err)
	}
	if err := VerifyFile(filepath.Join(dir, Digest([]byte("no")))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestBuilder(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	p := picture.NewYUV(1920, 1080)
	for i := range p.Y {
		p.Y[i] = byte(16 + i%200)
	}
	b := NewBuilder(s)
	if err := b.Add(RoleFrame, p, t0); err != nil {
		t.Fatal(err)
	}
	j, err := p.JPEG(50)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddJPEG(RoleReference, j, t0.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.AddJPEG(RoleFirst, []byte("no picture"), t0); err == nil {
		t.Error("not a picture, stored")
	}
	if err := b.Add("annotated", p, t0); err == nil {
		t.Error("unknown role stored")
	}
	if err := b.Add(RoleFirst, &picture.YUV{W: 3, H: 3}, t0); err == nil {
		t.Error("broken picture stored")
	}
	refs := b.Refs()
	if len(refs) != 2 || refs[0].Role != RoleFrame || refs[0].Width != 1920 || refs[1].Height != 1080 || !refs[0].TakenAt.Equal(t0) {
		t.Fatalf("refs %+v", refs)
	}
	data, err := s.Read(refs[0].SM3)
	if err != nil || int64(len(data)) != refs[0].Size {
		t.Fatalf("%d bytes %v", len(data), err)
	}
	if m, err := jpeg.Decode(bytes.NewReader(data)); err != nil || m.Bounds().Dx() != 1920 {
		t.Fatalf("stored picture: %v", err)
	}
}

func FuzzScan(f *testing.F) {
	f.Add("tmp-1", []byte("x"))
	f.Add(Digest([]byte("x")), []byte("x"))
	f.Add(Digest([]byte("x"))+noteEnd, []byte("image/jpeg\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		dir := t.TempDir()
		sub := filepath.Join(dir, "66")
		if err := os.Mkdir(sub, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, filepath.Base(name)), data, 0o600); err != nil {
			return // a name that the file system does not take
		}
		s, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for {
			u, ok, err := s.NextUpload(nil)
			if err != nil || !ok {
				break
			}
			if _, err := s.Read(u.SM3); err == nil {
				if err := s.Uploaded(u.SM3); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
