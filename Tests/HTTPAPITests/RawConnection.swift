import Glibc
import NIOPosix

/// A plain TCP connection to this machine, for requests that a proper client does not send.
///
/// Its calls block, on threads that are there for that.
final class RawConnection: Sendable {
    struct Failure: Error {}

    private let descriptor: Int32

    /// Connects. With a `receiveBuffer` little is taken from the other side before it is read here.
    init(port: Int, receiveBuffer: Int32? = nil) async throws {
        descriptor = try await NIOThreadPool.singleton.runIfActive {
            try Self.connect(port: port, receiveBuffer: receiveBuffer)
        }
    }

    deinit { Glibc.close(descriptor) }

    private static func connect(port: Int, receiveBuffer: Int32?) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure() }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        // The address outlives the call, which keeps no pointer.
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            Glibc.close(descriptor)
            throw Failure()
        }
        return descriptor
    }

    /// Sends bytes. Returns false where the other side takes none any more.
    @discardableResult
    func send(_ text: String) async throws -> Bool {
        try await NIOThreadPool.singleton.runIfActive { [descriptor] in
            let bytes = Array(text.utf8)
            return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        }
    }

    /// Reads what comes, up to the end of a text; or until the other side closes, where that does not come.
    func receive(through end: String? = nil) async throws -> String {
        try await NIOThreadPool.singleton.runIfActive { [descriptor] in
            var answer: [UInt8] = []
            let last = end.map { Array($0.utf8) } ?? []
            while last.isEmpty || !answer.suffix(last.count).elementsEqual(last) {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = recv(descriptor, &buffer, last.isEmpty ? buffer.count : 1, 0)
                // Closed with bytes of ours unread, the connection is reset: that is an end too.
                if count == 0 || (count < 0 && errno == ECONNRESET) { break }
                guard count > 0 else { throw Failure() }
                answer += buffer.prefix(count)
            }
            return String(decoding: answer, as: UTF8.self)
        }
    }

    /// Sends bytes on a connection of their own and reads until the other side closes.
    static func exchange(port: Int, _ request: String) async throws -> String {
        let connection = try await RawConnection(port: port)
        guard try await connection.send(request) else { throw Failure() }
        return try await connection.receive()
    }
}
