// Package blobstore keeps objects as block blobs in a container of Azure Blob Storage.
//
// # Requests
//
// [Store.Create] is one Put Blob with If-None-Match: * at every size up to 5,000 MiB. There are never blocks, so a process that dies leaves no uncommitted ones, which
// would keep audio where no listing shows it. The body is streamed; its last byte goes out when its end has been seen.
// [Store.Open], [Store.Stat] and a page of [Store.List] are one request each, and so is a [Store.Delete] of one name; more names go in batches of 256, one after the other.
// [Options].Concurrency bounds what else a call asks for at once.
//
// # Retries and time-outs
//
// The driver tries again by itself, and turns the retries of the client off: it has to know that there was one. What [Options].TryTimeout and Tries bound is for how long the
// service may be silent, not how long a transfer takes. A service that hangs is given up once in a call, however many requests the call would have made; a
// call that has steps (Open of a store, a Delete where there are versions) may get as far as the last of them first. A request that was refused with a
// Retry-After is not repeated before, but after 5 s.
//
// A Create whose reply was lost finds its own blob on the next try. It knows it by a random mark in the metadata (x-ms-meta-writer), so that an equal
// content made by somebody else is not taken for it. When all tries fail the outcome is not known, and the error is [storage.ErrUnavailable].
//
// # Tags
//
// Tags of [storage.CreateOptions] become blob index tags, in the same request. The service takes a-z A-Z 0-9 and " +-./:=_" in them. In names and values every other byte, and the equals
// sign, becomes "=" and two upper-case hex digits: +15551234567 stays as it is, and sip:alice@example.com is sip:alice=40example.com, which is what an operator searches for. A tag that is
// empty, has a name beyond 128 or a value beyond 256 bytes then, or comes after the tenth in the order of names, is left out. Setting tags needs a right of its
// own (t in a shared access signature, tags/write in a role: Storage Blob Data Owner has it, Contributor has not); without it such a Create is [storage.ErrPermission]. Tags are
// encrypted with a key of the provider, also where the account has one of the customer, and a search for one stands in the account's resource logs.
//
// An account with a hierarchical namespace (Data Lake Storage Gen2) has no index tags. It is recognised: none are sent, [Store.FindByTag] is [errors.ErrUnsupported],
// and directories are neither objects nor, while they are empty, prefixes.
//
// # What a deleted object leaves
//
// Delete removes the blob, its snapshots and all its versions. What soft delete then keeps it removes for good where the service lets it: versions and snapshots, if the account allows permanent
// deletes, and [Options].Service is there to tell. A deleted blob without versions stays restorable until the retention ends, whatever one does. [Store.Retention] says which of these it is.
// Turning versioning on or off while processes run is seen late by those that only delete, see [Store.Delete]; set [Options].Versioned if that happens.
//
// # Rights
//
// A process that deposits needs to create and write tags, read and list; one that erases also to delete blobs and versions (d and x) and to delete for good (y); FindByTag needs
// to filter (f). Open needs the right to create only. It makes one blob, .exclusive, once in the life of the store, and Ping makes .ping-… and removes it; names that start with a dot are
// no objects, and nothing else that is in the container and has no legal name is listed, read or deleted.
//
// # Errors
//
// An error has the HTTP status, the code and the request id of a refusal, or the kind of trouble if there was no reply. It never has what the SDK's errors print: the address with account, container and
// name, and the body, which repeats the query. The driver turns no logging of the SDK on.
package blobstore
