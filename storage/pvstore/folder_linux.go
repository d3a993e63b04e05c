package pvstore

import (
	"encoding/binary"
	"io"
	"os"
	"strings"
	"syscall"
)

// readEntries reads the open directory to its end, in one call of the system if it can: then whole is true. It may use buf.
func readEntries(f *os.File, buf []byte) (entries []entry, whole bool, err error) {
	const most = 64 << 20
	// The call can end early for want of room or by a signal, so the one that returns nothing is the proof that the one before was all.
	for range 8 {
		n, err := getdents(f, buf)
		if err != nil || n == 0 {
			return nil, true, err
		}
		entries = parseEntries(buf[:n], nil)
		m, err := getdents(f, buf)
		if err != nil || m == 0 {
			return entries, true, err
		}
		if len(buf) < most {
			buf = make([]byte, 4*len(buf))
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, false, err
		}
	}
	entries = nil
	for {
		n, err := getdents(f, buf)
		if err != nil || n == 0 {
			return entries, false, err
		}
		entries = parseEntries(buf[:n], entries)
	}
}

func getdents(f *os.File, buf []byte) (n int, err error) {
	for {
		n, err = syscall.ReadDirent(int(f.Fd()), buf)
		if err != syscall.EINTR { //nolint:errorlint // an error number as the system returned it
			return n, err
		}
	}
}

// parseEntries appends what getdents64 wrote: records of inode (8 bytes), offset (8), length (2), type (1), name, NUL.
func parseEntries(buf []byte, entries []entry) []entry {
	const header = 19
	if entries == nil {
		entries = make([]entry, 0, len(buf)/48)
	}
	text := string(buf) // one allocation for all names
	for at := 0; at+header < len(buf); {
		size := int(binary.NativeEndian.Uint16(buf[at+16:]))
		if size <= header || at+size > len(buf) {
			break
		}
		name, _, _ := strings.Cut(text[at+header:at+size], "\x00")
		k := foreign
		switch buf[at+18] {
		case syscall.DT_REG:
			k = file
		case syscall.DT_DIR:
			k = dir
		case syscall.DT_UNKNOWN:
			k = unsure
		}
		if inode := binary.NativeEndian.Uint64(buf[at:]); inode != 0 && name != "." && name != ".." {
			entries = append(entries, entry{name, k})
		}
		at += size
	}
	return entries
}
