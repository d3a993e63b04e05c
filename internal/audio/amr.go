package audio

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// The bytes that follow the first one of a frame, by its type, and -1 where there is no such type (RFC 4867, section 5.3; 3GPP TS 26.101 and
// 26.201). Every frame takes 20 ms.
var (
	amrFrames = [16]int{12, 13, 15, 17, 19, 20, 26, 31, 5, -1, -1, -1, -1, -1, -1, 0}
	awbFrames = [16]int{17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0}
)

// maxAMR is how much of an AMR file is read to count its frames: 90 minutes at least.
const maxAMR = 16 << 20

// sniffAMR reads files of one channel (RFC 4867, section 5); those of several are a curiosity, of which the type is told.
func sniffAMR(f *content, start []byte) (Info, bool) {
	switch {
	case bytes.HasPrefix(start, []byte("#!AMR\n")):
		info := Info{ContentType: "audio/amr", Ext: "amr", Codec: "amr", Channels: 1, SampleRate: 8000}
		return f.countAMR(info, 6, amrFrames), true
	case bytes.HasPrefix(start, []byte("#!AMR-WB\n")):
		info := Info{ContentType: "audio/amr-wb", Ext: "awb", Codec: "amr_wb", Channels: 1, SampleRate: 16000}
		return f.countAMR(info, 9, awbFrames), true
	case bytes.HasPrefix(start, []byte("#!AMR_MC1.0\n")):
		return Info{ContentType: "audio/amr", Ext: "amr", Codec: "amr"}, true
	case bytes.HasPrefix(start, []byte("#!AMR-WB_MC1.0\n")):
		return Info{ContentType: "audio/amr-wb", Ext: "awb", Codec: "amr_wb"}, true
	}
	return Info{}, false
}

// countAMR measures by the frames behind off. A frame that is cut off at the end does not count; a type that does not exist spoils
// the whole count, since no later frame can be found.
func (f *content) countAMR(info Info, off int64, sizes [16]int) Info {
	if f.size > maxAMR {
		return info
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f.r, off, f.size-off), 32<<10)
	for frames := int64(0); ; frames++ {
		first, err := r.ReadByte()
		if err == nil {
			size := sizes[first>>3&15]
			if size < 0 {
				return info
			}
			_, err = r.Discard(size)
		}
		if errors.Is(err, io.EOF) {
			return info.measured(frames * int64(info.SampleRate) / 50)
		}
		if err != nil {
			f.err = err
			return info
		}
	}
}
