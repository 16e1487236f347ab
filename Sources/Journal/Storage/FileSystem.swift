import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What kind of file system a directory lies on.
enum FileSystem {
  /// Whether nothing is left to write to where `path` lies, as far as this user may; false where that cannot be told.
  static func isFull(_ path: String) -> Bool {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return false }
    return status.f_blocks > 0 && status.f_bavail == 0
  }

  /// The name of the network file system under `path`; nil for a local one.
  static func networkName(of path: String) throws(JournalError) -> String? {
    #if canImport(Darwin)
      var status = statfs()
      guard statfs(path, &status) == 0 else {
        throw LMDBFailure.systemError(path, "asking for the file system of")
      }
      return status.f_flags & UInt32(MNT_LOCAL) == 0 ? "a network file system" : nil
    #else
      var status = statfs()
      guard statfs(path, &status) == 0 else {
        throw LMDBFailure.systemError(path, "asking for the file system of")
      }
      let type = UInt32(truncatingIfNeeded: status.f_type)
      if type != fuse { return networkName(type: type) }
      // Only the kernel's table of mounts says what stands behind FUSE: local disks do as well.
      var place = stat()
      guard stat(path, &place) == 0 else {
        throw LMDBFailure.systemError(path, "asking for the file system of")
      }
      guard let mounts = Self.contents("/proc/self/mountinfo") else { return nil }
      return networkName(device: UInt64(place.st_dev), mounts: mounts)
    #endif
  }

  private static let fuse: UInt32 = 0x6573_5546

  /// The network file system with this number, by `statfs(2)`; nil for any other.
  static func networkName(type: UInt32) -> String? {
    switch type {
    case 0x6969: "nfs"
    case 0x517B, 0xFE53_4D42: "smb"
    case 0xFF53_4D42: "cifs"
    case 0x5346_414F, 0x6B41_4653: "afs"
    case 0x7375_7245: "coda"
    case 0x564C: "ncpfs"
    case 0x0102_1997: "9p"
    case 0x00C3_6400: "ceph"
    case 0x0BD0_0BD0: "lustre"
    case 0x0116_1970: "gfs2"
    case 0x7461_636F: "ocfs2"
    case 0x4750_4653: "gpfs"
    default: nil
    }
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
    "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs", "fuse.rclone",
    "fuse.davfs", "fuse.davfs2", "fuse.curlftpfs", "fuse.juicefs",
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
