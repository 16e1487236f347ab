/// What the status of a server's answer means for the edit it answers.
public enum AnswerMeaning: Sendable, Hashable {
  /// It was carried out.
  case done
  /// The record it speaks of is not there.
  case gone
  /// It will never be carried out as it is.
  case refused
  /// The credentials were not accepted; nothing was carried out.
  case unauthorized
  /// Not carried out, and worth asking again later.
  case later
  /// Perhaps carried out: a create by `POST` is not sent again before it is known.
  case unknown
}

/// Which answers mean what: replace it where a server has its own ideas.
public struct AnswerRules: Sendable {
  private let rule: @Sendable (_ status: Int) -> AnswerMeaning

  /// Rules of your own.
  public init(_ rule: @escaping @Sendable (_ status: Int) -> AnswerMeaning) {
    self.rule = rule
  }

  /// What a status means.
  public func meaning(of status: Int) -> AnswerMeaning { rule(status) }

  /// The same rules with another meaning for some statuses.
  ///
  /// ```swift
  /// let rules = AnswerRules.standard.treating([404, 502], as: .later)
  /// ```
  public func treating(_ statuses: Set<Int>, as meaning: AnswerMeaning) -> AnswerRules {
    guard !statuses.isEmpty else { return self }
    let rule = rule
    return AnswerRules { statuses.contains($0) ? meaning : rule($0) }
  }

  /// RFC 9110 as most servers read it: 2xx is done, 404 and 410 are gone, 401 is unauthorized; 423, 425,
  /// 429 and 503 are worth another try, 408 and the other 5xx tell nothing; all others are refused,
  /// redirects among them. So is 409, where no condition was sent: somebody has to change something before
  /// it helps to ask again, and the edits behind it do not wait for that.
  public static let standard = AnswerRules { status in
    switch status {
    case 200...299: .done
    case 404, 410: .gone
    case 401: .unauthorized
    case 423, 425, 429, 503: .later
    case 408, 500...599: .unknown
    default: .refused
    }
  }
}
