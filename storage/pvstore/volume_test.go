package pvstore

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/genesys/voicemail/storage"
)

func TestAMountIsJudgedByWhatItSaysItIs(t *testing.T) {
	for _, row := range []struct {
		line    string
		want    nature
		refusal string // what the refusal says; empty is accepted
		why     string
	}{
		{`27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard`, instant, "", "a local disk"},
		{`30 25 0:27 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24683656k`, instant, "", "memory"},
		{`41 27 0:50 /vol /data rw shared:7 master:1 - xfs /dev/sdb rw,attr2`, instant, "", "with optional fields"},
		{`42 27 0:51 / /data rw - btrfs /dev/sdc rw,ssd,subvolid=5,subvol=/`, local, "", "a local disk whose folders are read twice"},
		{`43 27 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d`, local, "", "the root of a container"},
		{`44 27 0:53 / /data rw,relatime shared:9 - nfs4 fs-1.efs.eu-west-1.amazonaws.com:/ rw,vers=4.1,rsize=1048576,hard,noresvport,proto=tcp,timeo=600,retrans=2,sec=sys`, coherent, "", "Amazon EFS"},
		{`45 27 0:54 / /data rw,relatime - nfs4 acct.file.core.windows.net:/acct/share rw,vers=4.1,hard,nolock,lookupcache=all`, coherent, "", "Azure Files over NFS; locks are not used"},
		{`46 27 0:55 / /data rw - nfs 10.0.0.1:/x rw,vers=3,softerr,actimeo=60`, distant, "", "NFS 3: time stamps may be coarse"},
		{`47 27 0:56 / /data rw - nfs 10.0.0.1:/x rw,vers=3,hard,nocto`, 0, "nocto", "opening does not ask the server"},
		{`48 27 0:57 / /data rw - nfs 10.0.0.1:/x rw,vers=2,hard`, 0, "NFS 2", "no exclusive create"},
		{`49 27 0:58 / /data rw - ceph 10.0.0.1:6789:/ rw,name=k8s,acl`, coherent, "", "CephFS"},
		{`50 27 0:59 / /data\040with\040blanks rw - fuse.mfs mfsmaster:9421 rw,user_id=0`, distant, "", "MooseFS; octal escapes do not shift fields"},
		{`51 27 0:60 / /data rw - fuse.glusterfs 10.0.0.1:gv0 rw,user_id=0`, 0, "two creators", "distributed or not, the mount does not tell"},
		{`52 27 0:61 / /data rw - cifs //acct.file.core.windows.net/share rw,vers=3.1.1,cache=strict`, 0, "NFS protocol", "Azure Files over SMB"},
		{`53 27 0:62 / /data rw - smb3 //server/share rw`, 0, "hard links", "SMB by its other name"},
		{`54 27 0:63 / /data rw - fuse.sshfs user@host:/x rw`, 0, "20 s", "counts one link"},
		{`55 27 0:64 / /data rw - fuse blobfuse2 rw,user_id=0`, 0, "Azure Blob", "a bare fuse is told by its source"},
		{`56 27 0:65 / /data rw - fuse mountpoint-s3 rw`, 0, "S3 driver", "as above"},
		{`57 27 0:66 / /data rw - fuse.gcsfuse bucket rw`, 0, "object storage", "a bucket"},
		{`58 27 0:67 / /data rw - fuse.juicefs JuiceFS:x rw`, distant, "", "unknown: the proof decides"},
		{`59 27 0:68 / /data rw - 9p host rw`, distant, "", "unknown: the proof decides"},
		{`60 27 0:69 / /data rw - ext4\040 x rw`, distant, "", "unknown, with a blank in its type"},
	} {
		t.Run(row.why, func(t *testing.T) {
			m, ok := parseMount(row.line)
			require.True(t, ok)
			got, err := m.judge()
			if row.refusal == "" {
				require.NoError(t, err)
				assert.Equal(t, row.want, got)
				return
			}
			require.ErrorIs(t, err, storage.ErrUnsuitable)
			assert.Contains(t, err.(*storage.Error).Err.Error(), row.refusal) //nolint:errorlint // as it was made
		})
	}
}

func TestWithoutMountinfoTheProofHasToDo(t *testing.T) {
	n, err := mount{}.judge()
	require.NoError(t, err)
	assert.Equal(t, distant, n, "with the most careful reading")
}

func TestTheMountOfADirectoryIsFoundByItsHandle(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/proc"} {
		d, err := os.Open(dir)
		require.NoError(t, err)
		defer d.Close()
		m := mountOf(d)
		if dir == "/proc" {
			assert.Equal(t, "proc", m.kind)
		} else {
			assert.NotEmpty(t, m.kind)
			assert.NotEqual(t, "proc", m.kind)
		}
	}
	const fdinfo = "pos:\t0\nflags:\t02100000\nmnt_id:\t27\nino:\t2\n"
	assert.Equal(t, 27, mountID(fdinfo))
	assert.Equal(t, -1, mountID("pos:\t0\n"))
	const table = "26 1 8:1 / / rw - ext4 /dev/sda rw\n27 26 0:9 / /data rw shared:1 - nfs4 server:/a\\040b rw,vers=4.2\n"
	assert.Equal(t, mount{27, "nfs4", "rw,vers=4.2"}, findMount(table, 27))
	assert.Equal(t, mount{}, findMount(table, -1))
}

func FuzzParseMount(f *testing.F) {
	f.Add("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n")
	f.Add(`44 27 0:53 / /a\040b rw shared:9 master:2 - fuse mountpoint-s3 rw\134`)
	f.Add("27 1 254:0 / / rw -")
	f.Add(" - ")
	f.Add(`1 2 3 4 5 6 - \04 \777 \`)
	f.Fuzz(func(t *testing.T, line string) {
		line, _, _ = strings.Cut(line, "\n")
		m, ok := parseMount(line)
		if !ok {
			require.Zero(t, m)
			return
		}
		require.GreaterOrEqual(t, m.id, 0)
		_, err := m.judge()
		if err != nil {
			require.ErrorIs(t, err, storage.ErrUnsuitable)
		}
		require.Equal(t, m, findMount(line, m.id), "a line is its own table")
	})
}
