//go:build !linux

package pvstore

import (
	"io/fs"
	"os"
)

// readEntries reads the open directory to its end. It never tells whether that was one call of the system.
func readEntries(f *os.File, _ []byte) (entries []entry, whole bool, err error) {
	found, err := f.ReadDir(-1)
	for _, e := range found {
		k := foreign
		switch {
		case e.Type().IsRegular():
			k = file
		case e.IsDir():
			k = dir
		case e.Type() == fs.ModeIrregular:
			k = unsure
		}
		entries = append(entries, entry{e.Name(), k})
	}
	return entries, false, err
}
