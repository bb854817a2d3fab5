internal import Glibc

/// The transaction log of an ensemble: what its servers wrote down, merged.
package enum TransactionLog {
    /// Reads the logs of the servers, a directory each: a `dataDir` or the `version-2` in it.
    package static func read(
        directories: [String]
    ) throws(UnreadableInput) -> (
        transactions: [Transaction], notes: [String]
    ) {
        guard !directories.isEmpty else { throw UnreadableInput("--txn", "no directory is given") }
        var servers: [[Transaction]] = []
        for directory in directories { servers.append(try server(directory)) }
        return try merge(servers, names: directories)
    }

    private static func server(_ directory: String) throws(UnreadableInput) -> [Transaction] {
        var home = directory
        if let names = InputFile.names(in: directory), names.contains("version-2") {
            home = "\(directory)/version-2"
        }
        guard let names = InputFile.names(in: home) else {
            throw UnreadableInput(directory, "the directory cannot be read")
        }
        let files = names.compactMap { name -> (Int64, String)? in
            guard name.hasPrefix("log."), let first = Int64(name.dropFirst(4), radix: 16) else { return nil }
            return (first, name)
        }.sorted { $0.0 < $1.0 }
        guard !files.isEmpty else { throw UnreadableInput(home, "there is no log.* in it") }
        var transactions: [Transaction] = []
        for (_, name) in files {
            let path = "\(home)/\(name)"
            for transaction in try TransactionLogFile.read(try InputFile.bytes(of: path), name: path) {
                // A server that restarts may write again what it had at the end of the file before.
                while let last = transactions.last, last.zxid >= transaction.zxid {
                    transactions.removeLast()
                }
                transactions.append(transaction)
            }
        }
        return transactions
    }

    /// Merges what the servers of one ensemble wrote.
    ///
    /// The log that reaches furthest is the base: its server took part to the end. It may lack a stretch that it was
    /// sent as a snapshot; others fill such a hole. What another has beyond the base's end of an epoch was agreed only
    /// if most of the given logs have it: else it was proposed by a leader that died with it. The base may be the log
    /// of such a leader, which came back and was sent a snapshot: what it has at the end of an epoch was not agreed
    /// where most servers went on without it. And where later transactions were decided without the end of an earlier
    /// epoch, that end was not agreed either, though every log has it (see ``Contradiction``). The same zxid with
    /// different contents, or a hole that nobody fills, cannot be judged.
    package static func merge(
        _ servers: [[Transaction]],
        names: [String]
    ) throws(UnreadableInput) -> (transactions: [Transaction], notes: [String]) {
        guard let base = servers.indices.max(by: { last(servers[$0]) < last(servers[$1]) }),
            !servers[base].isEmpty
        else { throw UnreadableInput(names.first ?? "--txn", "the log is empty") }
        var merged: [Int64: Transaction] = [:]
        var counts: [Int64: Int] = [:]
        for (index, server) in servers.enumerated() {
            for transaction in server {
                counts[transaction.zxid, default: 0] += 1
                if let known = merged[transaction.zxid] {
                    guard same(known, transaction) else {
                        throw UnreadableInput(
                            transaction.source,
                            "\(transaction.zxid.hexadecimal) differs from what is at \(known.source)"
                        )
                    }
                    if index != base { continue }
                }
                merged[transaction.zxid] = transaction
            }
        }
        let agreed = Set(servers[base].map(\.zxid))
        // The last that the base has of each epoch.
        var lastOfEpoch: [Int64: Int64] = [:]
        for zxid in agreed { lastOfEpoch[zxid >> 32] = max(lastOfEpoch[zxid >> 32] ?? 0, zxid) }
        var dropped: [Int64] = []
        for zxid in merged.keys where !agreed.contains(zxid) {
            if let last = lastOfEpoch[zxid >> 32], zxid < last { continue }
            if counts[zxid, default: 0] * 2 > servers.count { continue }
            dropped.append(zxid)
        }
        // The last that most logs have of each epoch.
        var agreedOfEpoch: [Int64: Int64] = [:]
        for (zxid, count) in counts where count * 2 > servers.count {
            agreedOfEpoch[zxid >> 32] = max(agreedOfEpoch[zxid >> 32] ?? 0, zxid)
        }
        for zxid in agreed where zxid > agreedOfEpoch[zxid >> 32] ?? 0 {
            let others = servers.count { last($0) >> 32 > zxid >> 32 } - 1
            if others * 2 > servers.count, counts[zxid] == 1 { dropped.append(zxid) }
        }
        for zxid in dropped { merged[zxid] = nil }
        var transactions = merged.values.sorted { $0.zxid < $1.zxid }
        try checkComplete(transactions)
        while let contradiction = Contradiction.first(in: transactions) {
            dropped += transactions.filter(contradiction.covers).map(\.zxid)
            transactions.removeAll(where: contradiction.covers)
        }
        let notes =
            dropped.isEmpty
            ? []
            : [
                "left out \(dropped.count) proposals that were never agreed, from \(dropped.min()!.hexadecimal) on"
            ]
        return (transactions, notes)
    }

    private static func last(_ server: [Transaction]) -> Int64 { server.last?.zxid ?? -1 }

    /// Of a refused `multi` only that it was refused counts: the server that leads rewrites the kinds of its operations
    /// after it has proposed them, so that its log tells them otherwise than those of the others.
    private static func same(_ left: Transaction, _ right: Transaction) -> Bool {
        guard left.time == right.time, left.session == right.session else { return false }
        return left.operations == right.operations || (!left.isApplied && !right.isApplied)
    }

    /// The counter of an epoch begins at 1 and has no holes.
    private static func checkComplete(_ transactions: [Transaction]) throws(UnreadableInput) {
        var previous: Int64 = 0
        for transaction in transactions {
            let isNext = transaction.zxid == previous + 1
            let isNewEpoch = transaction.zxid >> 32 > previous >> 32 && transaction.zxid & 0xFFFF_FFFF == 1
            guard isNext || isNewEpoch else {
                throw UnreadableInput(
                    transaction.source,
                    previous == 0
                        ? "the log begins at \(transaction.zxid.hexadecimal): the first files are missing"
                        : "there is nothing between \(previous.hexadecimal) and \(transaction.zxid.hexadecimal)"
                )
            }
            previous = transaction.zxid
        }
    }
}

/// Files as they are.
enum InputFile {
    static func names(in directory: String) -> [String]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // The C library ends the name with a zero within the field; the text is a copy.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func bytes(of path: String) throws(UnreadableInput) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw UnreadableInput(path, String(cString: strerror(errno))) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw UnreadableInput(path, String(cString: strerror(errno))) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw UnreadableInput(path, String(cString: strerror(errno)))
            }
            if count == 0 { return bytes }
            bytes += chunk[0..<count]
        }
    }
}
