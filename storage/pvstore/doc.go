// Package pvstore keeps objects as files in a directory on a volume that many hosts mount: a Kubernetes persistent volume with access mode
// ReadWriteMany, shared by the pods of any number of clusters, or a local disk. It uses the standard library only.
//
// # Provisioning
//
// [Init] prepares the mounted, empty volume, once. [Open] opens it, and refuses a directory without the marker that Init wrote: that is a
// mount point with nothing mounted, and a store that looks empty is the worst of all answers. If the volume goes away later, every call fails until it is
// back; nothing is ever written to the mount point. Init is a step of an operator or an installation job, never of a service.
//
// # Files
//
// An object is one file, its name the path below the root of the volume (and below [Options].Prefix). Folders are made as needed
// and never removed. Files are 0600 and folders 0700, so all pods run as one user, or share a group and set
// [Options].FileMode and DirMode to 0660 and 0770.
// Content types and tags are not kept. Names that start with a dot belong to the driver or to the volume, and what is no plain file or has a name that no object can have
// is foreign: it is not listed, not read, not deleted. Symbolic links are never followed out of the volume. As a directory is no object, a name
// stays refused to an object ([storage.ErrInvalid]) once it has been a folder, even if the folder is empty by now.
//
// # What it relies on
//
// Create writes and fsyncs a temporary file beside its target, links it to the name, removes the temporary name and fsyncs the folder. link(2)
// refuses a name that is taken, whichever host took it. Its reply can be lost and its repetition refused, so the link count of the
// temporary file decides, not the reply. An empty object is made by an exclusive open alone: it needs no link.
// Folders on the way to a new object are fsynced too, once by each process.
//
// Lookups are fresh because no directory stays open between calls: each call opens every directory from the root down to the object's. That is where an
// NFS client asks the server whether the directory changed (close-to-open consistency), and if so drops what it remembers of names in it, also of absent ones. Where
// that is not known to be exact (NFS 3, whose time stamps may be coarse, and types of file systems that are not known), a file that is
// not found is looked for in the listing of its folder before it is said to be absent. A folder that one system call does not read in one instant (ext4, XFS and tmpfs do) is
// read until two reads are equal, at most 16 times, then it is [storage.ErrUnavailable]. A stale handle (ESTALE) makes the call start over, at most 5 times. No locks are used, so
// NFS may be mounted with nolock.
//
// # Volumes
//
// What is mounted is looked up in /proc/self/mountinfo, and Open proves hard links, link counts, refusal and the fsync of a directory, by one link that
// is made once in the life of the volume. The proof is no race between hosts, and cannot be one; where a file system is known to fail that, its type is refused.
//
//   - NFS 3 and 4 are accepted for what the protocol says of LINK and of opening, whoever serves them (Amazon EFS, Azure Files over
//     NFS, Google Filestore, NetApp, Longhorn), and so are CephFS, Lustre and GPFS, MooseFS for what was measured, and the local ext4, XFS, Btrfs, ZFS, tmpfs
//     and overlay. Any other type has to stand the proof.
//   - SMB (cifs, smb3) is refused: Azure Files over SMB has no hard links, and no other way of taking a name, such as renaming a folder over
//     one that is not empty, has been proved there. Use Azure Files over NFS, or the Blob driver.
//   - GlusterFS is refused: on a volume distributed over two bricks both of two creators of a name won, in 9 of 2,250 races between two
//     mounts, and afterwards read different content for ever. A replicated volume passed, but the mount does not tell the one from the other.
//   - SSHFS is refused: it counts one link for every file, and sees the files of others 20 s late.
//   - Object storage as a file system (blobfuse, Mountpoint for S3, s3fs, gcsfuse and the like, Amazon S3 Files over NFS) is refused, by
//     its type or since it has no hard links. Use the driver of that storage.
//
// # Mount options of NFS
//
//   - hard (the default) waits for a server that is away. With soft and softerr a call fails with [storage.ErrUnavailable] instead, and a Create that fails so
//     may have created its object. Both are served. A call that hangs on a hard mount cannot be cancelled; [Store.Ping] can, so ask it first.
//   - nocto is refused: it makes opening trust the cache, and lookups stale.
//   - lookupcache, acdirmax and actimeo may keep their defaults: they bound how long a lookup that opens nothing may be stale, and the driver
//     opens. noac and sync are not needed and cost much. Prefer version 4 to 3: there a miss costs no read of the folder.
//   - A server that is exported async acknowledges before its disk has the data, and no fsync of ours helps. Export it sync.
//
// # What a deleted object leaves
//
// Delete removes the file, and temporary files of that name that a Create left when it died, also if it left no object; temporary files of other names go by
// age, with [Store.Clean] or a Delete in the same folder. A file that is deleted while a client of NFS or FUSE reads it stays as .nfs… or .fuse_hidden… until that client
// closes it, and if the client dies first, until an administrator removes it. [Store.Residue] finds both kinds. Snapshots and backups are beyond the driver, see [Store.Retention].
package pvstore
