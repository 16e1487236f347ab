#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What kind of file system a directory lies on.
enum FileSystem {
  /// The name of the network file system under `path`; nil for a local one.
  static func networkName(of path: String) throws(JournalError) -> String? {
    #if canImport(Darwin)
      var status = statfs()
      guard statfs(path, &status) == 0 else {
        throw LMDBFailure.systemError(path, "asking for the file system of")
      }
      return status.f_flags & UInt32(MNT_LOCAL) == 0 ? "a network file system" : nil
    #else
      var status = stat()
      guard stat(path, &status) == 0 else {
        throw LMDBFailure.systemError(path, "asking for the file system of")
      }
      // Swift's C library modules lack `statfs`; the kernel's table of mounts says the same.
      guard let mounts = Self.contents("/proc/self/mountinfo") else { return nil }
      return networkName(device: UInt64(status.st_dev), mounts: mounts)
    #endif
  }

  /// The network file system mounted as `device`, by lines like
  /// `36 35 98:0 /root /mnt rw,noatime shared:1 - nfs4 server:/export rw`.
  static func networkName(device: UInt64, mounts: [UInt8]) -> String? {
    let major = (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF
    let minor = device & 0xFF | (device >> 12) & 0xFFFF_FF00
    let wanted = Array("\(major):\(minor)".utf8)
    for line in mounts.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count > 2, fields[2].elementsEqual(wanted),
        let dash = fields.firstIndex(where: { $0.elementsEqual([UInt8(ascii: "-")]) }),
        dash + 1 < fields.count
      else { continue }
      let type = String(decoding: fields[dash + 1], as: UTF8.self)
      return networkTypes.contains(type) ? type : nil
    }
    return nil
  }

  private static let networkTypes: Set<String> = [
    "nfs", "nfs4", "smbfs", "smb3", "cifs", "afs", "coda", "ncpfs", "9p", "ceph", "lustre",
    "gfs2", "ocfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone",
  ]

  #if !canImport(Darwin)
    /// The whole of a file of `/proc`; nil when it cannot be read.
    private static func contents(_ path: String) -> [UInt8]? {
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      var contents: [UInt8] = []
      var part = [UInt8](repeating: 0, count: 16384)
      while true {
        let count = part.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count == 0 ? contents : nil }
        contents += part[..<count]
      }
    }
  #endif
}
