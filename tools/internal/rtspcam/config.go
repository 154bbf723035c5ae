package rtspcam

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"regexp"

	"jiexun/tools/internal/clip"
)

// Config is the file that "camsim serve --config" reads. File names are
// relative to the folder of the file.
type Config struct {
	Cameras []CameraConfig `json:"cameras"`
}

// CameraConfig describes one camera by its files.
type CameraConfig struct {
	Name string `json:"name"`
	// Main is the video of the main stream.
	Main string `json:"main"`
	// Sub is the video of the sub-stream; empty makes one of 640x360 from
	// the main video, "none" serves none.
	Sub      string `json:"sub,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	// Truth names the ground truth of a composed scene; it is not read here.
	Truth  string       `json:"truth,omitempty"`
	Script []ScriptStep `json:"script,omitempty"`
}

// SubFilter is how a sub-stream is made from a main stream.
const SubFilter = "scale=640:360"

const (
	maxConfig  = 1 << 20
	maxCameras = 256
	maxScript  = 256
)

func nameOK(s string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(s)
}

// ParseConfig reads and checks a configuration.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if len(data) > maxConfig {
		return c, fmt.Errorf("configuration of %d bytes; at most %d are read", len(data), maxConfig)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("parse configuration: %w", err)
	}
	return c, c.Validate()
}

// Validate names the field that is wrong and what may stand there.
func (c Config) Validate() error {
	if len(c.Cameras) == 0 || len(c.Cameras) > maxCameras {
		return fmt.Errorf("cameras: %d given; name 1 to %d", len(c.Cameras), maxCameras)
	}
	seen := map[string]bool{}
	for i, k := range c.Cameras {
		at := fmt.Sprintf("cameras[%d]", i)
		switch {
		case !nameOK(k.Name):
			return fmt.Errorf("%s.name: %q; use letters, digits, dots and dashes, at most 64", at, k.Name)
		case seen[k.Name]:
			return fmt.Errorf("%s.name: %q is given twice", at, k.Name)
		case k.Main == "":
			return fmt.Errorf("%s.main: name the video file", at)
		case k.User == "" && k.Password != "":
			return fmt.Errorf("%s.user: a password needs a user", at)
		case len(k.Script) > maxScript:
			return fmt.Errorf("%s.script: %d steps; at most %d", at, len(k.Script), maxScript)
		}
		seen[k.Name] = true
		for j, s := range k.Script {
			if math.IsNaN(s.At) || s.At < 0 || s.At > maxFaultSeconds {
				return fmt.Errorf("%s.script[%d].at: %v; use seconds from the start of the loop", at, j, s.At)
			}
			if err := s.Validate(); err != nil {
				return fmt.Errorf("%s.script[%d].%w", at, j, err)
			}
		}
	}
	return nil
}

// Open prepares the videos of one camera; dir is where relative names start.
func (k CameraConfig) Open(ctx context.Context, cache *clip.Cache, dir string) (Camera, error) {
	abs := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	cam := Camera{Name: k.Name, User: k.User, Password: k.Password, Script: k.Script, MainFile: abs(k.Main)}
	var err error
	if cam.Main, err = cache.Open(ctx, cam.MainFile, clip.Recipe{}); err != nil {
		return cam, fmt.Errorf("camera %s main stream: %w", k.Name, err)
	}
	if k.Sub == "none" {
		return cam, nil
	}
	recipe := clip.Recipe{}
	if cam.SubFile = abs(k.Sub); k.Sub == "" {
		cam.SubFile, recipe = cam.MainFile, clip.Recipe{Filter: SubFilter, Kbit: 600}
	}
	if cam.Sub, err = cache.Open(ctx, cam.SubFile, recipe); err != nil {
		return cam, fmt.Errorf("camera %s sub-stream: %w", k.Name, err)
	}
	return cam, nil
}
