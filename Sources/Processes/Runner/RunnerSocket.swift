import Glibc

/// The files of a runner in its worker's data directory.
struct RunnerFiles: Sendable {
    let directory: String

    var lock: String { "\(directory)/runner.lock" }
    /// What the runner says of its own troubles.
    var log: String { "\(directory)/runner.log" }

    /// The process that holds the data directory, as it wrote into its own lock; `nil` where that is not known.
    var dataHolder: pid_t? {
        readSmallFile("\(directory)/lock", limit: 32)
            .flatMap { pid_t(String(decoding: $0.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)) }
    }

    /// Takes the runner's lock, which its holder keeps until it ends, and writes the holder's pid into it. `nil` when it is
    /// held for longer than the wait.
    func takeLock(waitMilliseconds: Int) throws(ProcessError) -> Int32? {
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ProcessError(errno: errno, "opening \(lock)") }
        for _ in 0...(waitMilliseconds / 20) {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                let text = "\(getpid())\n"
                ftruncate(descriptor, 0)
                _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
                return descriptor
            }
            poll(nil, 0, 20)
        }
        close(descriptor)
        return nil
    }

    /// Listens on the socket; a file that a dead runner left is replaced. Called by the holder of the lock.
    func listen() throws(ProcessError) -> Int32 {
        try withAddress { path, address, length throws(ProcessError) in
            let descriptor = socket(
                AF_UNIX,
                Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
                0
            )
            guard descriptor >= 0 else { throw ProcessError(errno: errno, "making the runner's socket") }
            unlink(path)
            let mask = umask(0o177)
            defer { umask(mask) }
            guard bind(descriptor, address, length) == 0, Glibc.listen(descriptor, 8) == 0 else {
                let number = errno
                close(descriptor)
                throw ProcessError(errno: number, "listening in \(directory)")
            }
            return descriptor
        }
    }

    /// Whether a worker could find the socket.
    var hasSocket: Bool { access("\(directory)/runner.sock", F_OK) == 0 }

    /// Connects to the runner; `nil` when there is none.
    func connect() throws(ProcessError) -> Int32? {
        try withAddress { _, address, length throws(ProcessError) in
            let descriptor = socket(
                AF_UNIX,
                Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
                0
            )
            guard descriptor >= 0 else { throw ProcessError(errno: errno, "making a socket") }
            if Glibc.connect(descriptor, address, length) == 0 { return descriptor }
            close(descriptor)
            return nil
        }
    }

    /// The socket's path may be longer than an address holds, so it is named through an open descriptor.
    private func withAddress<Result>(
        _ body: (String, UnsafePointer<sockaddr>, socklen_t) throws(ProcessError) -> Result
    ) throws(ProcessError) -> Result {
        let directoryDescriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directoryDescriptor >= 0 else { throw ProcessError(errno: errno, "opening \(directory)") }
        defer { close(directoryDescriptor) }
        let path = "/proc/self/fd/\(directoryDescriptor)/runner.sock"
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A path of some 40 bytes at most, in a field of 108 that is zero.
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        return try withUnsafeBytes(of: &address) { bytes throws(ProcessError) in
            // `bytes` is the structure above, seen as its general form.
            try body(path, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), length)
        }
    }
}

/// One side of the connection: frames out and in, without waiting.
struct FrameConnection {
    let descriptor: Int32
    private var incoming = FrameBuffer()
    private var outgoing: [UInt8] = []
    private var sent = 0

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Bytes that the other side has not taken yet.
    var pendingBytes: Int { outgoing.count - sent }

    mutating func enqueue(_ frame: [UInt8]) { outgoing += frame }

    /// Sends what can be sent. Returns false when the connection is broken.
    mutating func flush() -> Bool {
        while sent < outgoing.count {
            let count = outgoing.withUnsafeBytes { bytes in
                send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            sent += count
        }
        outgoing.removeAll(keepingCapacity: outgoing.capacity <= 1 << 20)
        sent = 0
        return true
    }

    /// Takes in what has come. Returns false at the end of the connection; what came before it is still to be taken.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 {
                incoming.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                // A full buffer may mean that there is more; the loop comes back for it.
                if count < buffer.count { return true }
            } else if count == 0 {
                return false
            } else if errno != EINTR {
                return errno == EAGAIN
            }
        }
    }

    mutating func next() throws(FrameError) -> ArraySlice<UInt8>? { try incoming.next() }
}
