package ortrun

import (
	"fmt"
	"os"
	"path/filepath"
)

// Local finds the folder that make setup fills, seen from a package folder,
// and checks that the runtime library is there.
func Local(fromPackage string) (dir, lib string, err error) {
	if dir = os.Getenv("JIEXUN_LOCAL"); dir == "" {
		dir = filepath.Join(fromPackage, ".local")
	}
	lib = filepath.Join(dir, "lib", "libonnxruntime.so")
	if _, err := os.Stat(lib); err != nil {
		return "", "", fmt.Errorf("%w: run make setup", err)
	}
	return dir, lib, nil
}
