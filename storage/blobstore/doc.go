// Package blobstore keeps objects in a container of Azure Blob Storage.
package blobstore
