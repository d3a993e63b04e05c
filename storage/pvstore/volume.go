package pvstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/genesys/voicemail/storage"
)

// The files of the driver in the root directory of a volume.
const (
	markerName = ".voicemail-volume"
	proofName  = ".voicemail-proof"
	markerText = "voicemail volume 1 "
)

// nature says how a file system has to be treated.
type nature int

const (
	// distant: other hosts change it, what this host sees of it may be cached, and no read of a directory is one instant.
	distant nature = iota
	// coherent: as distant, but a lookup in a directory that was just opened is never older than that.
	coherent
	// local: lookups are never stale, but a directory may change while it is read.
	local
	// instant: local, and one getdents64 that takes a whole directory is one instant, since it holds the directory's lock.
	instant
	// unsuited: it cannot hold exclusive names.
	unsuited
)

// fileSystem is what is known of a type of file systems.
type fileSystem struct {
	types  string // as in mountinfo; "fuse" alone is told by its source
	nature nature
	why    string
}

const mountInstead = "; mount NFS 4, CephFS or another file system with hard links instead"

// fileSystems holds the types that were judged. Any other is distant, and has to stand the proof of Open.
var fileSystems = [...]fileSystem{
	{"ext2 ext3 ext4 xfs tmpfs", instant, "reads a directory under its lock"},
	{"btrfs zfs f2fs bcachefs overlay ramfs", local, "may give up the lock of a directory between entries"},
	{"nfs4", coherent, "link is exclusive at the server; opening a directory asks for its change attribute, and a changed one drops what is cached of it"},
	{"nfs", distant, "as nfs4, but version 3 tells changes by a time stamp, which may be too coarse to tell the last one"},
	{"ceph fuse.ceph fuse.ceph-fuse", coherent, "the metadata server decides a link, and revokes what clients cache"},
	{"lustre gpfs", coherent, "caches are kept coherent by distributed locks"},
	{"fuse.mfs", distant, "measured: of 16 racing links on two mounts one wins"},
	{"fuse.glusterfs", unsuited, "two creators of one name can both win where it is distributed over bricks" + mountInstead},
	{"cifs smb2 smb3 smbfs", unsuited, "shares over SMB have no hard links, or none that is known to be exclusive; use the NFS protocol of the same service, or an object storage driver"},
	{"fuse.sshfs", unsuited, "it counts one link for every file and answers from a cache of 20 s" + mountInstead},
	{"fuse.blobfuse fuse.blobfuse2", unsuited, "it has no hard links, and the last writer of a name wins; use the Azure Blob driver"},
	{"fuse.mountpoint-s3 fuse.s3fs fuse.goofys fuse.geesefs", unsuited, "a bucket as a file system has no exclusive hard links; use the S3 driver"},
	{"fuse.gcsfuse fuse.rclone", unsuited, "object storage as a file system has no exclusive hard links" + mountInstead},
	{"vfat exfat msdos", unsuited, "it has no hard links" + mountInstead},
}

// mount is a line of /proc/self/mountinfo.
type mount struct {
	id      int
	kind    string // "nfs4", "fuse.sshfs"; of a bare "fuse", with the source
	options string // of the file system: "rw,vers=4.1"
}

// judge returns how to treat what is mounted so, or ErrUnsuitable with the reason.
func (m mount) judge() (nature, error) {
	n := distant
	for _, f := range fileSystems {
		for t := range strings.FieldsSeq(f.types) {
			if t != m.kind {
				continue
			}
			if f.nature == unsuited {
				return 0, because(storage.ErrUnsuitable, "file system "+t+": "+f.why)
			}
			n = f.nature
		}
	}
	if m.kind == "nfs" || m.kind == "nfs4" {
		for o := range strings.SplitSeq(m.options, ",") {
			switch o {
			case "nocto":
				return 0, because(storage.ErrUnsuitable, "NFS is mounted with nocto, so that opening does not ask the server; mount it without")
			case "vers=2":
				return 0, because(storage.ErrUnsuitable, "NFS 2 has no exclusive create; mount version 3 or later, 4.1 at best")
			}
		}
	}
	return n, nil
}

// mountOf returns the mount that the open directory is on; the zero mount where the system does not tell, so that the proof has
// to do.
func mountOf(d *os.File) mount {
	const self = "/proc/self/"
	info, err := os.ReadFile(self + "fdinfo/" + strconv.FormatUint(uint64(d.Fd()), 10))
	if err != nil {
		return mount{}
	}
	table, err := os.ReadFile(self + "mountinfo")
	if err != nil {
		return mount{}
	}
	return findMount(string(table), mountID(string(info)))
}

// mountID returns the ID of the mount from the fdinfo of an open file (proc(5)), or -1.
func mountID(fdinfo string) int {
	for line := range strings.Lines(fdinfo) {
		if v, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			if id, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
				return id
			}
		}
	}
	return -1
}

// findMount returns the mount of that ID.
func findMount(mountinfo string, id int) mount {
	for line := range strings.Lines(mountinfo) {
		if m, ok := parseMount(line); ok && m.id == id {
			return m
		}
	}
	return mount{}
}

// parseMount reads a line of mountinfo (proc(5)): ID, parent, device, root, mount point, options, any number of optional
// fields, "-", type, source, options of the file system. Blanks within a field are octal escapes.
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
	fields, rest := strings.Split(before, " "), strings.SplitN(after, " ", 3)
	if !ok || len(fields) < 6 || len(rest) < 3 {
		return mount{}, false
	}
	id, err := strconv.Atoi(fields[0])
	if err != nil || id < 0 {
		return mount{}, false
	}
	m := mount{id: id, kind: unescape(rest[0]), options: unescape(rest[2])}
	if m.kind == "fuse" || m.kind == "fuseblk" {
		m.kind = "fuse." + unescape(rest[1])
	}
	return m, true
}

func unescape(field string) string {
	if !strings.Contains(field, `\`) {
		return field
	}
	var b bytes.Buffer
	for i := 0; i < len(field); i++ {
		if field[i] == '\\' && i+3 < len(field) {
			if n, err := strconv.ParseUint(field[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

// Init prepares the directory of a mounted volume, once, when it is provisioned: it writes the marker that tells the volume from
// an empty mount point. It is the step that must not run by itself at every start, since then it would take an unmounted directory for a new volume.
//
// The directory exists and is empty, but for names that start with a dot and lost+found; anything else is [storage.ErrUnsuitable], and so is a
// volume that cannot hold exclusive names. On a volume that has its marker Init does nothing. The marker holds no secret, and all may read it.
func Init(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := newStore(dir, nil)
	if err != nil {
		return fail("init", "", err)
	}
	return fail("init", "", s.init(ctx))
}

func (s *Store) init(ctx context.Context) error {
	r, err := s.examine()
	if err != nil {
		return err
	}
	defer r.Close()
	switch _, err := readMarker(r); {
	case err == nil:
		return s.prove()
	case !isAbsent(err):
		return err
	}
	names, err := readNames(r)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && name != "lost+found" {
			return because(storage.ErrUnsuitable, "the directory is not empty and has no marker of this library: give the volume a directory of its own")
		}
	}
	s.fileMode, s.chmod = 0o644, true
	text := markerText + rand.Text() + "\n"
	if _, err := s.publish(ctx, r, markerName, strings.NewReader(text), int64(len(text))); err != nil && !errors.Is(err, storage.ErrExists) {
		return err
	}
	return s.prove()
}

// examine opens the directory that Init or Open is given and judges what is mounted there.
func (s *Store) examine() (*os.Root, error) {
	r, err := os.OpenRoot(s.dir)
	if err != nil {
		if isAbsent(err) {
			return nil, because(storage.ErrUnsuitable, "there is no such directory: mount the volume")
		}
		return nil, err
	}
	d, err := r.OpenFile(".", openDir, 0)
	if err == nil {
		defer d.Close()
		s.nature, err = mountOf(d).judge()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// readMarker returns the identity of the volume.
func readMarker(r *os.Root) (string, error) {
	f, err := r.OpenFile(markerName, openFile, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return "", err
	}
	id, ok := strings.CutPrefix(strings.TrimSpace(string(text)), strings.TrimSpace(markerText)+" ")
	if !ok {
		return "", because(storage.ErrUnsuitable, "the marker of the volume is of another version, or damaged")
	}
	return id, nil
}

// prove finds out whether the directory is a prepared volume that keeps names exclusive and counts links. The marker is linked to a second
// name, once in the life of the volume; whoever comes later must be refused.
func (s *Store) prove() error {
	r, err := s.examine()
	if err != nil {
		return err
	}
	defer r.Close()
	s.volumeID, err = readMarker(r)
	if isAbsent(err) {
		return because(storage.ErrUnsuitable, "the directory has no marker: mount the volume there, or prepare a new one with pvstore.Init")
	}
	if err != nil {
		return err
	}
	refused := false
	for range 2 {
		err := s.do("link", proofName, func() error { return r.Link(markerName, proofName) })
		if refused = errors.Is(err, fs.ErrExist); refused {
			break
		}
		if err != nil {
			return noLink(err)
		}
	}
	if !refused {
		return because(storage.ErrUnsuitable, "the volume let two links of one name win"+mountInstead)
	}
	marker, err := statOpen(r, markerName)
	if err != nil {
		return err
	}
	proof, err := statOpen(r, proofName)
	if err != nil {
		return err
	}
	// A volume that was restored from a backup may have two files where there was one with two names; then Create finds out.
	if n, err := s.links(marker, nil); err != nil || n < 2 && os.SameFile(marker, proof) {
		return because(storage.ErrUnsuitable, "the volume does not count the links of a file"+mountInstead)
	}
	if err := s.syncDir(r, "."); err != nil {
		return because(storage.ErrUnsuitable, "the volume cannot put a directory on disk"+mountInstead)
	}
	fi, err := r.Stat(".")
	if err != nil {
		return err
	}
	s.mounted.Store(&fi)
	return nil
}

// noLink returns the error of the proof whose link failed.
func noLink(err error) error {
	for _, no := range []syscall.Errno{syscall.EPERM, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.EMLINK} {
		if errors.Is(err, no) {
			return because(storage.ErrUnsuitable, "the volume makes no hard links"+mountInstead)
		}
	}
	return err
}
