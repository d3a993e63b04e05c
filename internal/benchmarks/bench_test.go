// Package benchmarks compares the cloud drivers with the SDKs below them and with other libraries above these. It is a module of its own, so that nobody
// who uses voicemail has those in the build list.
package benchmarks

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail"
)

// audioSize is ten seconds of telephony audio.
const audioSize = 80_000

func BenchmarkUpload(b *testing.B) {
	onEach(b, func(b *testing.B, c *cloud) {
		for _, row := range []struct{ size, operations int }{{audioSize, 16}, {1 << 20, 4}} {
			content := noise(row.size)
			b.Run(fmt.Sprint(row.size), func(b *testing.B) {
				var contenders []contender
				for _, r := range c.routes {
					contenders = append(contenders, contender{name: r.name, do: func() error {
						return r.upload(b.Context(), "v1/box/"+unique(), content)
					}})
				}
				compete(b, row.operations, contenders...)
			})
		}
	})
}

func BenchmarkList(b *testing.B) {
	const objects = 1000
	onEach(b, func(b *testing.B, c *cloud) {
		c.fill(b, "v1/box/", objects)
		var contenders []contender
		for _, r := range c.routes {
			contenders = append(contenders, contender{name: r.name, do: func() error {
				n, err := r.list(b.Context(), "v1/box/")
				assert.Equal(b, objects, n, r.name)
				return err
			}})
		}
		compete(b, 2, contenders...)
	})
}

// A deposit is an index entry beside a look at the mailbox, the audio, and the metadata: four requests in three trips. Its units are one request with
// the audio. The same four requests one after the other are measured beside it.
func BenchmarkDeposit(b *testing.B) {
	onEach(b, func(b *testing.B, c *cloud) {
		ctx, content, metadata := b.Context(), noise(audioSize), noise(600)
		svc, err := voicemail.Open(ctx, voicemail.OneRegion(c.ours), nil)
		require.NoError(b, err)
		raw, number := c.routes[0], 0
		var box voicemail.Mailbox
		var prefix string
		compete(b, 8,
			contender{name: "raw", do: func() error { return raw.upload(ctx, "raw/one/"+unique(), content) }},
			contender{
				name: "deposit",
				before: func() {
					number++
					box, err = svc.CreateMailbox(ctx, voicemail.MailboxID(fmt.Sprintf("box-%d", number)), nil)
					require.NoError(b, err)
					_, err = box.Settings(ctx)
					require.NoError(b, err)
				},
				do: func() error {
					_, err := box.Deposit(ctx, bytes.NewReader(content), &voicemail.DepositOptions{
						Caller: voicemail.ParseCallerID("+15551234567"), ContentType: contentType,
					})
					return err
				},
			},
			contender{
				name:   "sequence",
				before: func() { prefix = "raw/box/" + unique() + "/" },
				do: func() error {
					id := unique()
					if err := raw.upload(ctx, "raw/index/"+id, nil); err != nil {
						return err
					}
					if _, err := raw.list(ctx, prefix); err != nil {
						return err
					}
					if err := raw.upload(ctx, prefix+"audio/"+id, content); err != nil {
						return err
					}
					return raw.upload(ctx, prefix+"meta/"+id, metadata)
				},
			},
		)
	})
}

// noise returns bytes that no compression makes less of.
func noise(size int) []byte {
	p := make([]byte, size)
	_, _ = rand.Read(p) // it never fails
	return p
}
