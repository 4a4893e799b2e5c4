// Package keyfile is an [enduser.Keyring] in a file, for programs of one host. Any
// number of its processes may use the file at once.
//
//	ring, err := keyfile.Open(ctx, "/var/lib/acme/rollbook.keys", nil)
//	if err != nil {
//		return err
//	}
//	users := enduser.New(st, &enduser.Options{Keyring: ring})
//
// # Two kinds of keys
//
// Secrets without a deadline are sealed under a durable key, the primary one. It is
// made with the file and stays until it is retired.
//
// Secrets with a deadline are sealed under the epoch key of the hour in which they are
// written, which is made when it is first needed. An epoch key can be used until exactly 24
// hours after the end of its hour. Then it is destroyed: by [Keyring.DestroyKeys], which
// [enduser.Manager.Sweep] calls, and by any other call that writes the file. Epoch keys are
// never in the store. So once the key is destroyed, no copy of the store (its log, its
// replicas, its backups) shows a secret that was sealed under it. A deadline later than the
// end of the key is ErrDeadline: a secret may live for 24 hours.
//
// # What is promised
//
// A key is returned for sealing only after the disk has confirmed the file with the key and
// the folder that the file is in. The file is replaced as a whole: a crash or a power cut leaves the old file or
// the new one, readable. All processes get the same key for the same hour, if their clocks
// agree on the hour. All of them see a key that one of them made, and seal under a new primary
// key from their next call on.
//
// If the file is damaged or unsafe, calls fail: it is never repaired, and never replaced by a
// new one. If there has been a file, Open does not make another one, see ErrMissing.
// SealingKey checks the file at every call (one system call). OpeningKey checks it only for a
// key that it does not know, so it goes on with the keys it knows while the file is away.
//
// The clock decides. A key that has expired once stays expired for that Keyring, even if the
// clock is set back, and destroyed keys do not come back: a key that is needed again for the
// same hour is another key. A process whose clock is a day ahead destroys keys a day too
// early. If the clock is ahead when a key is made, the key lives longer by as much. Values
// sealed under it do not exist for any call, see [enduser.SensitiveTTL], but can be opened in
// a copy of the store until that key is destroyed.
//
// No error, print or log shows a secret. Only [Keyring.Backup] hands keys out.
//
// # What is not promised
//
// To destroy a key, a call writes a new file, puts it in the place of the old one, and
// overwrites the blocks of the old one with zeros. No program can do more. This reaches the
// old blocks on file systems that write in place (ext4 and XFS with their default settings,
// UFS). It does not reach them on file systems that never do (Btrfs, ZFS, APFS, F2FS,
// overlays, ext4 with data=journal), in the spare area of an SSD, in a snapshot of the volume
// or the virtual machine, or if the process is killed just before. If somebody may read the
// raw disk, put the folder on an encrypted volume, or in memory that outlives your processes.
//
// A destroyed key is dropped in memory, but its bytes are not overwritten: they are in core
// dumps, swap and hibernation images until the memory is reused.
//
// # Backups
//
// Leave the folder out of backups, and keep the file that [Keyring.Backup] writes instead: it
// has only the durable keys, in the same format. Any other copy of the file, a backup or
// snapshot of its folder, or another hard link to it, has the epoch keys of the last 25 hours:
// with it and a copy of the store anyone can read the values of that time for ever.
//
// Make a backup after the first start and before each Promote. Keep it apart from the backups
// of the store, since it opens the secrets in them. Keep it as long as these must be readable.
//
// To restore, stop all processes, put the copy where the file was, with mode 0600
// and the owner that the processes have, and start them again.
//
// If the file is lost without a copy, everything sealed under its keys is lost. If it is
// restored from a copy, everything sealed under keys made later is lost; with a copy from
// Backup that is everything with a deadline. The users themselves, and all their fields that
// are not sealed, stay.
//
// # Rotating the durable key
//
//  1. [Keyring.Add] makes a new key, which is not used yet.
//  2. [Keyring.Backup]: keep the copy.
//  3. [Keyring.Promote] makes it the primary key: from now on all processes seal secrets
//     without a deadline under it.
//  4. Wait until the calls that use the old key have ended: a minute will do.
//  5. [enduser.Manager.Reseal] seals anew the secrets under the old key.
//  6. When [enduser.Manager.CountSealed] does not count the old key any more,
//     [Keyring.Retire] destroys it.
//
// Each step can be repeated, by any process or tool of the same system user. Add and Promote
// may be days apart. Backups of the store from before step 5 need the old key: keep its copy
// from Backup.
//
// # The file
//
// The file must belong to the user that runs the processes, and have mode 0600; otherwise
// calls fail with ErrExposed. Give it a folder of its own, with mode 0700, that the processes
// can write to. Beside the file there is one with .lock at the end of its name: processes lock
// it (flock), and it marks that a file was made. For a moment there is one with .tmp. Mount the
// folder into a container, not the file alone. The folder must be on a local file system. Hosts
// that each have a copy of the file open it with [OpenShared]; it has no epoch keys.
//
// The file is text. The first line has the version, the last one a checksum against
// truncation and accidents, and each line between them a key:
//
//	rollbook-keyfile 1
//	primary k-5b0c1a… 1790000000 <secret>
//	durable k-93fe02… 1780000000 <secret>
//	epoch e2026092114-77ab… 1790001312 1789999200 <secret>
//	sha256 <hexadecimal digits of the lines above>
//
// The line of a key has its kind, its ID, when it was made, for an epoch key when its hour
// begins (both in Unix seconds), and the 32 bytes of the key in base64 without padding.
//
// Where the system has no flock (Windows, Solaris, AIX), Open fails with
// [errors.ErrUnsupported].
package keyfile
