import Journal
import Transport

/// A server that answers as another one does, but for what a test alters.
struct AlteredRemote: Remote {
  typealias Show = @Sendable (Witness, Loopback) async throws -> WitnessAnswer

  let inner: Loopback
  var info: @Sendable (RemoteInfo) -> RemoteInfo = { $0 }
  var cursor: @Sendable (String?) -> String? = { $0 }
  var page: @Sendable (FeedPage) -> FeedPage = { $0 }
  var pushAnswer: @Sendable (PushAnswer) -> PushAnswer = { $0 }
  var show: Show = { try await $1.show($0) }

  init(
    _ inner: Loopback, info: @escaping @Sendable (RemoteInfo) -> RemoteInfo = { $0 },
    cursor: @escaping @Sendable (String?) -> String? = { $0 },
    page: @escaping @Sendable (FeedPage) -> FeedPage = { $0 },
    pushAnswer: @escaping @Sendable (PushAnswer) -> PushAnswer = { $0 },
    show: @escaping Show = { try await $1.show($0) }
  ) {
    self.inner = inner
    self.info = info
    self.cursor = cursor
    self.page = page
    self.pushAnswer = pushAnswer
    self.show = show
  }

  func info(device: DeviceID) async throws -> RemoteInfo {
    info(try await inner.info(device: device))
  }

  func push(_ push: Push) async throws -> PushAnswer { pushAnswer(try await inner.push(push)) }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    page(try await inner.changes(after: self.cursor(cursor), limit: limit, device: device))
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer {
    try await show(witness, inner)
  }
}
