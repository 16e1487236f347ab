import Journal

/// The code of the `JournalError` a body ends with; nil when it ends well.
func refusalCode<Value>(_ body: () throws -> Value) -> String? {
  do {
    _ = try body()
    return nil
  } catch let error as JournalError {
    return error.code
  } catch {
    return "not a JournalError: \(error)"
  }
}
