import Coordination
import Scheduling
import ZnodeStore

/// Reads what earlier commits left in the outbox, in order.
struct OutboxReader: Sendable {
    let session: any ZnodeSession
    let layout: ZnodeLayout

    func read() async throws -> [MirrorFeed.Final] {
        let names = try await session.children(layout.outbox)
        var finals: [MirrorFeed.Final] = []
        for name in names {
            let path = layout.outbox.child(name)
            let data = try await session.get(path).data
            let batch = try RecordCoding.decode(MirrorBatch.self, from: data, path: path)
            finals.append(.init(batch: batch, bytes: data.count))
        }
        return finals.sorted { $0.batch.version < $1.batch.version }
    }
}
