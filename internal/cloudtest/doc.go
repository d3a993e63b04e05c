// Package cloudtest proves of voicemail on Azure Blob Storage and on S3 what can only be seen with a server: that every rule of the domain holds there, what an
// operation costs in requests, that lost replies cost no message, that a server that hangs is no hang of ours, and that a bucket with versions keeps nothing of
// what was deleted. It has nothing but tests, which run against Azurite and versitygw (see internal/testserver).
package cloudtest
