//go:build unix

package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/genesys/voicemail/internal/testserver"
)

// server is a program that serves HTTP on a loopback port.
type server struct {
	name string
	// command returns how to start it: its data in dir, listening on 127.0.0.1:port.
	command func(dir, port string) (argv []string, err error)
	// env is added to the environment of the server.
	env []string
	// health is the path to ask, healthy judges the answer.
	health  string
	healthy func(*http.Response) bool
	// tell returns what is added to the environment of the command, for a server at address.
	tell func(address string) []string
}

// account is the name of the storage account that Azurite has by default, too.
const account = "devstoreaccount1"

func servers(azurite, versitygw string) []server {
	first, second := key(64), key(64)
	access, secret := rand.Text(), rand.Text()
	s3 := func(name, env, flag string) server {
		return server{
			name: name,
			command: func(dir, port string) ([]string, error) {
				argv := []string{versitygw, "--port", "127.0.0.1:" + port, "--region", testserver.Region, "--health", "/health", "--quiet",
					"--iam-dir", filepath.Join(dir, "iam"), "--iam-cache-disable", "posix"}
				if flag != "" {
					argv = append(argv, flag, filepath.Join(dir, "versions"))
				}
				return append(argv, filepath.Join(dir, "data")), mkdirs(dir, "data", "versions", "iam")
			},
			env:     []string{"ROOT_ACCESS_KEY_ID=" + access, "ROOT_SECRET_ACCESS_KEY=" + secret},
			health:  "/health",
			healthy: func(r *http.Response) bool { return r.StatusCode == http.StatusOK },
			tell: func(address string) []string {
				return []string{env + "=http://" + address, testserver.EnvS3Access + "=" + access, testserver.EnvS3Secret + "=" + secret}
			},
		}
	}
	return []server{
		{
			name: "azurite",
			command: func(dir, port string) ([]string, error) {
				return []string{"node", azurite, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", filepath.Join(dir, "data"),
					"--skipApiVersionCheck", "--disableTelemetry", "--silent"}, mkdirs(dir, "data")
			},
			env:     []string{"AZURITE_ACCOUNTS=" + account + ":" + first + ":" + second},
			health:  "/" + account + "?comp=list",
			healthy: func(r *http.Response) bool { return strings.HasPrefix(r.Header.Get("Server"), "Azurite") }, // it refuses who does not sign
			tell: func(address string) []string {
				return []string{
					fmt.Sprintf("%s=DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=http://%s/%[2]s;", testserver.EnvAzure, account, first, address),
					testserver.EnvAzureSecondKey + "=" + second,
				}
			},
		},
		s3("versitygw", testserver.EnvS3, ""),
		s3("versitygw-versioned", testserver.EnvS3Versioned, "--versioning-dir"),
	}
}

func key(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

func mkdirs(dir string, names ...string) error {
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}
