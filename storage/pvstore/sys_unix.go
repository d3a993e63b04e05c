//go:build unix

package pvstore

import (
	"io/fs"
	"os"
	"syscall"
)

const (
	openDir = os.O_RDONLY | syscall.O_DIRECTORY
	// A pipe in the place of an object must not block who opens it.
	openFile = os.O_RDONLY | syscall.O_NONBLOCK
)

// linkCount returns how many names the file has.
func linkCount(fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink) //nolint:unconvert // its type differs among systems
	}
	return 0
}
