// Package pvstore keeps objects in a directory on a volume that many hosts mount: a Kubernetes persistent volume with access mode
// ReadWriteMany, or a local disk.
package pvstore
