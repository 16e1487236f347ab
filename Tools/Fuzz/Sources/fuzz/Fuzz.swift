import CLibFuzzer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The decoder under test, chosen by the environment variable `FUZZ_TARGET`.
private let target: FuzzTarget = {
  let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    let names = FuzzTarget.all.map(\.name).joined(separator: " ")
    print("FUZZ_TARGET names one of: \(names)")
    exit(64)
  }
  return target
}()

/// The process: libFuzzer's own command line over the target.
///
/// With `FUZZ_LIST` it prints the targets and the longest input of each, with `FUZZ_SEEDS` it writes
/// the first inputs of the target into that directory, with `FUZZ_DAMAGE` it damages a file in a fixed
/// number of ways; each ends the process. The name is the one
/// SwiftPM gives `main` of this executable.
@_cdecl("fuzz_main")
public func fuzzMain(
  _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
  if getenv("FUZZ_LIST") != nil {
    for target in FuzzTarget.all { print(target.name, target.maximumBytes) }
    return 0
  }
  if let directory = getenv("FUZZ_SEEDS") {
    let directory = String(cString: directory)
    for (number, seed) in target.seeds().enumerated() {
      Files.write(seed, to: "\(directory)/seed-\(number)")
    }
    return 0
  }
  if let sizes = getenv("FUZZ_DAMAGE") {
    DamageCampaign(String(cString: sizes)).run()
    return 0
  }
  _ = target
  var count = count
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
  return LLVMFuzzerRunDriver(&count, &arguments) { testOneInput($0, $1) }
}

/// What libFuzzer calls with each input. An error the target lets through is a finding, like a trap.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  do {
    try target.run(bytes)
  } catch {
    fail("an error of the wrong kind: \(type(of: error)) \(error)")
  }
  return 0
}

/// Ends the process so that libFuzzer keeps the input.
func fail(_ message: @autoclosure () -> String) -> Never {
  // Not through `print`, whose buffer would die with the process.
  let text = Array("PROPERTY BROKEN: \(message())\n".utf8)
  _ = write(STDERR_FILENO, text, text.count)
  abort()
}

/// Demands a property of what a decoder accepted.
@inline(__always)
func require(_ holds: Bool, _ message: @autoclosure () -> String) {
  if !holds { fail(message()) }
}

/// Files as whole arrays, for the few places that need them.
enum Files {
  static func write(_ bytes: [UInt8], to path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { fail("cannot write \(path)") }
    defer { close(descriptor) }
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress, $0.count, off_t(done))
      }
      guard count > 0 else { fail("cannot write \(path)") }
      done += count
    }
  }

  static func read(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else { fail("cannot read \(path)") }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress, $0.count, off_t(done))
      }
      guard count > 0 else { fail("cannot read \(path)") }
      done += count
    }
    return bytes
  }
}
