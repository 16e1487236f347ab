/// What a server of plain records calls things.
///
/// The defaults are the commonest names; only the field that holds a record's version has none, for
/// without it nobody can tell which of two states is the newer one.
public struct RESTSettings: Sendable, Hashable {
  /// How a record that was made here comes to be at the server.
  public enum Creates: String, Sendable, Hashable, CaseIterable {
    /// `POST` to the collection without an id: the server gives one, and the record goes under it from
    /// then on.
    case post
    /// `POST` to the collection with the id it has here.
    case postWithID = "post-with-id"
    /// `PUT` under the id it has here. Repeating it harms nothing, whatever became of an answer.
    case put
  }

  /// How a list is asked for what changed.
  public enum Differential: String, Sendable, Hashable, CaseIterable {
    /// By a query parameter, ``RESTSettings/sinceParameter``.
    case parameter = "param"
    /// By the header If-Modified-Since, in whole seconds; 304 is nothing.
    case header
    /// Not at all: a list always holds everything.
    case nothing = "none"
  }

  /// How a list goes on where one answer does not hold all of it.
  public enum Paging: String, Sendable, Hashable, CaseIterable {
    /// One answer holds all of it.
    case none
    /// By a header `Link: <URL>; rel="next"` (RFC 8288), on the same origin.
    case link
    /// By a URL in a member of the answer, ``RESTSettings/nextMember``, on the same origin.
    case member
    /// By the page's number, from 1.
    case page
    /// By the number of records before it.
    case offset

    var isByNumber: Bool { self == .page || self == .offset }
  }

  /// How an update is sent.
  public enum Updates: String, Sendable, Hashable, CaseIterable {
    /// A JSON merge patch of what changed.
    case patch
    /// The whole record, as the server shows it with the change on top. For servers without `PATCH`.
    case put
  }

  /// Which answers may leave fields out.
  public enum Partial: String, Sendable, Hashable, CaseIterable {
    /// A record is shown whole.
    case none
    /// Those to edits: what they do not name is as it was sent.
    case answers
    /// Those, and the rows of a list: what they do not name is as it was.
    case all
  }

  /// What a server is to compare before it carries an edit out.
  public enum Preconditions: String, Sendable, Hashable, CaseIterable {
    case none
    /// `If-Match: "VERSION"` with the version known here. For servers whose stamps are numbers and whose
    /// ETag of a record is that number in quotes.
    case version
    /// `If-Match` with the record's ETag; the record is asked for first, one request more per edit.
    case etag
  }

  /// The field of a record that changes with every change of it: milliseconds since 1970, or RFC 3339
  /// text with up to nine digits of a second. Stamps have to grow with every change of one record.
  public var versionField: String
  /// The field that holds a record's id.
  public var idField = "id"
  /// The query parameter that asks for what changed since a version.
  public var sinceParameter = "since"
  /// The field that is true in what is left of a deleted record.
  public var deletedField = "deleted"
  /// The member that records and lists are wrapped in, where they are; `data.items` is a member of a
  /// member.
  public var envelope: String?
  /// The one lists are wrapped in, where it is another one.
  public var listEnvelope: String?
  public var creates = Creates.post
  /// A field in which the server keeps the id a record had where it was made, and can be asked for by
  /// it. With ``Creates/post`` this is what tells whether a create whose answer was lost was carried out.
  public var clientIDField: String?
  /// How far the feed is read again behind the newest version known: at least as long as the server's
  /// transactions take, for some servers stamp before they commit.
  public var overlapMilliseconds: UInt64 = 120_000

  public var differential = Differential.parameter
  public var paging = Paging.none
  /// How many records to ask for at once with ``Paging/page`` and ``Paging/offset``: 1 to 10,000.
  public var pageSize = 100
  /// The query parameter for the page's number or the offset; nil is `page` or `offset`.
  public var pageParameter: String?
  /// The query parameter for ``pageSize``; nil is `per_page` with page numbers and `limit` with offsets.
  public var pageSizeParameter: String?
  /// Where an answer names the URL of the next page, such as `links.next`.
  public var nextMember: String?
  /// Whether a list that came with an ETag is asked for with If-None-Match, so that one that did not
  /// change costs a 304. Only for servers that make the ETag from the content: one made from the newest
  /// stamp hides what was stamped before and committed after it.
  public var usesETags = false
  public var updates = Updates.patch
  public var partial = Partial.none
  public var preconditions = Preconditions.none
  /// Whether each answer is the whole set: a record that it does not show and that has no edit on its
  /// way is gone. Needs ``Differential/nothing``.
  public var completeLists = false
  /// Statuses that mean: come back later, whatever they mean elsewhere.
  public var laterStatuses: Set<Int> = []

  /// The defaults.
  public init(versionField: String) {
    self.versionField = versionField
  }
}
