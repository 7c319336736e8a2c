package store

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// networkTypes are the file systems (statfs(2)) on which flock is not what it is
// on a local one: a lock of fcntl on NFS, none between machines on others; or
// memory is not shared between machines.
var networkTypes = map[int64]string{
	unix.NFS_SUPER_MAGIC:   "NFS",
	unix.SMB_SUPER_MAGIC:   "SMB",
	unix.CIFS_SUPER_MAGIC:  "CIFS",
	unix.SMB2_SUPER_MAGIC:  "SMB 2",
	unix.AFS_SUPER_MAGIC:   "AFS",
	unix.AFS_FS_MAGIC:      "AFS",
	unix.CODA_SUPER_MAGIC:  "Coda",
	unix.CEPH_SUPER_MAGIC:  "Ceph",
	unix.NCP_SUPER_MAGIC:   "NCP",
	unix.V9FS_MAGIC:        "9P",
	unix.OCFS2_SUPER_MAGIC: "OCFS2",
	0x01161970:             "GFS2",
	0x0BD00BD3:             "Lustre",
	0x19830326:             "BeeGFS",
	0x20030528:             "OrangeFS",
	0x47504653:             "GPFS",
	0x786F4256:             "a VirtualBox shared folder",
	0xAAD7AAEA:             "PanFS",
	0xBACBACBC:             "a VMware shared folder",
}

// networkFUSE are file systems of FUSE with a network behind them, by the name
// after "fuse." in /proc/self/mountinfo. Many others have none.
var networkFUSE = map[string]string{
	"ceph-fuse":    "Ceph",
	"curlftpfs":    "FTP",
	"davfs":        "WebDAV",
	"gcsfuse":      "Google Cloud Storage",
	"glusterfs":    "GlusterFS",
	"goofys":       "S3",
	"juicefs":      "JuiceFS",
	"lizardfs":     "LizardFS",
	"moosefs":      "MooseFS",
	"mount-s3":     "S3",
	"rclone":       "rclone",
	"s3fs":         "S3",
	"seaweedfs":    "SeaweedFS",
	"sshfs":        "SSHFS",
	"vmhgfs-fuse":  "a VMware shared folder",
	"mfsmount":     "MooseFS",
	"mount.davfs2": "WebDAV",
}

// statfs and mountinfo are where tests put file systems that they do not have.
var (
	statfs    = unix.Statfs
	mountinfo = "/proc/self/mountinfo"
)

// checkFilesystem refuses a directory on a network file system: ErrNetwork.
func checkFilesystem(dir string) error {
	var st unix.Statfs_t
	if err := statfs(dir, &st); err != nil {
		return &FileError{Path: dir, Err: err}
	}
	magic := int64(st.Type) & 0xFFFFFFFF
	name, ok := networkTypes[magic]
	if magic == unix.FUSE_SUPER_MAGIC {
		name, ok = networkFUSE[fuseType(dir)]
	}
	if !ok {
		return nil
	}
	return &FileError{Path: dir, Kind: ErrNetwork,
		Detail: name + " does not keep the locks of several machines or processes apart; use a local directory, or, if one process at a time will use this one, allow it in the configuration"}
}

// fuseType finds the type of a FUSE file system, which statfs does not tell, by
// its device number (proc_pid_mountinfo(5)); "" if it has none.
func fuseType(dir string) string {
	var st unix.Stat_t
	f, err := os.Open(mountinfo)
	if err != nil || unix.Stat(dir, &st) != nil {
		return ""
	}
	defer f.Close()
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mount, about, _ := strings.Cut(lines.Text(), " - ")
		if at := strings.Fields(mount); len(at) > 2 && at[2] == device {
			kind, _, _ := strings.Cut(about, " ")
			return strings.TrimPrefix(kind, "fuse.")
		}
	}
	return ""
}
