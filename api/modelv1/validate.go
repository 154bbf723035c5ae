package modelv1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// MaxManifestBytes bounds a manifest file; larger ones are refused unread.
const MaxManifestBytes = 1 << 20

// ErrInvalid is what every refusal of a manifest wraps.
var ErrInvalid = errors.New("invalid model manifest")

// ObjectClasses are the values that Manifest.Classes may hold.
func ObjectClasses() []string { return []string{"person", "vehicle", "bicycle", "animal", "other"} }

// Judgements are the verifier's classes; its labels are these in the order of
// its output.
func Judgements() []string {
	return []string{"thing", "removed", "person", "vehicle", "light", "nothing"}
}

// VerifierPlanes are the channels of a verifier's input; a manifest may give
// them in another order.
func VerifierPlanes() []string {
	return []string{"refR", "refG", "refB", "curR", "curG", "curB", "mask"}
}

// Parse reads and validates one manifest. Unknown fields are ignored, so that
// a newer manifest of the same schema can still be read.
func Parse(data []byte) (Manifest, error) {
	var m Manifest
	if err := decode(data, &m); err != nil {
		return Manifest{}, err
	}
	return m, m.Validate()
}

// ParseLibrary reads and validates the manifest of a native library.
func ParseLibrary(data []byte) (Library, error) {
	var l Library
	if err := decode(data, &l); err != nil {
		return Library{}, err
	}
	return l, l.Validate()
}

func decode(data []byte, v any) error {
	if len(data) > MaxManifestBytes {
		return fmt.Errorf("%w: file has %d bytes, more than %d", ErrInvalid, len(data), MaxManifestBytes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: not JSON: %w", ErrInvalid, err)
	}
	if d.More() {
		return fmt.Errorf("%w: something follows the JSON object", ErrInvalid)
	}
	return nil
}

// problems collects what is wrong, so that whoever writes a manifest sees
// everything at once.
type problems struct{ list []string }

func (p *problems) add(ok bool, field, format string, args ...any) {
	if !ok {
		p.list = append(p.list, field+": "+fmt.Sprintf(format, args...))
	}
}

func (p *problems) err(name string) error {
	if len(p.list) == 0 {
		return nil
	}
	return fmt.Errorf("%w %q: %s", ErrInvalid, name, strings.Join(p.list, "; "))
}

// Validate says everything that is wrong with the manifest, or nil.
func (m *Manifest) Validate() error {
	var p problems
	p.add(m.Schema == SchemaVersion, "schema", "is %d, this program reads %d", m.Schema, SchemaVersion)
	p.add(matches(`^[a-z0-9][a-z0-9.-]{0,63}$`, m.Name), "name", "must be lower-case letters, digits, - and .")
	p.add(m.Version != "" && len(m.Version) <= 64, "version", "must be given, at most 64 characters")
	heads := []Head{HeadSSD, HeadNanoDet, HeadYOLOX, HeadDB, HeadCTC, HeadVerifier}
	p.add(slices.Contains(heads, m.Head), "head", "%q is unknown, use one of %v", m.Head, heads)
	m.Source.check(&p, "source")
	m.checkFiles(&p)
	m.Input.check(&p)
	m.checkOutputs(&p)
	m.checkLabels(&p)
	p.add(m.MinScore >= 0 && m.MinScore < 1, "minScore", "must be 0..1")
	p.add(m.MaxOverlap >= 0 && m.MaxOverlap <= 1, "maxOverlap", "must be 0..1")
	p.add(m.Licence.SPDX != "", "licence.spdx", "must be given")
	for i, c := range m.Cost {
		p.add(c.CPUMs > 0 && c.On != "", fmt.Sprintf("cost[%d]", i), "needs cpuMs above 0 and on")
	}
	return p.err(m.Name)
}

// Validate says everything that is wrong with the library's manifest.
func (l *Library) Validate() error {
	var p problems
	p.add(l.Schema == SchemaVersion, "schema", "is %d, this program reads %d", l.Schema, SchemaVersion)
	p.add(l.Name != "", "name", "must be given")
	p.add(l.Version != "", "version", "must be given")
	p.add(l.Licence.SPDX != "", "licence.spdx", "must be given")
	p.add(len(l.Platforms) > 0, "platforms", "must hold at least one")
	for k, v := range l.Platforms {
		f := "platforms[" + k + "]"
		p.add(matches(`^[a-z0-9]+/[a-z0-9]+$`, k), f, "the key must be GOOS/GOARCH")
		v.Source.check(&p, f+".source")
		p.add(fileName(v.File.Name), f+".file.name", "must be a plain file name")
		v.File.check(&p, f+".file")
	}
	return p.err(l.Name)
}

func (s *Source) check(p *problems, f string) {
	switch s.Ecosystem {
	case NPM:
		p.add(matches(`^(@[a-z0-9._-]+/)?[a-z0-9._-]+$`, s.Package), f+".package", "%q is no npm package name", s.Package)
		p.add(matches(`^[0-9]+\.[0-9]+\.[0-9A-Za-z.+-]+$`, s.Version), f+".version", "must be one exact version")
		p.add(matches(`^sha512-[A-Za-z0-9+/]{86}==$`, s.Integrity), f+".integrity", "must be sha512- and 88 characters of base64")
		p.add(s.Size > 0, f+".size", "must be the length of the package file")
		p.add(len(s.Parts) > 0, f+".parts", "must name what is taken out of the package")
	case Project, Upload:
	default:
		p.add(false, f+".ecosystem", "%q is unknown, use npm, project or upload", s.Ecosystem)
	}
	p.add(slices.Contains([]string{"", "tflite", "tfjs"}, s.Convert), f+".convert", "%q is unknown, use tflite, tfjs or nothing", s.Convert)
	for i, part := range s.Parts {
		pf := fmt.Sprintf("%s.parts[%d]", f, i)
		clean := part.Path != "" && path.Clean(part.Path) == part.Path && !path.IsAbs(part.Path) && !strings.HasPrefix(part.Path, "..")
		p.add(clean, pf+".path", "must be a clean path inside the package")
		p.add(fileName(part.As), pf+".as", "must be a plain file name")
		p.add(part.Offset >= 0 && part.Length >= 0, pf, "offset and length must not be negative")
		p.add(part.Length == 0 || part.Length == part.Size, pf+".length", "must equal size")
		part.check(p, pf)
	}
}

func (d *Digest) check(p *problems, f string) {
	p.add(d.Size > 0, f+".size", "must be above 0")
	p.add(matches(`^[0-9a-f]{64}$`, d.SHA256), f+".sha256", "must be 64 lower-case hexadecimal digits")
	p.add(matches(`^[0-9a-f]{64}$`, d.SM3), f+".sm3", "must be 64 lower-case hexadecimal digits")
}

func (m *Manifest) checkFiles(p *problems) {
	seen := map[string]bool{}
	for i, f := range m.Files {
		ff := fmt.Sprintf("files[%d]", i)
		p.add(fileName(f.Name) && f.Name != ManifestFile, ff+".name", "must be a plain file name other than %s", ManifestFile)
		p.add(!seen[f.Name], ff+".name", "%q is listed twice", f.Name)
		seen[f.Name] = true
		f.check(p, ff)
	}
	p.add(seen[WeightsFile], "files", "must list %s", WeightsFile)
	if m.Head == HeadCTC {
		p.add(m.Dictionary != "" && seen[m.Dictionary], "dictionary", "must name one of the files")
	}
}

func (in *Input) check(p *problems) {
	p.add(in.Name != "", "input.name", "must be given")
	p.add(in.Layout == "NCHW" || in.Layout == "NHWC", "input.layout", "must be NCHW or NHWC")
	free := in.Width == 0 || in.Height == 0
	p.add(in.Width >= 0 && in.Height >= 0 && in.Width <= 8192 && in.Height <= 8192, "input.width, input.height", "must be 0..8192")
	p.add(!free || in.Multiple > 0 && in.Multiple <= 256, "input.multiple", "must be 1..256 where a side is free")
	p.add(in.MaxSide >= 0 && in.MaxSide <= 8192, "input.maxSide", "must be 0..8192")
	n := len(in.Planes)
	p.add(n > 0 && n <= 16, "input.planes", "must name 1..16 channels")
	p.add(in.Scale > 0, "input.scale", "must be above 0 (1 for pixels 0..255)")
	p.add(len(in.Mean) == n, "input.mean", "needs one value for each plane")
	p.add(len(in.Std) == n, "input.std", "needs one value for each plane")
	for i, s := range in.Std {
		p.add(s > 0, fmt.Sprintf("input.std[%d]", i), "must be above 0")
	}
	p.add(slices.Contains([]string{"", "stretch", "letterbox"}, in.Fit), "input.fit", "must be stretch or letterbox")
	p.add(in.Pad >= 0 && in.Pad <= 255, "input.pad", "must be 0..255")
}

func (m *Manifest) checkOutputs(p *problems) {
	p.add(len(m.Outputs) > 0 && len(m.Outputs) <= 32, "outputs", "must list 1..32")
	holds := map[string]int{}
	for i, o := range m.Outputs {
		of := fmt.Sprintf("outputs[%d]", i)
		holds[o.Holds]++
		p.add(o.Name != "", of+".name", "must be given")
		p.add(slices.Contains([]string{"none", "sigmoid", "softmax"}, o.Activation), of+".activation", "must be none, sigmoid or softmax")
	}
	need := map[Head][]string{
		HeadSSD: {"boxes", "scores"}, HeadNanoDet: {"boxes", "scores"}, HeadYOLOX: {"predictions"},
		HeadDB: {"map"}, HeadCTC: {"steps"}, HeadVerifier: {"judgement"},
	}[m.Head]
	for _, n := range need {
		want := 1
		if m.Head == HeadNanoDet {
			want = max(1, holds["boxes"])
		}
		p.add(holds[n] == want, "outputs", "head %s needs %d that hold %s, has %d", m.Head, want, n, holds[n])
	}
	if m.Head == HeadNanoDet {
		for i, o := range m.Outputs {
			p.add(o.Stride > 0 && o.Stride <= 256, fmt.Sprintf("outputs[%d].stride", i), "must be 1..256")
		}
	}
}

func (m *Manifest) checkLabels(p *problems) {
	planes := []string{"R", "G", "B"}
	if m.Head == HeadVerifier {
		planes = VerifierPlanes()
		p.add(sameSet(m.Labels, Judgements()), "labels", "must be %v in the order of the output", Judgements())
	}
	p.add(sameSet(m.Input.Planes, planes), "input.planes", "must be %v in the network's order", planes)
	if !m.Head.Detector() {
		return
	}
	p.add(len(m.Labels) > 0 && len(m.Labels) <= 4096, "labels", "must list the classes, at most 4096")
	p.add(len(m.Classes) > 0, "classes", "must map at least one label")
	for l, c := range m.Classes {
		p.add(slices.Contains(m.Labels, l), "classes", "%q is not among the labels", l)
		p.add(slices.Contains(ObjectClasses(), c), "classes["+l+"]", "%q is unknown, use one of %v", c, ObjectClasses())
	}
	p.add(m.MinScore > 0, "minScore", "must be given for a detector")
	p.add(m.MaxOverlap > 0, "maxOverlap", "must be given for a detector")
	p.add(m.Input.Width > 0 && m.Input.Height > 0, "input.width, input.height", "must be fixed for a detector")
}

func sameSet(a, b []string) bool {
	x, y := slices.Clone(a), slices.Clone(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func matches(pattern, s string) bool {
	ok, err := regexp.MatchString(pattern, s)
	return err == nil && ok
}

func fileName(s string) bool {
	return matches(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`, s)
}
