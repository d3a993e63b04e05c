// Package s3store keeps objects in a bucket of AWS S3, or of a server that speaks its protocol.
//
// # What the server must have
//
// PutObject with If-None-Match: *, atomically, also when many come at once; ListObjectsV2 in the byte order of names; strong consistency. AWS S3 general
// purpose buckets have all of it, directory buckets (S3 Express) are not ordered and refused. [Open] has the server refuse a second creation before it trusts it.
// Object tags are used where the server has them.
//
// # Rights
//
// A process that deposits and plays needs s3:PutObject, s3:PutObjectTagging, s3:GetObject and s3:ListBucket. Without s3:ListBucket S3 answers 403 and not 404 for what is
// not there, which is [storage.ErrPermission]. Delete needs s3:DeleteObject and, on a bucket with versions, s3:ListBucketVersions and s3:DeleteObjectVersion.
// With s3:GetBucketVersioning a bucket without versions is known to be one, and Delete takes one request; without it Delete looks for versions.
// s3:GetObjectRetention and s3:GetObjectLegalHold let Delete tell a lock from a missing right, s3:GetBucketObjectLockConfiguration lets [Store.Retention] tell of it.
//
// # Retries and bounds
//
// The driver retries, and switches the client's own retries off: a creation that is refused may have been done by an earlier try, whose answer was lost, and who
// does not count the tries cannot tell. A request is sent up to 4 times when the answer is missing, is a 5xx, or asks to slow down, with random waits
// up to 50, 100 and 200 ms (ten times as long when asked to slow down), and up to 8 times when another creation of the same name is under way (409). When
// a later try is refused (412), the object is read and compared with the body: equal content means that it is ours.
//
// Every try is bounded by Options.TryTimeout, so a server that hangs makes a call fail with [storage.ErrUnavailable] after four times that, about a minute by
// default. While an object is read, each wait for more bytes is bounded likewise; a connection that breaks is made anew up to three times, and what is read is the
// same version of the object or an error.
//
// # Versions
//
// Delete erases: on a bucket that has, or had, versioning, every version and delete marker of the name goes. A bucket that gets versioning while the store is open
// is noticed with the next Create or Delete. Servers that refuse a creation where only a delete marker is have the marker removed first.
//
// # Copies
//
// The package has no [storage.Copier]. CopyObject takes If-None-Match on AWS only since lately, servers that do not know it ignore it, and a copy that can
// overwrite is worse than none. Read and create instead.
package s3store
