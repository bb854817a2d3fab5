import CHiredis
import Glibc

/// One connection of hiredis: commands in, replies out, blocking, with timeouts in force.
///
/// Not `Sendable`: it stays inside the actor that made it. After any thrown error the context is of no more
/// use (hiredis's error is sticky) and is to be dropped; `redisReconnect` is not used, as it loses the
/// timeouts.
final class HiredisContext {
    /// Never nil and owned by this object until its `deinit`.
    private let context: UnsafeMutablePointer<redisContext>
    private let server: String
    private let interruption: SocketInterruption

    /// Connects; throws `io` or `timeout`.
    ///
    /// `readTimeout` is the longest silence while bytes are due in either direction.
    init(
        host: String,
        port: Int,
        connectTimeout: Duration,
        readTimeout: Duration,
        interruption: SocketInterruption
    ) throws(RedisError) {
        let server = "\(host):\(port)"
        errno = 0
        guard let context = redisConnectWithTimeout(host, Int32(port), connectTimeout.timeval) else {
            throw RedisError(.io, "out of memory", server: server)
        }
        guard context.pointee.err == 0 else {
            let error = Self.failure(of: context, errno: errno, server: server)
            redisFree(context)
            throw error
        }
        guard redisSetTimeout(context, readTimeout.timeval) == REDIS_OK else {
            let error = Self.failure(of: context, errno: errno, server: server)
            redisFree(context)
            throw error
        }
        // hiredis opens its socket without CLOEXEC; a process spawned from here on must not inherit it.
        _ = fcntl(context.pointee.fd, F_SETFD, FD_CLOEXEC)
        self.context = context
        self.server = server
        self.interruption = interruption
        interruption.publish(context.pointee.fd)
    }

    deinit {
        interruption.withdraw()
        redisFree(context)
    }

    /// Whether the idle socket has something to read: the peer has gone, or talks out of turn.
    var isStale: Bool {
        var entry = pollfd(fd: context.pointee.fd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) != 0
    }

    /// Adds a command to the output buffer; nothing is sent yet.
    func append(_ command: RedisCommand) throws(RedisError) {
        let status = command.storage.withUnsafeBytes { bytes in
            // An empty array may have no address, and hiredis copies from each pointer: any address does for
            // length zero.
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1) { nothing -> Int32 in
                let base = bytes.baseAddress.map { $0.assumingMemoryBound(to: CChar.self) }
                var offset = 0
                var pointers: [UnsafePointer<CChar>?] = []
                pointers.reserveCapacity(command.lengths.count)
                for length in command.lengths {
                    pointers.append(base.map { $0 + offset } ?? nothing.baseAddress.map { UnsafePointer($0) })
                    offset += length
                }
                return redisAppendCommandArgv(context, Int32(pointers.count), &pointers, command.lengths)
            }
        }
        guard status == REDIS_OK else { throw Self.failure(of: context, errno: 0, server: server) }
    }

    /// Sends the whole output buffer.
    func flush() throws(RedisError) {
        var isDone: Int32 = 0
        while isDone == 0 {
            errno = 0
            guard redisBufferWrite(context, &isDone) == REDIS_OK else {
                throw Self.failure(of: context, errno: errno, server: server)
            }
        }
    }

    /// Waits for the next reply; an error reply is a failure in the result, a broken connection is thrown.
    func nextReply() throws(RedisError) -> Result<RedisValue, RedisError> {
        while true {
            var raw: UnsafeMutableRawPointer?
            guard redisGetReplyFromReader(context, &raw) == REDIS_OK else {
                throw Self.failure(of: context, errno: 0, server: server)
            }
            if let raw {
                defer { freeReplyObject(raw) }
                // hiredis hands out replies of its own, of this type; freed above, after the copy.
                let value = Self.value(of: raw.assumingMemoryBound(to: redisReply.self).pointee)
                if case .error(let text) = value { return .failure(.fromReply(text, server: server)) }
                return .success(value)
            }
            errno = 0
            guard redisBufferRead(context) == REDIS_OK else {
                throw Self.failure(of: context, errno: errno, server: server)
            }
        }
    }

    /// Copies a reply into Swift; the recursion ends, as hiredis reads no array deeper than 7.
    private static func value(of reply: redisReply) -> RedisValue {
        switch reply.type {
        case REDIS_REPLY_NIL: .null
        case REDIS_REPLY_INTEGER: .integer(reply.integer)
        case REDIS_REPLY_STATUS: .status(String(decoding: bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: .error(String(decoding: bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            // hiredis owns the elements until the reply is freed, which is after this; the values are copies.
            .array(
                UnsafeBufferPointer(start: reply.element, count: reply.elements)
                    .map { $0.map { value(of: $0.pointee) } ?? .null }
            )
        default: .bytes(bytes(of: reply))  // REDIS_REPLY_STRING, the last of hiredis 0.14's types.
        }
    }

    private static func bytes(of reply: redisReply) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len))
    }

    private static func failure(
        of context: UnsafeMutablePointer<redisContext>,
        errno: Int32,
        server: String
    ) -> RedisError {
        let text = String(cString: skyfire_redis_error_text(context))
        switch context.pointee.err {
        case REDIS_ERR_PROTOCOL:
            return RedisError(.protocolError, text, server: server)
        case REDIS_ERR_IO where errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT:
            return RedisError(.timeout, "no answer in time", server: server)
        default:
            return RedisError(.io, text.isEmpty ? "connection failed" : text, server: server)
        }
    }
}

extension Duration {
    /// The duration for the socket API: at least one microsecond, as zero would mean no timeout.
    fileprivate var timeval: timeval {
        let microseconds = max(1, components.attoseconds / 1_000_000_000_000)
        return Glibc.timeval(tv_sec: Int(components.seconds), tv_usec: Int(microseconds))
    }
}
