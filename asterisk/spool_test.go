package asterisk_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// spool is a server's spool that a test writes.
type spool struct {
	t   *testing.T
	dir string
}

func newSpool(t *testing.T) *spool { return &spool{t, t.TempDir()} }

// open opens the spool as applications should.
func (s *spool) open() fs.FS {
	s.t.Helper()
	root, err := os.OpenRoot(s.dir)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}

// written is when the files of a spool were written, unless a test says otherwise.
var written = time.Date(2024, 8, 20, 8, 0, 0, 0, time.UTC)

func (s *spool) put(name string, content []byte) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(s.t, os.WriteFile(file, content, 0o644))
	s.touch(name, written)
}

func (s *spool) touch(name string, at time.Time) {
	s.t.Helper()
	require.NoError(s.t, os.Chtimes(filepath.Join(s.dir, name), at, at))
}

func (s *spool) mkdir(name string) {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(filepath.Join(s.dir, name), 0o755))
}

func (s *spool) link(target, name string) {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(filepath.Join(s.dir, path.Dir(name)), 0o755))
	require.NoError(s.t, os.Symlink(target, filepath.Join(s.dir, name)))
}

func (s *spool) rename(from, to string) {
	s.t.Helper()
	for _, ext := range []string{".txt", ".wav"} {
		require.NoError(s.t, os.MkdirAll(filepath.Join(s.dir, path.Dir(to)), 0o755))
		require.NoError(s.t, os.Rename(filepath.Join(s.dir, from+ext), filepath.Join(s.dir, to+ext)))
	}
}

// message writes a message with a WAV file of its own.
func (s *spool) message(name string, seconds int64, caller string) {
	s.put(name+".txt", envelope(seconds, caller))
	s.put(name+".wav", wav(name))
}

// start is a time in August 2024.
const start = 1724107750

// envelope is a text file as Asterisk 21 writes it.
func envelope(seconds int64, caller string, more ...string) []byte {
	at := start + seconds
	lines := []string{
		";", "; Message Information file", ";", "[message]", "origmailbox=8000", "context=default", "exten=8000", "rdnis=unknown", "priority=7",
		"callerchan=SIP/trunk-00000005", "callerid=" + caller, "origdate=Fri Feb 31 10:49:28 PM UTC 2024", fmt.Sprintf("origtime=%d", at), "category=",
		fmt.Sprintf("msg_id=%d-00000001", at), "flag=", "duration=19",
	}
	for _, m := range more {
		key, _, _ := strings.Cut(m, "=")
		for i, line := range lines {
			if strings.HasPrefix(line, key+"=") {
				lines = append(lines[:i], lines[i+1:]...)
				break
			}
		}
		lines = append(lines, m)
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// wav is half a second of linear sound that differs from that of other names.
func wav(name string) []byte {
	samples := bytes.Repeat([]byte(name + "\x00")[:1], 8000)
	copy(samples, name)
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), uint32(len(samples))+36)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), 1)
	b = le.AppendUint32(le.AppendUint32(b, 8000), 16000)
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	return append(le.AppendUint32(append(b, "data"...), uint32(len(samples))), samples...)
}

// trap is one thing that spools have in them and that an importer may stumble over.
type trap struct {
	why string
	lay func(s *spool)
}

// traps are laid in the order of this list, each in a mailbox or folder of its own, so that the golden file tells what became of it.
func traps() []trap {
	at := func(dir, name string) string { return path.Join(dir, "INBOX", name) }
	var n int64
	next := func() int64 { n += 10; return n }
	// one makes a message that has nothing odd but its caller.
	caller := func(number int, caller string) func(*spool) {
		return func(s *spool) { s.message(fmt.Sprintf("callers/9000/INBOX/msg%04d", number), next(), caller) }
	}
	return []trap{
		{"the plain case", func(s *spool) { s.message("default/8000/INBOX/msg0000", next(), `"Alice" <5551001>`) }},
		{"numbers have gaps", func(s *spool) { s.message("default/8000/INBOX/msg0007", next(), `"Bob" <5551002>`) }},
		{"more than 9999", func(s *spool) { s.message("default/8000/INBOX/msg10000", next(), `"Carol" <5551003>`) }},
		{"a folder each", func(s *spool) {
			for _, folder := range []string{"Old", "Work", "Family", "Friends", "Cust1", "Cust5", "Urgent", "Deleted"} {
				s.message("default/8001/"+folder+"/msg0000", next(), "5551001")
			}
		}},
		{"folders in other letters, from a disk that folds them", func(s *spool) {
			s.message("default/8001/inbox/msg0000", next(), "5551001")
			s.message("default/8001/OLD/msg0000", next(), "5551001")
		}},
		{"a folder that Asterisk does not have", func(s *spool) {
			s.message("default/8001/Archive/msg0000", next(), "5551001")
			s.put("default/8001/lost+found/#1234", []byte("x"))
		}},
		{"urgent by its flag", func(s *spool) {
			s.put("default/8001/Work/msg0001.txt", envelope(next(), "5551001", "flag=Urgent"))
			s.put("default/8001/Work/msg0001.wav", wav("urgent"))
		}},
		{"several formats of one recording", func(s *spool) {
			s.message("default/8002/INBOX/msg0000", next(), "5551001")
			s.put("default/8002/INBOX/msg0000.WAV", wav("WAV"))
			s.put("default/8002/INBOX/msg0000.gsm", bytes.Repeat([]byte{0xd2}, 33*50))
		}},
		{"the best format has no bytes", func(s *spool) {
			s.message("default/8002/INBOX/msg0001", next(), "5551001")
			s.put("default/8002/INBOX/msg0001.wav", nil)
			s.put("default/8002/INBOX/msg0001.WAV", wav("full"))
		}},
		{"raw formats", func(s *spool) {
			for i, raw := range []struct {
				ext  string
				size int
			}{{"gsm", 33 * 50}, {"g729", 10 * 100}, {"ulaw", 8000}, {"alaw", 8000}, {"g722", 8000}, {"sln", 16000}, {"sln16", 32000}, {"vox", 4000}} {
				name := fmt.Sprintf("default/8003/INBOX/msg%04d.", i)
				s.put(name+"txt", envelope(next(), "5551001"))
				s.put(name+raw.ext, bytes.Repeat([]byte{0xd5}, raw.size))
			}
		}},
		{"a format that nobody knows", func(s *spool) {
			s.put("default/8004/INBOX/msg0000.txt", envelope(next(), "5551001"))
			s.put("default/8004/INBOX/msg0000.xyz", []byte("x"))
		}},
		{"a text without a recording", func(s *spool) { s.put("default/8004/INBOX/msg0001.txt", envelope(next(), "5551001")) }},
		{"a recording without a text", func(s *spool) { s.put("default/8004/INBOX/msg0002.wav", wav("lone")) }},
		{"a recording without bytes", func(s *spool) {
			s.put("default/8004/INBOX/msg0003.txt", envelope(next(), "5551001", "duration=0"))
			s.put("default/8004/INBOX/msg0003.wav", nil)
		}},
		{"a text without bytes", func(s *spool) {
			s.put("default/8004/INBOX/msg0004.txt", nil)
			s.put("default/8004/INBOX/msg0004.wav", wav("x"))
		}},
		{"a text that is a recording", func(s *spool) {
			s.put("default/8004/INBOX/msg0005.txt", wav("x"))
			s.put("default/8004/INBOX/msg0005.wav", wav("x"))
		}},
		{"a text without end", func(s *spool) {
			s.put("default/8004/INBOX/msg0006.txt", envelope(next(), "5551001", "category="+strings.Repeat("x", 1<<20)))
			s.put("default/8004/INBOX/msg0006.wav", wav("x"))
		}},
		{"a text and a recording that are directories", func(s *spool) {
			s.mkdir("default/8004/INBOX/msg0007.txt")
			s.put("default/8004/INBOX/msg0007.wav", wav("x"))
			s.put("default/8004/INBOX/msg0008.txt", envelope(next(), "5551001"))
			s.mkdir("default/8004/INBOX/msg0008.wav")
		}},
		{"a time to come", func(s *spool) {
			s.put("default/8004/INBOX/msg0009.txt", envelope(1<<32, "5551001"))
			s.put("default/8004/INBOX/msg0009.wav", wav("x"))
		}},
		{"an identity that is too long", func(s *spool) {
			s.message("default/8004/INBOX/msg0010", next(), "sip:"+strings.Repeat("x", 300)+"@example.com")
		}},
		{"half a text", func(s *spool) {
			whole := envelope(next(), "5551001")
			s.put("default/8005/INBOX/msg0000.txt", whole[:bytes.Index(whole, []byte("origtime="))+len("origtime=17241")])
			s.put("default/8005/INBOX/msg0000.wav", wav("half"))
		}},
		{"a stub", func(s *spool) {
			s.put("default/8005/INBOX/msg0001.txt", []byte("; just a stub\n[message]\nflag=Urgent\n"))
			s.put("default/8005/INBOX/msg0001.wav", wav("stub"))
		}},
		{"of an old version, without msg_id and with macrocontext", func(s *spool) {
			text := envelope(next(), "5551001", "macrocontext=macro-vm")
			s.put("default/8005/INBOX/msg0002.txt", regexp.MustCompile("msg_id=.*\n").ReplaceAll(text, nil))
			s.put("default/8005/INBOX/msg0002.wav", wav("old"))
		}},
		{"CR LF, spaces, a byte order mark, capitals, => and keys twice", func(s *spool) {
			s.put("default/8005/INBOX/msg0003.txt", []byte(fmt.Sprintf(
				"\ufeff; x\r\n\r\n [Message] ; y\r\n  CallerID =  \"Dora\" <5551004> \r\norigtime => %d\r\norigtime=1\r\nduration\r\n[other]\r\nflag=Urgent\r\n", start+next())))
			s.put("default/8005/INBOX/msg0003.wav", wav("crlf"))
		}},
		{"what is said of it beside the caller", func(s *spool) {
			s.put("default/8005/INBOX/msg0004.txt", envelope(next(), "5551001", "exten=+1 555 0199", "rdnis=sip:desk@example.com", "category=sales"))
			s.put("default/8005/INBOX/msg0004.wav", wav("beside"))
		}},
		{"bytes that are no text in it", func(s *spool) {
			s.put("default/8005/INBOX/msg0005.txt", envelope(next(), "\"J\xfcrgen\x00\" <5551005>", "category=\xff", "duration=-1", "exten=\xfe"))
			s.put("default/8005/INBOX/msg0005.wav", wav("bytes"))
		}},
		{"a copy in the same folder and in another, with the same msg_id", func(s *spool) {
			sec := next()
			for _, name := range []string{"default/8006/INBOX/msg0000", "default/8006/INBOX/msg0001", "default/8006/Old/msg0000"} {
				s.put(name+".txt", envelope(sec, "5551001"))
				s.put(name+".wav", wav("copied"))
			}
		}},
		{"two messages with the same msg_id, of two servers with one disk", func(s *spool) {
			sec := next()
			s.message("default/8006/INBOX/msg0002", sec, "5551001")
			s.message("default/8006/INBOX/msg0003", sec, "5551002")
		}},
		{"the same message in another mailbox", func(s *spool) { s.message("default/8007/INBOX/msg0000", 10, `"Alice" <5551001>`) }},
		{"locks", func(s *spool) {
			s.put(at("default/8007", ".lock"), nil)
			s.put(at("default/8007", ".lock-12ab34cd"), nil)
			s.put(at("default/8007", "lock"), nil)
			s.put("default/8007/.lock", nil)
		}},
		{"recordings in progress", func(s *spool) {
			s.put("default/8007/tmp/XQ3f1a", []byte("[message]\n"))
			s.put("default/8007/tmp/XQ3f1a.wav", wav("x"))
			s.mkdir("default/8000/tmp")
		}},
		{"greetings", func(s *spool) {
			for _, name := range []string{"unavail.wav", "unavail.gsm", "busy.wav", "temp.WAV", "greet.gsm"} {
				s.put("default/8008/"+name, wav(name))
			}
		}},
		{"a PIN in clear text", func(s *spool) { s.put("default/8008/secret.conf", []byte("[general]\npassword=4711\n")) }},
		{"files that are nobody's", func(s *spool) {
			for _, name := range []string{"README", "default/notes.txt", "default/8008/5551001.wav", "default/8008/INBOX/5551001.wav", "default/8008/INBOX/msg.txt",
				"default/8008/INBOX/msg00x1.txt", "default/8008/INBOX/intro0000.wav"} {
				s.put(name, []byte("x"))
			}
		}},
		{"links that lead out, and one that does not", func(s *spool) {
			s.link("/etc", "etc")
			s.link("../default", "loop/8000")
			s.link("8000", "default/8009")
			s.link("../8000/INBOX", "default/8010/INBOX")
			s.put("default/8010/Old/msg0000.txt", envelope(next(), "5551001"))
			s.link("/etc/passwd", "default/8010/Old/msg0000.wav")
			s.link("/etc/passwd", "default/8010/Old/msg0001.txt")
			s.put("default/8010/Old/msg0001.wav", wav("x"))
		}},
		{"contexts and mailboxes with strange names", func(s *spool) {
			for i, name := range []string{"multi tenant-1/8001", "ümläut/ñ@1", "..dots/0712", "-rf/*", "con\ntext/a:b", "default/0712", "default/712"} {
				s.message(name+"/INBOX/msg0000", next(), fmt.Sprintf("555200%d", i))
			}
		}},
		{"a mailbox whose name is too long", func(s *spool) { s.message("default/"+strings.Repeat("ä", 40)+"/INBOX/msg0000", next(), "5551001") }},
		{"nothing in it", func(s *spool) { s.mkdir("empty/1/INBOX"); s.mkdir("void") }},
		{"no space before the number", caller(0, `"Anonymous"<555-5555>`)},
		{"a number alone", caller(1, "5551006")},
		{"nobody", caller(2, "Unknown")},
		{"nothing", caller(3, "")},
		{"a name alone, as Asterisk writes it", caller(4, "alice")},
		{"a name alone, as it writes it for IMAP", caller(5, `"Erna" `)},
		{"a name alone, and the next line glued to it", caller(6, `"Fred" origdate=Mon Aug 19 10:49:28 PM UTC 2024`)},
		{"quotes in the name", caller(7, `"Bob "The Man" O'Neil" <5551007>`)},
		{"a number for a name", caller(8, `"+1 555 1008" <5551008>`)},
		{"a quoted number alone", caller(9, `"5551009"`)},
		{"a SIP address", caller(10, `"G; H" <sip:5551010@trunk.example.com;user=phone>`)},
		{"a name that is too long", caller(11, `"`+strings.Repeat("ü", 200)+`" <5551011>`)},
		{"of the dial plan's", caller(12, `"<script>" <5551012>`)},
		{"zeros", caller(13, "0000000")},
	}
}

func trapSpool(t *testing.T) *spool {
	s := newSpool(t)
	for _, trap := range traps() {
		trap.lay(s)
	}
	return s
}

// tree is everything about the spool that an import may not change.
func (s *spool) tree() string {
	s.t.Helper()
	var b strings.Builder
	require.NoError(s.t, filepath.WalkDir(s.dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%q %v %d %v", name, info.Mode(), info.Size(), info.ModTime())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", content)
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}
