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
// made with the file and stays until somebody retires it.
//
// Secrets with a deadline are sealed under the epoch key of the hour in which they
// are written. There is one for each hour in which one was needed. It can be opened
// until 24 hours after the end of its hour, to the instant, and is then destroyed:
// by [Keyring.DestroyKeys], which [enduser.Manager.Sweep] calls, and by any other
// call that writes the file. Epoch keys are never in the store. So with the key
// gone, what was sealed under it cannot be read in any copy of the store either: in
// its log, its replicas, its backups. A secret whose deadline is later than that is
// refused with ErrDeadline: secrets may live for 24 hours.
//
// # What is promised
//
// A key is returned for sealing only once it is in the file and the disk has
// confirmed the file and its folder. The file is replaced as a whole: a crash or a
// power cut leaves the old one or the new one, readable. All processes get the same
// key for the same hour, if their clocks agree on the hour. All of them see a key
// that one of them made, and seal under a new primary key from their next call on.
//
// If something is wrong with the file, calls fail: it is never repaired, and never
// replaced by a new one. Where a file was once, Open makes no other, see ErrMissing.
// Sealing looks at the file at every call (one system call). Opening looks only if
// it does not know the key, so it goes on with the keys it knows while the file is
// away.
//
// The clock decides. A key whose time was once over stays over for that Keyring,
// even if the clock is set back, and destroyed keys do not come back: a key that is
// needed again for the same hour is another key. A clock that is a day ahead destroys
// the keys of a day. One that is ahead when it makes a key makes one that lives as much
// longer: the values sealed under it are gone for every call, see
// [enduser.SensitiveTTL], but a copy of the store has them until that key is destroyed.
//
// No error, print or log shows a secret. [Keyring.Backup] alone hands keys out.
//
// # What is not promised
//
// Destroying a key writes a new file, puts it in the place of the old one, and
// overwrites the blocks of the old one with zeros. That is all a program can do.
// It reaches the old blocks on file systems that write in place (ext4 and XFS as
// they are set up by default, UFS). It does not reach them on those that never do
// (Btrfs, ZFS, APFS, F2FS, overlays, ext4 with data=journal), in the spare area of
// an SSD, in a snapshot of the volume or the virtual machine, or if the process is
// killed just before. If somebody may read the raw disk, put the folder on an
// encrypted volume or in memory that survives what your processes have to survive.
//
// A destroyed key is dropped in memory, but what it occupied is not overwritten: it
// is in core dumps, swap and hibernation images until it is reused.
//
// # Backups
//
// A copy of the file, a backup or snapshot of its folder, or another hard link to
// it, has the epoch keys of the last 25 hours. Whoever has that and a copy of the
// store can read the values of that time for ever: it voids the promise. Leave the
// folder out of backups, and keep what [Keyring.Backup] writes instead: the durable
// keys alone, in the same format. Make one after the first start and before each
// Promote, and keep it apart from the backups of the store, which it opens. Keep it
// for as long as the backups of the store from its time are to be readable.
//
// To restore, stop all processes, put the copy where the file was, with mode 0600
// and the owner that the processes have, and start them again.
//
// If the file is lost, and no copy of it is left, everything sealed under its keys
// is lost: there is no other way to read it. If it is restored from a copy, what was
// sealed under keys made later is lost, for those that Backup makes that is
// whatever has a deadline. The users themselves, and all that is not sealed, are not
// touched by it.
//
// # Rotating the durable key
//
//  1. [Keyring.Add] makes a new key, which is known and not used.
//  2. [Keyring.Backup]: keep the copy.
//  3. [Keyring.Promote] makes it the primary one: secrets written from now on, by
//     any process, are sealed under it.
//  4. Wait until the calls have ended that had the old one in hand: a minute will do.
//  5. [enduser.Manager.Reseal] seals anew what is sealed under the old one.
//  6. When [enduser.Manager.CountSealed] says that nothing is, [Keyring.Retire]
//     destroys the old key.
//
// Each step can be repeated, and done by any process or by a tool, run by the same
// system user. Add and Promote may be days apart. Backups of the store that were made
// before step 5 need the old key: its copy from Backup.
//
// # The file
//
// The file belongs to the user that the processes run as and has mode 0600; it is
// refused with ErrExposed otherwise. Give it a folder of its own, with mode 0700,
// that processes may write to: beside the file there are the same name with .lock,
// which is what processes lock (flock) and a mark that a file was made, and for a
// moment with .tmp. Mount the folder into a container, not the file alone. The
// folder has to be on a local file system: several hosts need a Keyring that they
// share, over a key management service for example.
//
// It is text. The first line has the version, the last one a checksum against
// truncation and accidents, and each one between them a key:
//
//	rollbook-keyfile 1
//	primary k-5b0c1a… 1790000000 <secret>
//	durable k-93fe02… 1780000000 <secret>
//	epoch e2026092114-77ab… 1790001312 1789999200 <secret>
//	sha256 <hexadecimal digits of the lines above>
//
// that is what the key is for, its ID, when it was made, for an epoch key when its
// hour begins, both in Unix seconds, and 32 bytes in base64 without padding.
//
// Where the system has no flock (Windows, Solaris, AIX), Open fails with
// [errors.ErrUnsupported].
package keyfile
