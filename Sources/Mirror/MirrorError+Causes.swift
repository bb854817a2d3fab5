import GRDB
import Redis
import Scheduling

extension MirrorError {
    /// A failed call to Redis. A replica that was not promoted yet (`READONLY`) counts as passing.
    init(_ error: RedisError) {
        self.init(
            error.description,
            isRetriable: error.isRetriable || error.code == .reply(prefix: "READONLY")
        )
    }

    /// A failed call to SQLite, or whatever else came out of a transaction.
    init(database error: any Error) {
        switch error {
        case let error as MirrorError:
            self = error
        case let error as DatabaseError:
            self.init(
                "sqlite: \(error.message ?? "error") (\(error.extendedResultCode.rawValue))",
                isRetriable: Self.passingConditions.contains(error.resultCode)
            )
        case is CancellationError:
            self.init("the call was cancelled", isRetriable: true)
        default:
            self.init("sqlite: \(error)", isRetriable: false)
        }
    }

    /// The call came after `close()`.
    static let closed = MirrorError("the mirror is closed", isRetriable: false)

    /// A cursor that no page of this list ended with.
    static func invalidCursor(_ cursor: String) -> MirrorError {
        MirrorError("\"\(cursor)\" is not a cursor of this list", isRetriable: false, isInvalidRequest: true)
    }

    private static let passingConditions: [ResultCode] = [
        .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_INTERRUPT,
    ]
}
