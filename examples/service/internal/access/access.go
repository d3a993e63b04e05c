// Package access has the ways into the service that do without GWS: secrets that are known beforehand, and tickets.
package access
