package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// normal makes two runs comparable.
func normal(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`).ReplaceAllString(text, "<time>")
	text = regexp.MustCompile(`\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d:\d\d UTC`).ReplaceAllString(text, "<time>")
	text = regexp.MustCompile(`\d+ kB`).ReplaceAllString(text, "<n> kB")
	ids := map[string]string{}
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllStringFunc(text, func(id string) string {
		if ids[id] == "" {
			ids[id] = fmt.Sprintf("<message %d>", len(ids)+1)
		}
		return ids[id]
	})
}

// The commands of the product's documentation, one after the other, with the same folder for input and output.
func TestTheDocumentedCommandsWork(t *testing.T) {
	w := newWorld(t)
	first, second := w.deposit(ada, "hello"), w.deposit(ada, "hello again")
	w.deposit(grace, "good day")
	folder := filepath.Join(t.TempDir(), "t2026")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "input.json"), []byte(plain), 0o600))
	var story strings.Builder
	for _, step := range []struct {
		operation string
		waiting   int
	}{{"forgetme", 1}, {"undoforget", 3}, {"forgetme", 1}, {"exportme", 1}, {"undoforgot", 3}, {"preview", 3}} {
		r := w.commandIn(folder, "-i", folder, "-u", w.basic(), "-p", step.operation, "--basic")
		fmt.Fprintf(&story, "$ gdpr -p %s\n%s%sexit %d\n%s\n", step.operation, r.stdout, r.stderr, r.code, r.read(t, outputFile))
		assert.Equal(t, step.waiting, w.waiting(), "after %s", step.operation)
	}
	r := result{out: folder}
	assert.Equal(t, "hello", r.read(t, string(first.ID())))
	assert.Equal(t, "hello again", r.read(t, string(second.ID())))
	assert.Equal(t, plain, r.read(t, inputFile), "the input stays as it is")
	assert.ElementsMatch(t, []string{inputFile, outputFile, logFile, tableFile, "index.html", string(first.ID()), string(second.ID())}, r.names(t))
	for _, name := range r.names(t) {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), name)
	}
	fmt.Fprintf(&story, "$ cat execution.log\n%s", r.read(t, logFile))

	golden := filepath.Join("testdata", "story.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(normal(story.String())), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), normal(story.String()))
}

func TestEachKindOfCredentialsIsAccepted(t *testing.T) {
	w := newWorld(t)
	message := w.deposit(ada, "hello")
	token := w.bearer(`t2026\officer`, time.Hour)
	file := w.file(token + "\n")
	for _, tt := range []struct {
		input, actor string
		args         []string
	}{
		{plain, `user t2026\\officer`, []string{"--user", token}},
		{withCCID, `user t2026\\officer`, []string{"-u", "@" + file}},
		{plain, `user t2026\\officer`, []string{"--basic", "--user=" + w.basic()}},
		{plain, `user t2026\\officer`, []string{"--basic", "-u", `t2026\officer:` + password}},
		{withCCID, "client scheduler", []string{"-c", clientSecret}},
		{withCCID, "client scheduler", []string{"--client", "scheduler:" + clientSecret}},
		{withCCID, "client scheduler", []string{"-c", "env:CLIENT"}},
	} {
		for _, operation := range []string{"forgetme", "exportme", "undoforget"} {
			args := append([]string{"--input", w.file(tt.input), "--operation", operation}, tt.args...)
			r, _ := w.run(args...)
			if operation == "forgetme" { // the same request again, by a process of its own
				r = w.command(args...)
			}
			require.Zero(t, r.code, "%s %v: %s", operation, tt.args, r.stderr)
			if operation == "exportme" {
				assert.Equal(t, "hello", r.read(t, string(message.ID())))
			} else {
				assert.Contains(t, r.read(t, outputFile), `"actor":"`+tt.actor+`"`)
			}
		}
	}
}

func TestCredentialsThatAreNotForThisChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.deposit(ada, "hello")
	before := w.state()
	expired := w.bearer(`t2026\officer`, -time.Second)
	for _, tt := range []struct {
		name, input string
		code        string
		args        []string
	}{
		{"a wrong token", plain, "unauthenticated", []string{"-u", "wr0ng-token"}},
		{"an expired token", plain, "unauthenticated", []string{"-u", expired}},
		{"a wrong password", plain, "unauthenticated", []string{"--basic", "-u", `t2026\officer:wr0ng-token`}},
		{"a bearer token sent as basic", plain, "unauthenticated", []string{"--basic", "-u", expired}},
		{"wrong client credentials", withCCID, "unauthenticated", []string{"-c", "scheduler:wr0ng-token"}},
		{"a client that may not act for any contact center", withCCID, "unauthenticated", []string{"-c", "voicemail:s3rvice-secret"}},
		{"a client of another contact center", strings.Replace(withCCID, center, foreign, 1), "forbidden", []string{"-c", clientSecret}},
		{"an agent", plain, "forbidden", []string{"-u", w.bearer(`t2026\agent7`, time.Hour)}},
		{"an officer of another tenant, for this one", withCCID, "forbidden", []string{"-u", w.bearer(`t2027\officer`, time.Hour)}},
	} {
		w.secrets = append(w.secrets, "wr0ng-token", "s3rvice-secret")
		for _, operation := range []string{"forgetme", "exportme", "undoforget", "preview"} {
			r, waits := w.run(append(tt.args, "-i", w.file(tt.input), "-p", operation)...)
			assert.Equal(t, exitRefused, r.code, "%s: %s: %s", tt.name, operation, r.stderr)
			assert.Empty(t, waits, "%s: who is refused is not asked again", tt.name)
			assert.Contains(t, r.read(t, logFile), "exit=3 code="+tt.code+"\n", tt.name)
			assert.Equal(t, []string{logFile}, r.names(t), "%s: no output", tt.name)
		}
	}
	assert.Equal(t, before, w.state())
	r := w.command("-u", expired, "-i", w.file(plain), "-p", "forgetme")
	assert.Equal(t, exitRefused, r.code, "as a process, too")

	// The officer of the other tenant, whose token it is: the messages of this one are not theirs.
	r = w.command("-u", w.bearer(`t2027\officer`, time.Hour), "-i", w.file(plain), "-p", "forgetme")
	assert.Zero(t, r.code)
	assert.Contains(t, r.stdout, "0 messages")
	assert.Equal(t, 1, w.waiting())
}

func TestTheStateOfACaseCanForbidAnOperation(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.deposit(ada, "hello")
	}
	token := w.bearer(`t2026\officer`, time.Hour)
	forget := []string{"-u", token, "-i", w.file(plain), "-p", "forgetme"}
	r, _ := w.run("-u", token, "-i", w.file(plain), "-p", "undoforget")
	assert.Equal(t, exitState, r.code)
	assert.Contains(t, r.read(t, logFile), "code=no-case")
	r, _ = w.run(forget...)
	assert.Equal(t, exitState, r.code)
	assert.Contains(t, r.read(t, logFile), "code=confirmation-needed")
	assert.Equal(t, 4, w.waiting())
	r, _ = w.run(append(forget, "--confirm")...)
	assert.Zero(t, r.code, r.stderr)
	assert.Zero(t, w.waiting())
	r, _ = w.run("-u", token, "-i", w.file(strings.Replace(plain, ada, grace, 1)), "-p", "forgetme")
	assert.Equal(t, exitState, r.code)
	assert.Contains(t, r.read(t, logFile), "code=case-conflict")
	r, _ = w.run("-u", token, "-i", w.file(`{"caseid": "DSR-2026-17"}`), "-p", "undoforget")
	assert.Zero(t, r.code, "the case as it is: %s", r.stderr)
	assert.Equal(t, 4, w.waiting())
}

func TestOnlyWhatCanPassByItselfIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	token := w.bearer(`t2026\officer`, time.Hour)
	for _, tt := range []struct {
		name    string
		answers []int // before the service's own
		after   string
		exit    int
		waits   int
	}{
		{"an overloaded service", []int{503, 429, 502}, "", exitDone, 3},
		{"one that stays so", []int{503, 503, 503, 503}, "", exitUnavailable, 3},
		{"one that says when", []int{503}, "7", exitDone, 1},
		{"one that says: in an hour", []int{503}, "3600", exitUnavailable, 0},
		{"one that has failed", []int{500}, "", exitFailed, 0},
		{"another server", []int{404}, "", exitUsage, 0},
		{"a redirect", []int{307}, "", exitUsage, 0},
	} {
		asked := 0
		w.intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if asked++; asked > len(tt.answers) {
				next.ServeHTTP(rw, r)
				return
			}
			if tt.after != "" {
				rw.Header().Set("Retry-After", tt.after)
			}
			rw.Header().Set("Location", "/elsewhere")
			rw.WriteHeader(tt.answers[asked-1])
		})
		r, waits := w.run("-u", token, "-i", w.file(plain), "-p", "forgetme")
		assert.Equal(t, tt.exit, r.code, "%s: %s", tt.name, r.stderr)
		require.Len(t, waits, tt.waits, tt.name)
		switch {
		case tt.after == "7":
			assert.Equal(t, 7*time.Second, waits[0])
		case tt.waits > 1:
			for i, d := range waits {
				assert.GreaterOrEqual(t, d, firstWait/2<<i, tt.name)
				assert.Less(t, d, firstWait<<i, tt.name)
			}
		}
		assert.Equal(t, tt.waits, strings.Count(r.read(t, logFile), "is tried again"), tt.name)
	}
	w.gws.SetDown(true)
	r, waits := w.run("-c", clientSecret, "-i", w.file(withCCID), "-p", "forgetme")
	assert.Equal(t, exitUnavailable, r.code)
	assert.Equal(t, []time.Duration{0, 0, 0}, waits, "GWS says when, too")
}

func TestAnExportThatIsCutOffIsMadeAgainOrLeavesNothing(t *testing.T) {
	w := newWorld(t)
	message := w.deposit(ada, strings.Repeat("hello ", 10000))
	token := w.bearer(`t2026\officer`, time.Hour)
	cuts, whole := 0, 0
	w.intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if cuts == 0 {
			whole++
			next.ServeHTTP(rw, r)
			return
		}
		cuts--
		next.ServeHTTP(&cutting{ResponseWriter: rw, left: 30000}, r)
	})
	cuts = 1
	r := w.command("-u", token, "-i", w.file(plain), "-p", "exportme") // which waits a second
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, 1, whole)
	assert.Len(t, r.read(t, string(message.ID())), 60000)
	assert.Contains(t, r.read(t, logFile), "code=unreachable")

	for _, left := range []int{0, 1} {
		cuts = 4
		earlier := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(earlier, outputFile), []byte("{}"), 0o600))
		r, waits := w.run("-u", token, "-i", w.file(plain), "-p", "exportme", "-o", earlier)
		r.out = earlier
		assert.Equal(t, exitUnavailable, r.code, left)
		assert.Len(t, waits, 3)
		assert.Equal(t, []string{logFile}, r.names(t), "neither a half file nor the output of an earlier run")
	}
}

// cutting ends the connection after some bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	if len(b) < c.left {
		c.left -= len(b)
		return c.ResponseWriter.Write(b)
	}
	_, _ = c.ResponseWriter.Write(b[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

func TestARunThatIsInterruptedOrKilledLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.deposit(ada, strings.Repeat("hello ", 10000))
	for signal, exit := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupted, syscall.SIGTERM: exitInterrupted, syscall.SIGKILL: -1} {
		half, end := make(chan bool), make(chan bool)
		w.intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&holding{ResponseWriter: rw, half: half, end: end}, r)
		})
		r := result{out: t.TempDir()}
		cmd := w.process(r.out, "-u", w.bearer(`t2026\officer`, time.Hour), "-i", w.file(plain), "-p", "exportme")
		require.NoError(t, cmd.Start())
		<-half
		require.NoError(t, cmd.Process.Signal(signal))
		_ = cmd.Wait()
		close(end)
		assert.Equal(t, exit, cmd.ProcessState.ExitCode(), signal)
		assert.Equal(t, []string{logFile}, slices.Sorted(maps.Keys(tree(t, r.out))), signal)
		if exit > 0 {
			assert.Equal(t, []string{logFile}, r.names(t), "nor a folder")
			assert.Contains(t, r.read(t, logFile), "exit=130 code=canceled")
		}
	}
}

// holding sends one byte and then nothing until it ends.
type holding struct {
	http.ResponseWriter
	half, end chan bool
}

func (h *holding) Write(b []byte) (int, error) {
	_, _ = h.ResponseWriter.Write(b[:1])
	_ = http.NewResponseController(h.ResponseWriter).Flush()
	close(h.half)
	<-h.end
	panic(http.ErrAbortHandler)
}

func TestAMessageThatCannotBeExportedWholeIsNamedAndNotWritten(t *testing.T) {
	w := newWorld(t)
	good, bad := w.deposit(ada, "hello"), w.deposit(ada, "hello again")
	recordings, err := filepath.Glob(filepath.Join(w.volume, "v1", "t2026", "media", "5001", string(bad.ID())+"*"))
	require.NoError(t, err)
	require.Len(t, recordings, 1)
	require.NoError(t, os.WriteFile(recordings[0], []byte("something !"), 0o600))
	for name, args := range map[string][]string{
		"a service": {"-u", w.bearer(`t2026\officer`, time.Hour)},
		"a storage": {"--store", "file://" + w.volume, "--tenant", "t2026"},
	} {
		r, _ := w.run(append(args, "-i", w.file(plain), "-p", "exportme")...)
		assert.Equal(t, exitPart, r.code, "%s: %s", name, r.stderr)
		assert.ElementsMatch(t, []string{outputFile, logFile, tableFile, "index.html", string(good.ID())}, r.names(t), name)
		assert.Contains(t, r.read(t, tableFile), string(bad.ID()), name)
		assert.NotContains(t, r.read(t, outputFile), string(bad.ID()), name)
		assert.Contains(t, r.stderr, "1 message could not be exported", name)
		assert.Contains(t, r.read(t, logFile), "exit=6 code=part", name)
	}
}

func TestWhatDoesNotFitIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	w := newWorld(t)
	w.intercept(func(http.ResponseWriter, *http.Request, http.Handler) { t.Error("the service was asked") })
	token, in := "t0ken", w.file(plain)
	w.secrets = append(w.secrets, token)
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"-p is missing", []string{"-i", in, "-u", token}},
		{"-p must be", []string{"-i", in, "-u", token, "-p", "forget"}},
		{"-i is missing", []string{"-u", token, "-p", "forgetme"}},
		{"-u or -c is missing", []string{"-i", in, "-p", "forgetme"}},
		{"only one of", []string{"-i", in, "-p", "forgetme", "-u", token, "-c", token}},
		{"only one of", []string{"-i", in, "-p", "forgetme", "-u", token, "--store", "file:///x"}},
		{"--basic is for -u", []string{"-i", in, "-p", "forgetme", "-c", token, "--basic"}},
		{"arguments that belong to no option", []string{"-i", in, "-p", "forgetme", "-u", "x", token}},
		{"not known", []string{"-i", in, "-p", "forgetme", "-u" + token}},
		{"not known", []string{"-i", in, "-p", "forgetme", "-u", "x", "--basic=" + token}},
		{"without its value: -u", []string{"-i", in, "-p", "forgetme", "-u"}},
		{"--confirm is for forgetme", []string{"-i", in, "-p", "exportme", "-u", token, "--confirm"}},
		{"--attempts", []string{"-i", in, "-p", "exportme", "-u", token, "--attempts", "0"}},
		{"sweep needs --store", []string{"-p", "sweep", "-u", token}},
		{"sweep takes no -i", []string{"-p", "sweep", "-i", in, "--store", "file:///x"}},
		{"--allow-http", []string{"-i", in, "-p", "forgetme", "-u", token, "--service", "http://voicemail.example.com"}},
		{"must be like https://", []string{"-i", in, "-p", "forgetme", "-u", token, "--service", "voicemail.example.com"}},
		{"the token is empty", []string{"-i", in, "-p", "forgetme", "-u", "env:NOTHING"}},
		{"file of the token", []string{"-i", in, "-p", "forgetme", "-u", "@/nowhere"}},
		{"no token has", []string{"-i", in, "-p", "forgetme", "-u", token + "\r\nX: y"}},
		{"has no ccid", []string{"-i", in, "-p", "forgetme", "-c", token}},
		{"there is no input", []string{"-i", "/nowhere", "-p", "forgetme", "-u", token}},
		{"is not JSON", []string{"-i", w.file("{"), "-p", "forgetme", "-u", token}},
		{"JSON number", []string{"-i", w.file(strings.Replace(plain, `"`+ada+`"`, ada[1:], 1)), "-p", "forgetme", "-u", token}},
		{"longer than 1 MiB", []string{"-i", w.file(strings.Repeat(" ", 1<<20) + plain), "-p", "forgetme", "-u", token}},
		{"config: url", []string{"-i", in, "-p", "forgetme", "--store", "ftp://t0ken"}},
		{"neither a URL", []string{"-i", in, "-p", "forgetme", "--store", "/nowhere"}},
	} {
		r, _ := w.run(tt.args...)
		assert.Equal(t, exitUsage, r.code, "%s: %s", tt.says, r.stderr)
		assert.Contains(t, r.stderr, tt.says)
		assert.Empty(t, r.stdout)
	}
	r := w.command("--help")
	assert.Zero(t, r.code)
	assert.Equal(t, usage, r.stdout)
	r, _ = w.run("-i", in, "-p", "forgetme", "-u", token, "-o", in)
	assert.Equal(t, exitFailed, r.code, "the output is a file")
}

func TestEveryOptionIsInTheUsageAndInTheDocumentation(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	doc, _, _ := bytes.Cut(source, []byte("package main"))
	newFlags(&options{}).VisitAll(func(f *flag.Flag) {
		name := "--" + f.Name
		if len(f.Name) == 1 {
			name = "-" + f.Name
		}
		assert.Contains(t, usage, name)
		assert.Contains(t, string(doc), name)
	})
}
