package store

import "golang.org/x/sys/unix"

// networkTypes are the file systems (statfs(2)) on which flock is not what it is
// on a local one: a lock of fcntl on NFS, none between machines on others.
var networkTypes = map[int64]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.SMB2_SUPER_MAGIC: "SMB 2",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.AFS_FS_MAGIC:     "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	unix.NCP_SUPER_MAGIC:  "NCP",
}

func checkFilesystem(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return &FileError{Path: dir, Err: err}
	}
	return checkType(dir, int64(st.Type))
}

func checkType(dir string, magic int64) error {
	if name, ok := networkTypes[magic&0xFFFFFFFF]; ok {
		return &FileError{Path: dir, Kind: ErrNetwork, Detail: name + " is not supported; use a local directory"}
	}
	return nil
}
