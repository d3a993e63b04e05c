package rawscan_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/internal/keys"
	"github.com/genesys/voicemail/internal/rawscan"
	"github.com/genesys/voicemail/storage"
	"github.com/genesys/voicemail/storage/memstore"
)

const (
	tenant = "acme"
	number = "+15550102468"
	digits = "15550102468"
	region = "main"
)

// scan is of one store, for the number.
func scan(store storage.Store) rawscan.Scan {
	return rawscan.Scan{Stores: map[string]storage.Store{region: store}, Tenant: tenant, Numbers: []string{number}}
}

func run(t *testing.T, s rawscan.Scan) []rawscan.Finding {
	t.Helper()
	found, err := s.Run(t.Context())
	require.NoError(t, err)
	return found
}

func plant(t *testing.T, store storage.Store, key string, content []byte) {
	t.Helper()
	_, err := store.Create(t.Context(), key, bytes.NewReader(content), nil)
	require.NoError(t, err)
}

func bodyOf(b []byte) io.ReadSeeker { return bytes.NewReader(b) }

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// planted is a store with one object.
func planted(t *testing.T, content []byte) storage.Store {
	t.Helper()
	store := memstore.New(nil)
	plant(t, store, "v1/acme/x", content)
	return store
}

// each writes every digit.
func each(format string) string {
	var b strings.Builder
	for _, c := range digits {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func compressed(t *testing.T, with func(io.Writer) io.WriteCloser, content string) []byte {
	var b bytes.Buffer
	w := with(&b)
	_, err := io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zlibbed(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func deflated(w io.Writer) io.WriteCloser {
	f, _ := flate.NewWriter(w, flate.BestCompression)
	return f
}

func zipped(t *testing.T, content string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"empty", "report.json"} {
		w, err := z.Create(name)
		require.NoError(t, err)
		if name != "empty" {
			_, err = io.WriteString(w, content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func utf16Bytes(s string, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func backward(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func TestANumberIsFoundInEveryEncoding(t *testing.T) {
	const n = 15550102468
	doc := fmt.Sprintf(`{"v":1,"caller":{"number":%q},"note":"a document of some length, so that it is worth compressing, worth compressing"}`, number)
	escaped, err := keys.Escape(number, 100)
	require.NoError(t, err)
	bcd, err := hex.DecodeString(digits + "f")
	require.NoError(t, err)
	shifted, err := hex.DecodeString("a" + digits)
	require.NoError(t, err)
	national, err := hex.DecodeString(digits[1:])
	require.NoError(t, err)
	b64, line := base64.StdEncoding, base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", 24)+doc))
	for name, content := range map[string][]byte{
		"as is":                       []byte(number),
		"without +":                   []byte(digits),
		"national":                    []byte(digits[1:]),
		"the last nine digits":        []byte(digits[2:]),
		"spaces":                      []byte("+1 555 010 2468"),
		"hyphens":                     []byte("1-555-010-2468"),
		"brackets":                    []byte("+1 (555) 010-2468"),
		"dots and slashes":            []byte("001/555.010.2468"),
		"no-break spaces":             []byte("+1\u00a0555\u00a0010\u2011\u200a2468"),
		"a tel URI":                   []byte("tel:+1-555-010-2468;ext=9"),
		"digits in a list":            []byte(`["1", "5", "5", "5", "0", "1", "0", "2", "4", "6", "8"]`),
		"percent-encoded +":           []byte(url.QueryEscape(number)),
		"percent-encoded":             []byte(each("%%%02X")),
		"JSON escape of +":            []byte(`"\u002b15550102468"`),
		"JSON escapes":                []byte(each(`\u%04x`)),
		"long escapes":                []byte(each(`\U%08x`)),
		"hex escapes":                 []byte(each(`\x%02x`)),
		"octal escapes":               []byte(each(`\%03o`)),
		"a hex array":                 []byte(each("0x%02x, ")),
		"a byte array":                []byte(each("%d,")),
		"an indented byte array":      []byte(each("    %d,\r\n")),
		"HTML escape of +":            []byte("&#43;15550102468"),
		"HTML escapes":                []byte(each("&#%d;")),
		"HTML hex escapes":            []byte(each("&#x%x;")),
		"quoted-printable":            []byte(each("=%02X")),
		"quoted-printable line break": []byte("+1555=\r\n0102468"),
		"name escape of +":            []byte(escaped),
		"name escapes":                []byte(each("_%02x")),
		"in reverse":                  []byte(backward(number)),
		"in reverse with hyphens":     []byte(backward("1-555-010-2468")),
		"hex":                         []byte(hex.EncodeToString([]byte(number))),
		"hex between nibbles":         []byte("c" + hex.EncodeToString([]byte(digits)) + "ff"),
		"hex of the last nine digits": []byte(hex.EncodeToString([]byte(digits[2:]))),
		"hex with colons":             []byte(each("%02x:")),
		"base64":                      []byte(b64.EncodeToString([]byte(number))),
		"base64 after one byte":       []byte(b64.EncodeToString([]byte("." + number))),
		"base64 after two bytes":      []byte(b64.EncodeToString([]byte(".." + number))),
		"base64 unpadded":             []byte(base64.RawStdEncoding.EncodeToString([]byte(digits))),
		"base64 after a letter":       []byte("k" + b64.EncodeToString([]byte(number))),
		"base64 of a document":        []byte(b64.EncodeToString([]byte(doc))),
		"base64 in lines":             []byte(line[:76] + "\r\n" + line[76:]),
		"base64url":                   []byte(base64.URLEncoding.EncodeToString([]byte("\xff\xfe\xfd" + number))),
		"base32":                      []byte(base32.StdEncoding.EncodeToString([]byte(number))),
		"base32 in lower case":        []byte(strings.ToLower(base32.StdEncoding.EncodeToString([]byte(digits)))),
		"base32 after three bytes":    []byte(base32.StdEncoding.EncodeToString([]byte("..." + number))),
		"base32 after three letters":  []byte("key" + base32.StdEncoding.EncodeToString([]byte(number))),
		"UTF-16LE":                    utf16Bytes(number, binary.LittleEndian),
		"UTF-16BE":                    utf16Bytes(number, binary.BigEndian),
		"fullwidth digits":            []byte("＋１５５５０１０２４６８"),
		"Arabic digits":               []byte("+١٥٥٥٠١٠٢٤٦٨"),
		"little-endian integer":       binary.LittleEndian.AppendUint64(nil, n),
		"big-endian integer":          binary.BigEndian.AppendUint64([]byte{1, 2, 3}, n),
		"national integer":            binary.BigEndian.AppendUint64(nil, 5550102468),
		"JSON number":                 []byte(`{"n":15550102468}`),
		"JSON number, exponent":       []byte(`{"n":1.5550102468e+10}`),
		"BCD":                         bcd,
		"BCD from the middle":         shifted,
		"national BCD":                national,
		"national BCD, middle":        {0xf5, 0x55, 0x01, 0x02, 0x46, 0x8f},
		"national, swapped, middle":   {0x5f, 0x55, 0x10, 0x20, 0x64, 0xf8},
		"swapped BCD":                 {0x51, 0x55, 0x10, 0x20, 0x64, 0xf8},
		"swapped BCD from the middle": {0x1a, 0x55, 0x05, 0x01, 0x42, 0x86},
		"gzip":                        compressed(t, gzipped, doc),
		"gzip after other bytes":      append([]byte("some header"), compressed(t, gzipped, doc)...),
		"gzip that breaks off":        compressed(t, gzipped, doc)[:len(compressed(t, gzipped, doc))-12],
		"zlib":                        compressed(t, zlibbed, doc),
		"zlib after other bytes":      append([]byte("some header"), compressed(t, zlibbed, doc)...),
		"deflate":                     compressed(t, deflated, doc),
		"zip":                         zipped(t, doc),
		"base64 of gzip":              []byte(b64.EncodeToString(compressed(t, gzipped, doc))),
		"gzip of base64 of JSON":      compressed(t, gzipped, b64.EncodeToString([]byte(doc))),
		"base64 of zip":               []byte(b64.EncodeToString(zipped(t, doc))),
		"hex of base64 of hex":        []byte(hex.EncodeToString([]byte(b64.EncodeToString([]byte(hex.EncodeToString([]byte(number))))))),
	} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New(nil)
			plant(t, store, "v1/acme/box/5001/doc", append(append([]byte("text before it: "), content...), ": text behind it"...))
			if name == "deflate" { // which has no mark of its own
				store = memstore.New(nil)
				plant(t, store, "v1/acme/box/5001/doc", content)
			}
			found := run(t, scan(store))
			require.NotEmpty(t, found, "%q", content)
			for _, f := range found {
				require.Equal(t, []string{region, "v1/acme/box/5001/doc", "content"}, []string{f.Region, f.Key, f.Where})
				require.Contains(t, f.What, "Numbers[0] as ")
				require.NotContains(t, f.What, digits)
			}
			other := scan(store)
			other.Numbers = []string{"+15550199999"}
			require.Empty(t, run(t, other), "it is another number's")
		})
	}
}

func TestWhatIsNearlyANumberIsNoFinding(t *testing.T) {
	for why, content := range map[string][]byte{
		"another last digit":                 []byte("+15550102469"),
		"eight digits of it":                 []byte("50102468"),
		"letters between":                    []byte("555010and2468"),
		"nine bytes between":                 []byte("555010 . . . . 2468"),
		"another number of the same length":  binary.BigEndian.AppendUint64(nil, 15550102469),
		"BCD of another first digit":         {0xf4, 0x55, 0x01, 0x02, 0x46, 0x8f},
		"BCD of another last digit":          {0xf5, 0x55, 0x01, 0x02, 0x46, 0x9f},
		"BCD that ends in the last byte":     {0xf5, 0x55, 0x01, 0x02, 0x46},
		"BCD that starts in the first byte":  {0x55, 0x01, 0x02, 0x46, 0x8f},
		"the digest of another number":       []byte("f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
		"seven bytes of the digest of it":    sha1Of(number)[:7],
		"a message ID":                       []byte("0192f0c1-2b3c-7def-8a9b-0123456789ab"),
		"the digits of a clock":              []byte("2026-03-01T09:15:55.010246Z"),
		"a document of another caller":       []byte(`{"v":1,"caller":{"rules":1,"number":"+15550109999","name":"Bo"},"receivedAt":"2026-03-01T09:15:55.01Z","size":8044}`),
		"noise":                              noise(100_000),
		"text that looks like base64 or hex": []byte(hex.EncodeToString(noise(3000)) + base64.StdEncoding.EncodeToString(noise(3000)) + base32.StdEncoding.EncodeToString(noise(3000))),
	} {
		require.Empty(t, run(t, scan(planted(t, content))), why)
	}
}

func sha1Of(text string) []byte {
	sum := sha1.Sum([]byte(text))
	return sum[:]
}

func TestANumberWithinAnotherIsFoundBesideIt(t *testing.T) {
	store := memstore.New(nil)
	plant(t, store, "a", []byte("555555 0102468"))
	s := scan(store)
	s.Numbers = []string{number, "+0102468", "+15555550102"}
	var found []string
	for _, f := range run(t, s) {
		found = append(found, f.What)
	}
	require.Equal(t, []string{"Numbers[0] as digits", "Numbers[1] as digits", "Numbers[2] as digits"}, found)
}

func TestANumberIsFoundInNamesAndTags(t *testing.T) {
	escaped, err := keys.Escape(number, 100)
	require.NoError(t, err)
	for _, part := range []string{escaped, digits, "555-010-2468", hex.EncodeToString([]byte(number)), strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(number))), backward(digits)} {
		store := memstore.New(nil)
		plant(t, store, "v1/acme/box/"+part+"/x", nil)
		found := run(t, scan(store))
		require.NotEmpty(t, found, part)
		require.Equal(t, "name", found[0].Where)
	}
	store := memstore.New(nil)
	_, err = store.Create(t.Context(), "a", nil, &storage.CreateOptions{Tags: map[string]string{"caller_id": number}})
	require.NoError(t, err)
	require.Contains(t, run(t, scan(store)), rawscan.Finding{Region: region, Key: "a", Where: "tag", What: "Numbers[0] as digits"})
}

func TestADigestOfANumberIsFoundWhereverItStands(t *testing.T) {
	const id = "0192f0c1-2b3c-7def-8a9b-0123456789ab"
	const caseID = "5f0e1d2c3b4a59687786a5b4c3d2e1f0"
	key := noise(32)
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	s1, s5, s2, s3, s6 := sha1.Sum([]byte(number)), md5.Sum([]byte(digits)), sha256.Sum256([]byte(number)), sha512.Sum512([]byte(number)), sha256.Sum224([]byte(number))
	salted, tenantSalted := sha256.Sum256([]byte(id+number)), sha1.Sum([]byte(tenant+"\x00"+number))
	for name, sum := range map[string][]byte{
		"MD5 of the digits": s5[:], "SHA-1": s1[:], "SHA-224": s6[:], "SHA-256": s2[:], "SHA-512": s3[:],
		"SHA-256 shortened to 8 bytes": s2[:8], "to 12": s2[:12], "to 16": s2[:16], "to 20": s2[:20], "to its end": s2[16:],
		"of tenant and number":                        tenantSalted[:],
		"salted with a message ID":                    salted[:],
		"HMAC with the tenant's key":                  mac(key, number),
		"HMAC of tenant and number":                   mac(key, tenant+"\x00"+number),
		"HMAC of tenant and number, shortened":        mac(key, tenant+"\x00"+number)[:16],
		"HMAC of case and number":                     mac(key, "case\x00"+number),
		"HMAC of a case of the store and number":      mac(key, caseID+":"+number),
		"HMAC of a case that was told and number":     mac(key, "GDPR-17\x00"+number),
		"HMAC with a message ID as the key":           mac([]byte(id), number),
		"SHA-256 of the national number":              func() []byte { s := sha256.Sum256([]byte(digits[1:])); return s[:] }(),
		"HMAC of tenant and number, without the plus": mac(key, tenant+"\x00"+digits),
	} {
		store := memstore.New(nil)
		record, err := json.Marshal(map[string]any{"v": 1, "key": key})
		require.NoError(t, err)
		plant(t, store, "v1/acme/key/1", record)
		plant(t, store, "v1/acme/gone/202410/"+id, nil)
		plant(t, store, "v1/acme/gdpr/case/"+caseID+"/000001", nil)
		s := scan(store)
		s.Salts = []string{"GDPR-17"}
		require.Empty(t, run(t, s), "the key and the IDs are no finding")
		forms := []string{
			string(sum), "\x01\x02" + string(sum) + "\x03",
			hex.EncodeToString(sum), strings.ToUpper(hex.EncodeToString(sum)), "v1/acme/caller/abc/" + hex.EncodeToString(sum) + ",5001,0", "f" + hex.EncodeToString(sum),
			`{"h":"` + base64.StdEncoding.EncodeToString(sum) + `"}`, "sha-" + base64.RawURLEncoding.EncodeToString(sum), "a" + base64.StdEncoding.EncodeToString(sum),
			string(compressed(t, gzipped, "hash="+hex.EncodeToString(sum))),
		}
		for i, content := range forms {
			plant(t, store, fmt.Sprintf("v1/acme/gdpr/receipt/%09d", i), []byte(content))
		}
		found := map[string]bool{}
		for _, f := range run(t, s) {
			require.Contains(t, f.What, "a digest of Numbers[0] (", name)
			found[f.Key] = true
		}
		for i, content := range forms {
			require.True(t, found[fmt.Sprintf("v1/acme/gdpr/receipt/%09d", i)], "%s: %q", name, content)
		}
	}
}

func TestADigestInANameIsFound(t *testing.T) {
	store := memstore.New(nil)
	h := hmac.New(sha256.New, []byte("a key that is kept outside"))
	h.Write([]byte(tenant + "\x00" + number))
	plant(t, store, "v1/acme/caller/abc/"+hex.EncodeToString(h.Sum(nil))+",5001,x", nil)
	s := scan(store)
	require.Empty(t, run(t, s), "without the key it tells nothing")
	s.Keys = [][]byte{[]byte("a key that is kept outside")}
	found := run(t, s)
	require.Len(t, found, 1)
	require.Equal(t, "name", found[0].Where)
}

func TestTheAttackRecoversWhoIsInTheRange(t *testing.T) {
	store := memstore.New(nil)
	key := []byte("0123456789abcdef")
	record, err := json.Marshal(map[string]any{"v": 1, "key": key})
	require.NoError(t, err)
	plant(t, store, "v1/acme/key/1", record)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(tenant + "\x00+15550100007"))
	plant(t, store, "v1/acme/caller/abc/"+hex.EncodeToString(h.Sum(nil))+",5001,x", nil)
	sum := sha1.Sum([]byte("+15550100011"))
	plant(t, store, "v1/acme/small", sum[:])
	md := md5.Sum([]byte("15550100013"))
	plant(t, store, "v1/acme/text", []byte(`{"etag":"`+base64.StdEncoding.EncodeToString(md[:])+`"}`))

	s := scan(store)
	s.Numbers = []string{"+15550100042"}
	s.Range = func(yield func(string) bool) {
		for i := range 100 {
			if !yield(fmt.Sprintf("+1555010%04d", i)) {
				return
			}
		}
	}
	var got []string
	s.Recovered = func(number string) { got = append(got, number) }
	require.Empty(t, run(t, s), "nobody asked for these to be gone")
	require.Equal(t, []string{"+15550100007", "+15550100011", "+15550100013"}, got)

	s.Numbers = append(s.Numbers, "+15550100011", "+15550200000")
	found, err := s.Run(t.Context())
	require.ErrorIs(t, err, storage.ErrInvalid, "a range that lacks a number proves nothing of it")
	require.Len(t, found, 1)
}

func TestARecordingIsFoundByAnyWindowOfIt(t *testing.T) {
	recording := append(bytes.Repeat([]byte{0x80}, 4000), noise(3000)...)
	recording = append(append(recording, bytes.Repeat([]byte{0x80, 0x81}, 1000)...), noise(3000)...)
	in := func(content []byte) []rawscan.Finding {
		store := memstore.New(nil)
		plant(t, store, "v1/acme/media/5001/x.wav", content)
		return run(t, rawscan.Scan{Stores: map[string]storage.Store{region: store}, Tenant: tenant, Audio: [][]byte{recording}})
	}
	for _, at := range []int{3999, 4000, 4001, 4056, 4057, 5000, 5001, 6936, 6940, 9050, len(recording) - 64} {
		window := recording[at : at+64]
		require.NotEmpty(t, in(append(append(noise(777), window...), noise(555)...)), "the 64 bytes from %d", at)
		require.NotEmpty(t, in(window), "these alone")
		require.NotEmpty(t, in([]byte(base64.StdEncoding.EncodeToString(append(noise(5), window...)))), "in base64")
		require.NotEmpty(t, in([]byte(hex.EncodeToString(window))), "in hex")
		if at > 4000 && at < 6936 {
			require.Empty(t, in(slices.Concat([]byte{^recording[at-1]}, window[:63], []byte{^window[63]})), "63 bytes may be chance")
		}
	}
	for range 200 {
		at := 4000 + rand.IntN(3000-64)
		require.NotEmpty(t, in(append(noise(rand.IntN(100)), recording[at:at+64]...)), "the 64 bytes from %d", at)
	}
	require.Empty(t, in(append(bytes.Repeat([]byte{0x80}, 5000), bytes.Repeat([]byte{0x80, 0x81}, 1000)...)), "silence is everybody's")
	require.Empty(t, in(noise(100_000)))
	spoken := noise(1000)
	found := run(t, rawscan.Scan{Stores: map[string]storage.Store{region: planted(t, spoken[10:127])}, Tenant: tenant, Audio: [][]byte{spoken}})
	require.Empty(t, found, "a header and 63 bytes")
	found = run(t, rawscan.Scan{Stores: map[string]storage.Store{region: planted(t, spoken[10:128])}, Tenant: tenant, Audio: [][]byte{spoken}})
	require.NotEmpty(t, found, "a header and 64 bytes")
	spoken = slices.Concat(noise(100), bytes.Repeat([]byte{0x80}, 100))
	found = run(t, rawscan.Scan{Stores: map[string]storage.Store{region: planted(t, spoken[36:110])}, Tenant: tenant, Audio: [][]byte{spoken}})
	require.Empty(t, found, "a header and 46 bytes")
	sum := sha256.Sum256(recording)
	require.NotEmpty(t, in([]byte(hex.EncodeToString(sum[:]))), "its digest says which recording there was")
}

func TestTheHeaderOfARecordingIsNotTheRecording(t *testing.T) {
	header := []byte("RIFF\x24\x20\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x00\x20\x00\x00")
	silence := bytes.Repeat([]byte{0x80}, 200)
	store := memstore.New(nil)
	plant(t, store, "a", slices.Concat(header, silence, noise(1000)))
	require.Empty(t, run(t, rawscan.Scan{
		Stores: map[string]storage.Store{region: store}, Tenant: tenant, Audio: [][]byte{slices.Concat(header, silence, noise(1000))},
	}))
}

func TestASecretIsFoundInTheFormsOfText(t *testing.T) {
	const name = "Zoë <Wvut>"
	escaped, err := keys.Escape(name, 100)
	require.NoError(t, err)
	quoted, err := json.Marshal(name)
	require.NoError(t, err)
	for how, content := range map[string]string{
		"as is": name, "lower case": strings.ToLower(name), "upper case": strings.ToUpper(name), "JSON": string(quoted), "query": url.QueryEscape(name), "path": url.PathEscape(name),
		"HTML": html.EscapeString(name), "an object name": escaped, "base64": base64.StdEncoding.EncodeToString([]byte(name)), "hex": hex.EncodeToString([]byte(name)),
		"UTF-16": string(utf16Bytes(name, binary.BigEndian)), "reverse": backward(name), "deflate": string(compressed(t, zlibbed, name)),
	} {
		store := memstore.New(nil)
		plant(t, store, "a", []byte("...."+content+"...."))
		s := rawscan.Scan{Stores: map[string]storage.Store{region: store}, Tenant: tenant, Secrets: []rawscan.Secret{{Name: "the caller's name", Bytes: []byte(name)}}}
		found := run(t, s)
		require.NotEmpty(t, found, how)
		require.Contains(t, found[0].What, "the caller's name", how)
		s.Secrets, s.Numbers = nil, []string{name}
		require.NotEmpty(t, run(t, s), "%s: an identity that is no number", how)
	}
}

func TestAScanThatCannotTellAnythingIsRefused(t *testing.T) {
	ok := scan(memstore.New(nil))
	require.Empty(t, run(t, ok))
	for why, change := range map[string]func(*rawscan.Scan){
		"no store":                   func(s *rawscan.Scan) { s.Stores = nil },
		"nothing to look for":        func(s *rawscan.Scan) { s.Numbers = nil },
		"no tenant":                  func(s *rawscan.Scan) { s.Tenant = "" },
		"an extension":               func(s *rawscan.Scan) { s.Numbers = []string{"+1", number} },
		"a short identity":           func(s *rawscan.Scan) { s.Numbers = []string{"bob"} },
		"a short secret":             func(s *rawscan.Scan) { s.Secrets = []rawscan.Secret{{Name: "x", Bytes: []byte("12345")}} },
		"a recording of a click":     func(s *rawscan.Scan) { s.Audio = [][]byte{{1, 2, 3}} },
		"a recording of silence":     func(s *rawscan.Scan) { s.Audio = [][]byte{make([]byte, 1000)} },
		"a range without the number": func(s *rawscan.Scan) { s.Range = func(func(string) bool) {} },
	} {
		s := scan(memstore.New(nil))
		change(&s)
		_, err := s.Run(t.Context())
		require.ErrorIs(t, err, storage.ErrInvalid, why)
	}
}

func TestAnObjectThatExpandsWithoutEndIsAnError(t *testing.T) {
	store := memstore.New(nil)
	bomb := compressed(t, gzipped, strings.Repeat("\x00", 10<<20))
	plant(t, store, "a", bomb)
	_, err := scan(store).Run(t.Context())
	require.ErrorIs(t, err, storage.ErrInvalid)
	require.NotContains(t, err.Error(), digits)
}

func TestRequireSpeaksUpForWhateverIsFound(t *testing.T) {
	store := memstore.New(nil)
	for i := range 30 {
		plant(t, store, fmt.Sprintf("a/%d", i), []byte(number))
	}
	var r recorder
	rawscan.Require(t.Context(), &r, scan(memstore.New(nil)))
	require.Zero(t, r)
	rawscan.Require(t.Context(), &r, scan(store))
	require.Equal(t, recorder{errors: 21, failed: true}, r)
	r = recorder{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rawscan.Require(ctx, &r, scan(store))
	require.Equal(t, recorder{errors: 1, failed: true}, r, "a scan that could not be made")
}

type recorder struct {
	errors int
	failed bool
}

func (*recorder) Helper()                 {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }
func (r *recorder) FailNow()              { r.failed = true }
