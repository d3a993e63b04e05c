package main

import (
	"archive/zip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genesys/voicemail/examples/internal/problem"
	"github.com/genesys/voicemail/gdpr"
)

// Names in the output folder.
const (
	inputFile  = "input.json"
	outputFile = "output.json"
	tableFile  = "messages.csv"
	logFile    = "execution.log"
	staging    = ".gdpr-" // what begins with it is not complete
)

// leftover is how old something has to be that a killed run has left before it is removed: nothing that runs now is.
const leftover = 24 * time.Hour

// folder is where the output goes. What it holds is personal data: all is the owner's only.
type folder struct {
	dir string
	log *os.File
}

// openFolder opens the folder, makes it if it is missing, and opens the log in it.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, outputError(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, outputError(err)
	}
	return &folder{dir: dir, log: log}, nil
}

// logger writes the execution log.
func (f *folder) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.String(a.Key, a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return a
	}}))
}

// close ends the log.
func (f *folder) close() error {
	if err := f.log.Close(); err != nil {
		return outputError(err)
	}
	return nil
}

// clear removes the answer of an earlier run, and what killed ones have left.
func (f *folder) clear() error {
	if err := os.Remove(filepath.Join(f.dir, outputFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return outputError(err)
	}
	entries, err := os.ReadDir(f.dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), staging) {
			continue
		}
		if info, gone := e.Info(); gone == nil && time.Since(info.ModTime()) > leftover {
			err = errors.Join(err, os.RemoveAll(filepath.Join(f.dir, e.Name())))
		}
	}
	if err != nil {
		return outputError(err)
	}
	return nil
}

// answer writes output.json, whole or not at all.
func (f *folder) answer(doc []byte) error {
	return f.fill(func(sink gdpr.Sink) error {
		out, err := sink.Create(outputFile, time.Time{})
		if err != nil {
			return err
		}
		if _, err := out.Write(doc); err != nil {
			return errors.Join(err, out.Abort())
		}
		return out.Commit()
	}, nil)
}

// fill lets files be written aside, and gives them their names when write and check were content with them, output.json last. An older file of the same name is
// replaced. Otherwise nothing stays.
func (f *folder) fill(write func(gdpr.Sink) error, check func(dir string) error) (err error) {
	aside, err := os.MkdirTemp(f.dir, staging)
	if err != nil {
		return outputError(err)
	}
	defer func() {
		if e := os.RemoveAll(aside); e != nil && err == nil {
			err = outputError(e)
		}
	}()
	sink, err := gdpr.DirSink(aside)
	if err != nil {
		return outputError(err)
	}
	err = write(sink)
	if e := sink.Close(); err == nil && e != nil {
		err = outputError(e)
	}
	if err == nil && check != nil {
		err = check(aside)
	}
	if err != nil {
		return err
	}
	return f.publish(aside)
}

func (f *folder) publish(aside string) error {
	entries, err := os.ReadDir(aside)
	if err != nil {
		return outputError(err)
	}
	var names []string
	whole := false
	for _, e := range entries {
		switch name := e.Name(); strings.ToLower(name) {
		case inputFile, logFile:
			return strange("it sends a file that has the name of one of ours", nil)
		case outputFile:
			whole = true
		default:
			names = append(names, name)
		}
	}
	if !whole {
		return strange("it sends no "+outputFile, nil)
	}
	for _, name := range append(names, outputFile) {
		if err := os.Rename(filepath.Join(aside, name), filepath.Join(f.dir, name)); err != nil {
			return outputError(err)
		}
	}
	return nil
}

// problems counts the messages of which something is missing, in the table of an export.
func problems(dir string) (messages, missing int, err error) {
	file, err := os.Open(filepath.Join(dir, tableFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, strange("it sends no "+tableFile, nil)
	} else if err != nil {
		return 0, 0, outputError(err)
	}
	defer file.Close()
	table := csv.NewReader(file)
	header, err := table.Read()
	id, why := slices.Index(header, "message"), slices.Index(header, "problem")
	if err != nil || id < 0 || why < 0 {
		return 0, 0, strange("its "+tableFile+" is not that of an export", err)
	}
	for {
		row, err := table.Read()
		switch {
		case errors.Is(err, io.EOF):
			return messages, missing, nil
		case err != nil:
			return 0, 0, strange("its "+tableFile+" is not that of an export", err)
		}
		messages++
		if row[why] != "" {
			missing++
		}
	}
}

// strange is what no voicemail service sends.
func strange(detail string, err error) error {
	return problem.New(0, problem.NotVoicemail, "What answers is not the voicemail service", detail).Because(err)
}

// incomplete is how an archive marks a file that it could not write whole.
const incomplete = ".incomplete"

// unpack writes what is in an archive to sink, but what is marked as incomplete.
func unpack(archive io.ReaderAt, size int64, sink gdpr.Sink) error {
	z, err := zip.NewReader(archive, size)
	if err != nil {
		return strange("its archive cannot be read", err)
	}
	bad := map[string]bool{}
	for _, file := range z.File {
		if name, ok := strings.CutSuffix(file.Name, incomplete); ok {
			bad[name], bad[file.Name] = true, true
		}
	}
	for _, file := range z.File {
		if bad[file.Name] {
			continue
		}
		if err := unpackFile(file, sink); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(file *zip.File, sink gdpr.Sink) error {
	broken := func(err error) error { return strange("its archive holds what an export does not", err) }
	if file.Method != zip.Store { // could be longer than what was received
		return broken(fmt.Errorf("method %d", file.Method))
	}
	in, err := file.Open()
	if err != nil {
		return broken(err)
	}
	defer in.Close()
	out, err := sink.Create(file.Name, file.Modified)
	if err != nil {
		return broken(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.Join(broken(err), out.Abort())
		}
		return errors.Join(outputError(err), out.Abort())
	}
	if err := out.Commit(); err != nil {
		return outputError(err)
	}
	return nil
}
