// Command sizing calculates what storage a tenant needs, and shows the arithmetic line by line.
//
//	go run ./examples/sizing -boxes 500 -messages 10 -seconds 45 -codec pcmu
//
// The flags:
//
//	-boxes N      mailboxes; default 100
//	-messages N   messages that a mailbox keeps at most (Policy.MaxMessages); default 10
//	-arrivals X   messages that a mailbox takes on a day; default 2
//	-days N       how long a message is kept (Retention.Days); 0, the default, is for ever
//	-seconds X    length of a recording; default 45
//	-codec NAME   pcmu, pcma, pcm16, g729, gsm, opus or mp3; default pcmu
//	-safety X     what the result is multiplied with, for peaks, restricted messages and growth; default 1.5
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

func main() {
	err := run(os.Stdout, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sizing:", err)
		os.Exit(1)
	}
}

const usage = "usage: sizing [-boxes N] [-messages N] [-arrivals X] [-days N] [-seconds X] [-codec NAME] [-safety X]"

func run(out io.Writer, args []string) error {
	flags := flag.NewFlagSet("sizing", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var p plan
	flags.IntVar(&p.boxes, "boxes", 100, "mailboxes")
	flags.IntVar(&p.messages, "messages", 10, "messages that a mailbox keeps at most")
	flags.Float64Var(&p.arrivals, "arrivals", 2, "messages that a mailbox takes on a day")
	flags.IntVar(&p.days, "days", 0, "how long a message is kept; 0 is for ever")
	flags.Float64Var(&p.seconds, "seconds", 45, "length of a recording")
	flags.Float64Var(&p.safety, "safety", 1.5, "what the result is multiplied with")
	name := flags.String("codec", "pcmu", "how recordings are stored")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(out, usage)
		return err
	} else if err != nil {
		return fmt.Errorf("%w; %s", err, usage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag; %s", flags.Arg(0), usage)
	}
	i := slices.IndexFunc(codecs, func(c codec) bool { return c.name == *name })
	if i < 0 {
		return fmt.Errorf("-codec %q is none of %s", *name, strings.Join(names(), ", "))
	}
	p.codec = codecs[i]
	if err := p.check(); err != nil {
		return err
	}
	sheet := &sheet{out: out}
	p.print(sheet)
	return sheet.err
}

// codec is how a second of speech becomes bytes.
type codec struct {
	name, what string
	rate       string  // the arithmetic of a second
	perSecond  float64 // bytes
	header     float64 // bytes of a file before the first sample
	framing    float64 // bytes a second of the container
	framingWhy string
}

// The rates are those of the codecs themselves: ITU-T G.711 and G.729, GSM 06.10; Opus and MP3 at usual rates for speech, which an encoder can be set to.
var codecs = []codec{
	{name: "pcmu", what: "G.711 µ-law in WAV", rate: "8,000 samples/s × 1 byte", perSecond: 8000, header: 58},
	{name: "pcma", what: "G.711 A-law in WAV", rate: "8,000 samples/s × 1 byte", perSecond: 8000, header: 58},
	{name: "pcm16", what: "PCM of 16 bits in WAV", rate: "8,000 samples/s × 2 bytes", perSecond: 16000, header: 44},
	{name: "g729", what: "G.729, frames of 10 ms", rate: "100 frames/s × 10 bytes", perSecond: 1000},
	{name: "gsm", what: "GSM full rate, frames of 20 ms", rate: "50 frames/s × 33 bytes", perSecond: 1650},
	{name: "opus", what: "Opus at 24 kbit/s in Ogg", rate: "24,000 bit/s ÷ 8", perSecond: 3000, header: 180, framing: 77, framingWhy: "a page each second: 27 bytes and 50 of packet sizes"},
	{name: "mp3", what: "MP3 at 32 kbit/s", rate: "32,000 bit/s ÷ 8", perSecond: 4000},
}

func names() []string {
	var list []string
	for _, c := range codecs {
		list = append(list, c.name)
	}
	return list
}

// What is stored beside a recording, in bytes; a test compares it with what a volume holds.
const (
	metadata = 450  // the JSON of a message
	settings = 150  // the JSON of a mailbox
	block    = 4096 // what a file takes on a volume is a multiple of
	fanOut   = 4096 // the folders of the caller index
)

// plan is what is asked for.
type plan struct {
	boxes, messages, days     int
	arrivals, seconds, safety float64
	codec                     codec
}

func (p *plan) check() error {
	const most = 1e9
	for _, f := range []struct {
		name         string
		value, least float64
	}{
		{"boxes", float64(p.boxes), 1}, {"messages", float64(p.messages), 1}, {"arrivals", p.arrivals, 0}, {"days", float64(p.days), 0},
		{"seconds", p.seconds, 0.01}, {"safety", p.safety, 1},
	} {
		if !(f.value >= f.least && f.value <= most) { // also for what is not a number
			return fmt.Errorf("-%s is %v; %v to 1e9 are possible", f.name, f.value, f.least)
		}
	}
	return nil
}

func (p *plan) recording() float64 {
	return math.Ceil(p.codec.header + (p.codec.perSecond+p.codec.framing)*p.seconds)
}

// kept is how many messages a mailbox has at a time.
func (p *plan) kept() float64 {
	if p.days == 0 {
		return float64(p.messages)
	}
	return math.Min(float64(p.messages), math.Ceil(p.arrivals*float64(p.days)))
}

func (p *plan) total() float64 { return p.kept() * float64(p.boxes) }

// content is what the objects of the tenant hold.
func (p *plan) content() float64 {
	return p.total()*(p.recording()+metadata) + float64(p.boxes)*settings
}

func blocks(bytes float64) float64 { return math.Ceil(bytes/block) * block }

// indexFolders is how many folders of the caller index have an entry, of fanOut that are hit at random.
func (p *plan) indexFolders() float64 {
	return math.Ceil(fanOut * -math.Expm1(p.total()*math.Log1p(-1.0/fanOut)))
}

// Names in a folder take about this much of it.
const (
	messageNames = 2 * 60 // metadata and a mark
	indexName    = 128
)

// folders is how much the folders of a volume take.
func (p *plan) folders() float64 {
	box := blocks(p.kept()*messageNames) + blocks(math.Max(1, p.kept()*messageNames/2)) + block // box, media, owner
	return float64(p.boxes)*box + p.indexFolders()*blocks(math.Max(1, p.total()/fanOut*indexName))
}

// volume is what the tenant takes on a volume.
func (p *plan) volume() float64 {
	return p.total()*(blocks(p.recording())+blocks(metadata)) + float64(p.boxes)*blocks(settings) + p.folders()
}

// files is how many inodes it takes: audio, metadata, index entry and the mark "read" of each message; settings, an owner's entry and three folders of each mailbox.
func (p *plan) files() float64 {
	return p.total()*4 + float64(p.boxes)*5 + p.indexFolders()
}

// requests is what a kind of operation asks of the storage on a day.
type requests struct {
	what                       string
	times                      float64
	create, list, read, delete float64 // each time
}

// requests of a day. What an operation costs is in docs/costs.md.
func (p *plan) requests() []requests {
	taken := p.arrivals * float64(p.boxes)
	page := func(names float64) float64 { return math.Max(1, math.Ceil(names/1000)) }
	ranges := math.Ceil(p.recording() / (256 << 10))
	return []requests{
		{"take a message", taken, 3, page(p.kept() * 2), 0, 0},
		{"count for the lamp", taken * 3, 0, page(p.kept() * 2), 0, 0},
		{"list and hear a message", taken, 1, page(p.kept()*2) + 1 + ranges, 1 + ranges, 0},
		{"delete a message", taken, 1, 3, 1, 3},
		{"maintain, every hour", 24, 0, 8 + float64(p.boxes)*page(p.kept()*2) + page(p.total())*2, float64(p.boxes), 0},
	}
}

func (p *plan) print(s *sheet) {
	c := p.codec
	s.title("A recording: %s", c.what)
	s.line(c.rate, "B/s", c.perSecond)
	if c.framing > 0 {
		s.line(c.framingWhy, "B/s", c.framing)
	}
	s.line(fmt.Sprintf("%s B/s × %v s, header of %v", number(c.perSecond+c.framing), p.seconds, c.header), "B", p.recording())

	s.title("Messages")
	if p.days > 0 {
		s.line(fmt.Sprintf("%v a day × %d days, at most %d", p.arrivals, p.days, p.messages), "in a mailbox", p.kept())
	} else {
		s.line(fmt.Sprintf("no retention, at most %d", p.messages), "in a mailbox", p.kept())
	}
	s.line(fmt.Sprintf("%s × %s mailboxes", number(p.kept()), number(float64(p.boxes))), "messages", p.total())

	s.title("Object storage")
	s.line(fmt.Sprintf("%s messages × (%s + %d of metadata)", number(p.total()), number(p.recording()), metadata), "B", p.total()*(p.recording()+metadata))
	s.line(fmt.Sprintf("%s mailboxes × %d of settings", number(float64(p.boxes)), settings), "B", float64(p.boxes*settings))
	s.line(fmt.Sprintf("× %v", p.safety), "B", p.content()*p.safety)
	s.result(p.content() * p.safety)

	s.title("A volume with blocks of %s B", number(block))
	s.line(fmt.Sprintf("%s messages × (%s + %s of metadata)", number(p.total()), number(blocks(p.recording())), number(block)), "B", p.total()*(blocks(p.recording())+block))
	s.line(fmt.Sprintf("%s mailboxes × %s of settings", number(float64(p.boxes)), number(block)), "B", float64(p.boxes)*block)
	s.line("folders of mailboxes and of the caller index", "B", p.folders())
	s.line(fmt.Sprintf("× %v", p.safety), "B", p.volume()*p.safety)
	s.result(p.volume() * p.safety)
	s.line("audio, metadata, index entry, mark; folders", "inodes", p.files())
	s.line("a tombstone for each message, for ever", "inodes a year", p.arrivals*float64(p.boxes)*365)

	s.title("Requests a day")
	var sum requests
	for _, r := range p.requests() {
		s.line(fmt.Sprintf("%s: %v create, %s list, %s read, %v delete", r.what, r.create, number(r.list), number(r.read), r.delete), "times", r.times)
		sum.create += r.times * r.create
		sum.list += r.times * r.list
		sum.read += r.times * r.read
		sum.delete += r.times * r.delete
	}
	s.line("create and list", "requests", sum.create+sum.list)
	s.line("read", "requests", sum.read)
	s.line("delete", "requests", sum.delete)
}

// sheet prints lines, and keeps the first error.
type sheet struct {
	out    io.Writer
	err    error
	titled bool
}

func (s *sheet) printf(format string, args ...any) {
	_, err := fmt.Fprintf(s.out, format, args...)
	s.err = cmp.Or(s.err, err)
}

func (s *sheet) title(format string, args ...any) {
	if s.titled {
		s.printf("\n")
	}
	s.titled = true
	s.printf(format+"\n", args...)
}

func (s *sheet) line(what, unit string, n float64) {
	s.printf("  %-70s = %17s %s\n", what, number(n), unit)
}

func (s *sheet) result(bytes float64) {
	s.printf("  %-70s = %17.1f GiB\n", "", bytes/(1<<30))
}

// number writes a whole number with separators.
func number(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
