import HistoryChecking
import Testing

struct TransactionLogTests {
    /// A golden history with zxids of one epoch after the other, without holes.
    private static func numbered(epochs: [Int]) -> [Transaction] {
        var transactions = Golden.history().transactions
        var rest = epochs[...]
        var epoch: Int64 = 1
        var counter: Int64 = 0
        for index in transactions.indices {
            if let count = rest.first, counter == count {
                rest = rest.dropFirst()
                epoch += 1
                counter = 0
            }
            counter += 1
            transactions[index].zxid = epoch << 32 | counter
        }
        return transactions
    }

    private static func bare(_ transactions: [Transaction]) -> [Transaction] {
        transactions.map { transaction in
            var transaction = transaction
            transaction.source = ""
            return transaction
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        var transactions = Golden.history().transactions
        transactions.append(
            Transaction(
                zxid: 1 << 40,
                time: 1,
                session: -1,
                cxid: 0,
                operations: [.failed(code: -110), .failed(code: -2)]
            )
        )
        transactions.append(
            Transaction(
                zxid: 1 << 41,
                time: 1,
                session: 1,
                cxid: 0,
                operations: [.closeSession(paths: ["/a", "/b"])]
            )
        )
        transactions.append(
            Transaction(
                zxid: 1 << 42,
                time: 1,
                session: 1,
                cxid: 3,
                operations: [.setACL(path: "/a", version: 4)]
            )
        )
        transactions.append(
            Transaction(zxid: 1 << 43, time: 1, session: 1, cxid: 3, operations: [.other(kind: 16)])
        )
        let read = try TransactionLogFile.read(LogWriter.file(transactions), name: "log.1")
        #expect(Self.bare(read) == Self.bare(transactions))
        #expect(read.first?.source == "log.1:16")
        #expect(!read[read.count - 4].isApplied && read[read.count - 3].isApplied)
    }

    /// A crash may cut the last entry anywhere; what was written ahead is zeros.
    @Test(arguments: [0, 64]) func aTornLastEntryIsLeftOut(padding: Int) throws {
        let transactions = Array(Golden.history().transactions.prefix(3))
        let whole = LogWriter.file(transactions, padding: 0)
        let last = LogWriter.entry(transactions[2]).count
        for cut in 1...last {
            let bytes =
                Array(whole.dropLast(cut)) + [UInt8](repeating: 0, count: padding > 0 ? padding + cut : 0)
            let read = try TransactionLogFile.read(bytes, name: "log")
            #expect(read.count == 2, "\(cut) bytes are cut off")
        }
    }

    @Test func aDamagedEntryInTheMiddleIsAnError() {
        let transactions = Array(Golden.history().transactions.prefix(3))
        let good = LogWriter.file(transactions)
        let middle = 16 + LogWriter.entry(transactions[0]).count
        for offset in 0..<LogWriter.entry(transactions[1]).count {
            var bytes = good
            bytes[middle + offset] ^= 0x10
            #expect(throws: UnreadableInput.self, "byte \(offset)") {
                try TransactionLogFile.read(bytes, name: "log")
            }
        }
    }

    @Test func whatIsNoLogIsRefused() {
        #expect(throws: UnreadableInput.self) {
            try TransactionLogFile.read(Array("hello, this is no log".utf8), name: "log")
        }
        #expect(throws: UnreadableInput.self) { try TransactionLogFile.read([1, 2], name: "log") }
        #expect(throws: UnreadableInput.self) { try TransactionLog.read(directories: ["/nowhere"]) }
    }

    @Test func serversAreMerged() throws {
        let all = Self.numbered(epochs: [40, 60])
        // One stopped early, one was sent a stretch as a snapshot.
        let merged = try TransactionLog.merge(
            [Array(all.prefix(70)), all.filter { $0.zxid >> 32 != 2 || $0.zxid & 0xFFFF_FFFF > 20 }, all],
            names: ["a", "b", "c"]
        )
        #expect(merged.transactions == all)
        #expect(merged.notes.isEmpty)
        let two = try TransactionLog.merge(
            [Array(all.prefix(90)), all.filter { $0.zxid >> 32 != 2 || $0.zxid & 0xFFFF_FFFF > 20 }],
            names: ["a", "b"]
        )
        #expect(two.transactions == all)
    }

    /// A leader that died alone may have written down what was never agreed.
    @Test func aProposalThatWasNeverAgreedIsLeftOut() throws {
        let all = Self.numbered(epochs: [40, 60])
        var alone = Array(all.prefix(40))
        alone.append(
            Transaction(
                zxid: 1 << 32 | 41,
                time: 5,
                session: 1,
                cxid: 1,
                operations: [.delete(path: "/root/never")]
            )
        )
        let merged = try TransactionLog.merge([alone, all, all], names: ["a", "b", "c"])
        #expect(merged.transactions == all)
        #expect(merged.notes.count == 1)
    }

    /// It comes back, is sent a snapshot, and its log reaches as far as all others.
    @Test func aProposalThatWasNeverAgreedIsLeftOutOfTheLogThatReachesFurthest() throws {
        let all = Self.numbered(epochs: [4, 6])
        var alone = all
        var lost = all[3]
        lost.zxid += 1
        alone.insert(lost, at: 4)
        for servers in [[alone, all, all], [all, all, alone]] {
            let merged = try TransactionLog.merge(servers, names: ["a", "b", "c"])
            #expect(Self.bare(merged.transactions) == Self.bare(all))
            #expect(merged.notes.count == 1)
        }
    }

    /// Servers that joined a leader which was lost at once wrote down what it sent, and went on without it.
    @Test func whatLaterTransactionsKnowNothingOfIsLeftOut() throws {
        let create = LogOperation.create(path: "/root/a", data: [], isEphemeral: false)
        let set = LogOperation.set(path: "/root/a", data: [], version: 1)
        let delete = LogOperation.delete(path: "/root/a")
        let other = LogOperation.create(path: "/root/b", data: [], isEphemeral: false)
        func log(_ epochs: [[LogOperation]]) -> [Transaction] {
            zip(Int64(1)..., epochs).flatMap { epoch, operations in
                zip(Int64(1)..., operations).map { number, operation in
                    Transaction(
                        zxid: epoch << 32 | number,
                        time: 1,
                        session: 1,
                        cxid: 1,
                        operations: [operation]
                    )
                }
            }
        }
        let cases: [(kept: [LogOperation], lost: [LogOperation], next: [LogOperation])] = [
            ([other], [create], [create, set]),
            ([create], [set], [set]),
            ([create], [set, .set(path: "/root/a", data: [], version: 2), other], [set, other]),
            ([create], [delete], [set]),
            ([create], [other, delete], [delete, other]),
        ]
        for (kept, lost, next) in cases {
            let all = log([kept + lost, next])
            let merged = try TransactionLog.merge([all, all, all], names: ["a", "b", "c"])
            #expect(merged.transactions.map(\.operations) == (kept + next).map { [$0] }, "\(lost)")
            #expect(merged.notes.count == 1)
        }
        // Nothing is left out of what fits together, or of what no change of leaders explains. What an earlier session made
        // does not go with it where a later one has made it anew.
        var taken = log([[.create(path: "/root/a", data: [], isEphemeral: true)], [], [set]])
        for operation in [delete, .create(path: "/root/a", data: [], isEphemeral: true)] {
            taken.insert(
                Transaction(zxid: 0, time: 1, session: 2, cxid: 1, operations: [operation]),
                at: taken.count - 1
            )
        }
        taken.insert(
            Transaction(zxid: 0, time: 1, session: 1, cxid: 1, operations: [.closeSession(paths: [])]),
            at: 3
        )
        for index in taken.indices.dropFirst() { taken[index].zxid = 2 << 32 | Int64(index) }
        for all in [log([[create, set], [delete, create, set]]), log([[create, create, set]]), taken] {
            let merged = try TransactionLog.merge([all, all, all], names: ["a", "b", "c"])
            #expect(merged.transactions == all && merged.notes.isEmpty)
        }
    }

    @Test func logsThatDisagreeOrLackSomethingAreRefused() {
        let all = Self.numbered(epochs: [40, 60])
        var other = all
        other[50].time += 1
        #expect(throws: UnreadableInput.self) { try TransactionLog.merge([all, other], names: ["a", "b"]) }
        #expect(throws: UnreadableInput.self) {
            try TransactionLog.merge([Array(all.dropFirst())], names: ["a"])
        }
        #expect(throws: UnreadableInput.self) {
            try TransactionLog.merge([Array(all[..<10] + all[11...])], names: ["a"])
        }
        #expect(throws: UnreadableInput.self) { try TransactionLog.merge([[]], names: ["a"]) }
    }

    /// A history that does not fit together is not judged at all.
    @Test func whatWasNeverCreatedCannotBeSet() {
        let transactions = Golden.history().transactions
        #expect(throws: UnreadableInput.self) {
            try History(transactions.filter { $0.operations.count < 10 })
        }
        #expect(throws: UnreadableInput.self) { try History(transactions, root: "/elsewhere") }
        #expect(throws: UnreadableInput.self) { try History(transactions + [transactions[3]]) }
    }
}
