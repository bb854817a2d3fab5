/// The values of a znode over time, newest only.
///
/// `next()` is the whole loop: wait for the watch that the last read armed, then read and arm again. At most one read
/// is outstanding for a consumer, a slow consumer skips what was in between and sees the newest, and nothing buffers.
/// The sequence ends (`nil`) when the session is over or the task is cancelled, and throws what a read throws.
package struct WatchUpdates<Value: Sendable>: AsyncSequence, Sendable {
    package typealias Element = Value

    private let session: any ZnodeSession
    private let read: @Sendable (any ZnodeSession, WatchToken) async throws(StoreError) -> Value

    fileprivate init(
        session: any ZnodeSession,
        read: @escaping @Sendable (any ZnodeSession, WatchToken) async throws(StoreError) -> Value
    ) {
        self.session = session
        self.read = read
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(session: session, read: read)
    }

    /// Reads and re-arms, once for each `next()`.
    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let session: any ZnodeSession
        fileprivate let read: @Sendable (any ZnodeSession, WatchToken) async throws(StoreError) -> Value
        private var armed: WatchToken?

        fileprivate init(
            session: any ZnodeSession,
            read: @escaping @Sendable (any ZnodeSession, WatchToken) async throws(StoreError) -> Value
        ) {
            self.session = session
            self.read = read
        }

        package mutating func next() async throws(StoreError) -> Value? {
            if let armed {
                self.armed = nil
                guard await session.fired(armed) != nil else { return nil }
            }
            let token = session.makeWatch()
            do {
                let value = try await read(session, token)
                armed = token
                return value
            } catch {
                session.disarm(token)
                throw error
            }
        }
    }
}

extension ZnodeSession {
    /// The names of a znode's children: now, and after each change.
    package func childrenUpdates(of path: ZnodePath) -> WatchUpdates<[String]> {
        WatchUpdates(session: self) { session, token throws(StoreError) in
            try await session.children(path, watch: token)
        }
    }

    /// A znode's data: now, and after each change; `nil` while there is no such znode.
    package func updates(of path: ZnodePath) -> WatchUpdates<Znode?> {
        WatchUpdates(session: self) { session, token throws(StoreError) in
            while true {
                do throws(StoreError) {
                    return try await session.get(path, watch: token)
                } catch {
                    guard error.code == .noNode else { throw error }
                }
                // A failed read arms nothing; `exists` arms a watch on the missing znode. Created in between: the
                // token is armed for its next change and the data must be read once more.
                guard try await session.exists(path, watch: token) != nil else { return nil }
            }
        }
    }
}
